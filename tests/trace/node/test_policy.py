"""Policy routing where the packet leaves open what a rule asks: both ways are told, each under its condition."""

from ipaddress import ip_address

import pytest

from natc.netfilter.intervals import name
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.node.host import Host
from natc.netfilter.packet import open_mark, question_packet
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode

EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.1.254/24"]},
        {"name": "eth1", "addrs": ["10.0.5.2/24"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0", "default via 10.0.5.1 dev eth1 table 100"],
    "ip_forward": 1,
}


def ways(rule, dump=EMPTY, sysctl=None, origin="network", **fields):
    """Return the outgoing interface of each piece of an answer, with what is known of open values there."""
    node = NODE | {"rules": [rule] if rule else [], "sysctl": sysctl or {}}
    machine = Machine.of(read(dump, family=4), HostNode(Host.from_node(node)))
    answer = machine.trace(question_packet("8.8.8.8", 80, **fields), origin)
    return {piece.outcome.out or piece.outcome.verdict: piece.facts.known for piece in answer.pieces}


def domains(known):
    return {value.kind: domain for value, domain in known.items()}


def test_a_source_that_a_rule_is_not_for_is_not_left_to_the_kernel():
    """Without a source IPv6 chooses one and looks again with that, here by table 100."""
    node = {
        "family": 6,
        "interfaces": [
            {"name": "eth0", "addrs": ["2001:db8::10/64"]},
            {"name": "cni0", "addrs": ["fd00:1::fffe/64"]},
            {"name": "eth1", "addrs": ["fd00:5::2/64"]},
        ],
        "routes": ["unreachable fd00:66::/64", "default via fd00:5::1 dev eth1 table 100"],
        "rules": ["from fd00:1::/64 table 100"],
    }
    machine = Machine.of(read(EMPTY, family=6), HostNode(Host.from_node(node)))
    packet = question_packet("fd00:66::1", 80)
    pieces = machine.trace(packet, "local").pieces
    assert {piece.outcome.verdict: "fd00:1::5" in told(piece) for piece in pieces} == {
        "OUTPUT": True, "NO_ROUTE": False,
    }  # fmt: skip


def told(piece):
    """The addresses of some that a piece's source may be."""
    (domain,) = domains(piece.facts.known).values()
    return {text for text in ("fd00:1::5", "fd00:5::2") if int(ip_address(text)) in domain}


def test_an_open_source_is_no_martian():
    assert ways("").keys() == {"eth0"}


STRICT = {"net.ipv4.conf.all.rp_filter": 1}


def test_rp_filter_splits_an_open_source_by_the_way_back():
    found = ways("", sysctl=STRICT, in_interface="cni0")
    assert found.keys() == {"eth0", "NO_ROUTE"}
    spans = domains(found["eth0"])["source"].spans
    ends = [str(address_of(end, 32)) for span in spans for end in span]
    assert ends == ["10.244.1.0", "10.244.1.254"]  # neither the node's own address nor the broadcast
    loose = ways("", sysctl={"net.ipv4.conf.all.rp_filter": 2}, in_interface="cni0")
    assert loose.keys() == {"eth0"}


def test_rp_filter_tells_the_interfaces_apart_that_it_filters():
    found = ways("", sysctl=STRICT)
    assert found.keys() == {"eth0", "NO_ROUTE"}
    assert domains(found["NO_ROUTE"]).keys() == {"source", "incoming interface"}
    only = ways("", sysctl={"net.ipv4.conf.eth1.rp_filter": 1})
    assert domains(only["NO_ROUTE"])["incoming interface"].single == "eth1"


def test_rp_filter_asks_of_a_known_source_by_which_interface_it_came():
    found = ways("", sysctl=STRICT, src="10.244.1.5")
    assert found.keys() == {"eth0", "NO_ROUTE"}
    assert domains(found["eth0"])["incoming interface"] & name("cni0")
    assert not domains(found["NO_ROUTE"])["incoming interface"] & name("cni0")


REDIRECTED = """*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 8.8.8.8/32 -p tcp -j REDIRECT --to-ports 8080
COMMIT
"""


def test_a_redirected_packet_is_delivered_here_whichever_interface_it_came_by():
    assert ways("", dump=REDIRECTED).keys() == {"INPUT"}
    answer = Machine.of(read(REDIRECTED)).trace(question_packet("8.8.8.8", 80))
    assert [piece.outcome.verdict for piece in answer.pieces] == ["INPUT"]


def test_a_redirected_packet_gets_the_address_of_the_interface_it_came_by():
    node = NODE | {"interfaces": [*NODE["interfaces"], {"name": "veth1", "addrs": []}]}
    machine = Machine.of(read(REDIRECTED), HostNode(Host.from_node(node)))
    pieces = machine.trace(question_packet("8.8.8.8", 80)).pieces
    ends = {
        name: (piece.outcome.verdict, piece.outcome.dnat and str(piece.outcome.dnat))
        for piece in pieces
        for name in ("eth0", "cni0", "veth1", "other")
        if name in domains(piece.facts.known)["incoming interface"]
    }
    assert ends == {
        "eth0": ("INPUT", "192.168.1.10:8080"),
        "cni0": ("INPUT", "10.244.1.254:8080"),
        "veth1": ("DROP", None),
        "other": ("INPUT", "address of the incoming interface:8080"),
    }


def test_of_what_type_an_address_is_for_an_open_interface_splits_it():
    dump = EMPTY.replace("COMMIT", "-A INPUT -m addrtype --dst-type LOCAL --limit-iface-in -j DROP\nCOMMIT")
    machine = Machine.of(read(dump, family=4), HostNode(Host.from_node(NODE)))
    ends = {
        piece.outcome.verdict: domains(piece.facts.known)["incoming interface"]
        for piece in machine.trace(question_packet("10.0.5.2", 80)).pieces
    }
    assert ends.keys() == {"DROP", "INPUT"}
    assert ends["DROP"].single == "eth1"


def test_a_range_of_destinations_is_routed_part_by_part():
    dump = REDIRECTED.replace("REDIRECT --to-ports 8080", "DNAT --to-destination 10.244.1.250-10.244.1.254")
    found = ways("", dump=dump)
    assert found.keys() == {"cni0", "INPUT"}


def test_a_packet_that_may_be_invalid_may_have_no_connection():
    dump = EMPTY.replace("*filter", "*mangle").replace(":INPUT", ":PREROUTING ACCEPT [0:0]\n:INPUT")
    dump = dump.replace("COMMIT", "-A PREROUTING -j CONNMARK --restore-mark\nCOMMIT")
    answer = Machine.of(read(dump)).trace(question_packet("8.8.8.8", 80, mark=7, ctstate=None))
    marks = {outcome.mark: case.conditions for case in answer.cases for _, outcome in case.outcomes}
    assert marks == {0: ("state is ESTABLISHED or NEW or RELATED",), 7: ("state is INVALID",)}


@pytest.mark.parametrize("origin", ["network", "local"])
def test_a_rule_about_the_source_splits_an_open_source(origin):
    found = ways("from 10.244.1.0/24 table 100", origin=origin)
    assert found.keys() == {"eth0", "eth1"}
    (inside,) = domains(found["eth1"])["source"].spans
    assert [str(address_of(end, 32)) for end in inside] == ["10.244.1.0", "10.244.2.0"]
    assert not domains(found["eth0"])["source"] & domains(found["eth1"])["source"]


def test_a_rule_about_the_interface_splits_an_open_interface():
    found = ways("iif cni0 table 100")
    assert found.keys() == {"eth0", "eth1"}
    assert domains(found["eth1"])["incoming interface"].single == "cni0"
    assert ways("iif cni0 table 100", in_interface="cni0").keys() == {"eth1"}


def test_a_rule_about_the_mark_splits_an_open_mark():
    assert ways("fwmark 0x1/0x1 table 100", mark=open_mark()).keys() == {"eth0", "eth1"}
    marked = EMPTY.replace("*filter", "*mangle").replace(
        ":OUTPUT", "-A PREROUTING -j MARK --set-xmark 0x1/0x1\n:OUTPUT"
    )
    marked = marked.replace(":INPUT", ":PREROUTING ACCEPT [0:0]\n:INPUT")
    assert ways("fwmark 0x1/0x1 table 100", dump=marked, mark=open_mark()).keys() == {"eth1"}


def test_a_rule_about_ports_splits_an_open_port():
    assert ways("sport 1000-2000 table 100").keys() == {"eth0", "eth1"}
    assert ways("sport 1000-2000 table 100", sport=1500).keys() == {"eth1"}


def test_a_rule_about_something_known_splits_nothing():
    assert ways("to 8.8.8.8 table 100").keys() == {"eth1"}
    assert ways("from 10.244.1.0/24 table 100", src="10.244.1.5").keys() == {"eth1"}
    assert ways("not from 10.244.1.0/24 table 100", src="10.244.1.5").keys() == {"eth0"}


def test_the_way_back_of_an_open_source_is_a_question():
    dump = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -m rpfilter --invert -j DROP\nCOMMIT\n"
    assert ways("", dump=dump).keys() == {"eth0", "DROP"}


def test_tproxy_asks_for_a_socket_and_drops_without_one():
    dump = """*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j TPROXY --on-port 9999 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1
COMMIT
"""
    node = NODE | {
        "rules": ["fwmark 0x1/0x1 table 101"],
        "routes": [*NODE["routes"], "local default dev lo table 101"],
    }
    machine = Machine.of(read(dump, family=4), HostNode(Host.from_node(node)))
    answer = machine.trace(question_packet("8.8.8.8", 80))
    socket = "a process here takes what TPROXY sends to port 9999"
    ends = {
        case.conditions: (o.verdict, o.mark, o.drop_at) for case in answer.cases for _, o in case.outcomes
    }
    assert ends == {(socket,): ("INPUT", 1, None), (f"not: {socket}",): ("DROP", 0, "mangle PREROUTING 1")}
    assert [(question.text, question.rule.line) for question in answer.questions] == [(socket, 3)]

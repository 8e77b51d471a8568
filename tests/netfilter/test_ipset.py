"""What is in a set: by example, and as `ipset test` of this machine says."""

import random
import subprocess

import pytest

from natc.netfilter.ipset.all_sets import CounterLimits, Sets
from natc.netfilter.ipset.members import Device, Entry, PortPart
from natc.netfilter.ipset.probe import Probe
from natc.netfilter.node.iproute import Prefix
from natc.text.node.ipset import read_sets, write_sets
from tests.netfilter.nodes import number
from tests.support import need_kernel

MAC = bytes.fromhex("02000000000a")


def probe(src: str = "10.244.1.5", dst: str = "10.96.0.10", **more: object) -> Probe:
    family = 6 if ":" in src else 4
    values = {"proto": 6, "sport": 40000, "dport": 80, "in_interface": "eth0", "out_interface": "cni0"}
    return Probe(family, number(src), number(dst), **(values | more))  # type: ignore[arg-type]


def sets_of(*lines: str) -> Sets:
    return read_sets("\n".join(lines))


@pytest.mark.parametrize(
    ("create", "members", "directions", "packet", "inside"),
    [
        ("hash:ip", ["10.244.1.5"], "src", probe(), True),
        ("hash:ip", ["10.244.1.5"], "dst", probe(), False),
        ("hash:ip netmask 24", ["10.244.1.0"], "src", probe(), True),
        ("hash:ip bitmask 255.255.0.255", ["10.244.9.5"], "src", probe(), True),
        ("hash:ip", ["10.244.1.5"], "src", probe("fd00::1", "fd00::2"), False),
        ("hash:ip", ["10.244.1.5"], "src,dst", probe(), True),
        ("hash:ip,port", ["10.96.0.10,tcp:80"], "dst,dst", probe(), True),
        ("hash:ip,port", ["10.96.0.10,tcp:80"], "dst", probe(), False),
        ("hash:ip,port", ["10.96.0.10,udp:80"], "dst,dst", probe(), False),
        ("hash:ip,port", ["10.96.0.10,tcp:80"], "dst,src", probe(), False),
        ("hash:ip,port", ["10.96.0.10,icmp:8/0"], "dst,dst", probe(proto=1, icmp=8 << 8), True),
        ("hash:ip,port", ["10.96.0.10,gre:0"], "dst,dst", probe(proto=47), True),
        ("hash:ip,port", ["10.96.0.10,tcp:80"], "dst,dst", probe(lacks_header=True), False),
        ("hash:ip,port,ip", ["10.96.0.10,tcp:80,10.244.1.5"], "dst,dst,src", probe(), True),
        ("hash:ip,port,ip", ["10.96.0.10,tcp:80,10.244.1.6"], "dst,dst,src", probe(), False),
        ("hash:ip,port,net", ["10.96.0.10,tcp:80,10.244.0.0/16"], "dst,dst,src", probe(), True),
        ("hash:net,port", ["10.96.0.0/16,tcp:80"], "dst,dst", probe(), True),
        ("hash:net,net", ["10.244.0.0/16,10.96.0.0/12"], "src,dst", probe(), True),
        ("hash:net,net", ["10.244.0.0/16,10.96.0.0/12", "10.244.1.0/24,10.0.0.0/8 nomatch"], "src,dst",
         probe(), False),
        ("hash:net,port,net", ["10.244.0.0/16,tcp:80,10.96.0.0/12"], "src,dst,dst", probe(), True),
        ("hash:net", ["10.0.0.0/8"], "src", probe(), True),
        ("hash:net", ["10.0.0.0/8", "10.244.1.0/24 nomatch"], "src", probe(), False),
        ("hash:net", ["10.0.0.0/8", "10.244.1.0/24 nomatch", "10.244.1.5"], "src", probe(), True),
        ("hash:net,iface", ["10.0.0.0/8,eth0"], "src,src", probe(), True),
        ("hash:net,iface", ["10.0.0.0/8,eth0"], "dst,dst", probe(), False),
        ("hash:net,iface", ["10.0.0.0/8,eth wildcard"], "src,src", probe(), True),
        ("hash:net,iface", ["10.0.0.0/8,physdev:eth0"], "src,src", probe(), False),
        ("hash:net,iface", ["10.0.0.0/8,physdev:veth1"], "src,src", probe(bridge_port_in="veth1"), True),
        ("hash:net,iface", ["10.0.0.0/8,eth1", "10.244.1.0/24,eth0"], "src,src", probe(in_interface="eth1"), False),
        ("hash:net,iface", ["10.0.0.0/8,eth0"], "src,src", probe(in_interface=""), False),
        ("hash:ip,mark", ["10.244.1.5,0x10"], "src,src", probe(mark=0x10), True),
        ("hash:ip,mark markmask 0xf0", ["10.244.1.5,0x10"], "src,src", probe(mark=0x1F), True),
        ("hash:mac", ["02:00:00:00:00:0a"], "src", probe(link_src=MAC), True),
        ("hash:mac", ["02:00:00:00:00:0a"], "src", probe(), False),
        ("hash:ip,mac", ["10.244.1.5,02:00:00:00:00:0a"], "src,src", probe(link_src=MAC), True),
        ("bitmap:ip range 10.244.0.0/16", ["10.244.1.5"], "src", probe(), True),
        ("bitmap:ip range 10.244.0.0/16", ["10.244.1.5"], "dst", probe(), False),
        ("bitmap:ip range 10.244.0.0/16 netmask 24", ["10.244.1.0"], "src", probe(), True),
        ("bitmap:port range 0-65535", ["80-90"], "dst", probe(), True),
        ("bitmap:port range 0-65535", ["80"], "dst", probe(proto=132), False),
        ("bitmap:port range 0-65535", ["80"], "dst", probe("fd00::1", "fd00::2"), True),
        ("bitmap:ip,mac range 10.244.0.0/16", ["10.244.1.5,02:00:00:00:00:0a"], "src,src", probe(), False),
        ("bitmap:ip,mac range 10.244.0.0/16", ["10.244.1.5"], "src,src", probe(link_src=MAC), True),
    ],
)  # fmt: skip
def test_membership(create: str, members: list[str], directions: str, packet: Probe, inside: bool) -> None:
    sets = sets_of(f"create S {create}", *(f"add S {member}" for member in members))
    assert sets.matches("S", tuple(directions.split(",")), packet) is inside


def test_a_set_of_ipv6() -> None:
    sets = sets_of("create S hash:net family inet6", "add S fd00::/16", "add S fd00:1::/64 nomatch")
    assert sets.matches("S", ("src",), probe("fd00:2::1", "::1"))
    assert not sets.matches("S", ("src",), probe("fd00:1::1", "::1"))
    assert not sets.matches("S", ("src",), probe())


def test_the_exceptions_can_be_asked_for() -> None:
    sets = sets_of("create S hash:net", "add S 10.0.0.0/8", "add S 10.244.1.0/24 nomatch")
    assert sets.matches("S", ("src",), probe(), return_nomatch=True)
    assert not sets.matches("S", ("dst",), probe(), return_nomatch=True)
    assert not sets.matches("S", ("src",), probe("9.9.9.9"), return_nomatch=True)


def test_a_list_holds_what_its_sets_hold() -> None:
    sets = sets_of(
        "create A hash:ip", "add A 10.244.1.5", "create B hash:ip,port", "add B 10.96.0.10,tcp:80",
        "create L list:set", "add L B", "add L A",
    )  # fmt: skip
    assert sets.matches("L", ("src",), probe())
    assert sets.matches("L", ("dst", "dst"), probe())
    assert not sets.matches("L", ("dst",), probe())
    sets.destroy("A")
    assert sets.matches("L", ("dst", "dst"), probe())
    assert sets.matches("L", ("dst",), probe()) is None


def test_a_missing_set_is_no_answer() -> None:
    assert Sets().matches("S", ("src",), probe()) is None


def test_adding_and_deleting_by_packet() -> None:
    sets = sets_of("create S hash:ip")
    assert sets.add_packet("S", ("src",), probe())
    assert not sets.add_packet("S", ("src",), probe())
    assert sets.add_packet("S", ("src",), probe(), exist=True)
    assert sets.matches("S", ("src",), probe())
    assert sets.delete_packet("S", ("src",), probe())
    assert not sets.delete_packet("S", ("src",), probe())
    assert not sets.matches("S", ("src",), probe())


def test_a_packet_adds_the_most_specific_network_of_the_set() -> None:
    sets = sets_of("create S hash:net", "add S 10.0.0.0/8", "add S 172.17.0.0/16")
    assert sets.add_packet("S", ("src",), probe())
    assert "add S 10.244.0.0/16\n" in write_sets(sets)


def test_a_packet_adds_to_the_first_set_of_a_list_that_takes_it() -> None:
    sets = sets_of("create A hash:ip maxelem 1", "add A 9.9.9.9", "create B hash:ip", "create L list:set",
                   "add L A", "add L B")  # fmt: skip
    assert sets.add_packet("L", ("src",), probe())
    assert sets.matches("B", ("src",), probe())


def test_members_of_every_kind_are_made_from_packets() -> None:
    sets = sets_of("create P hash:ip,port,net", "create I hash:net,iface timeout 60 counters",
                   "create T bitmap:port range 0-100")  # fmt: skip
    assert sets.add_packet("P", ("dst", "dst", "src"), probe())
    assert sets.add_packet("I", ("src", "src"), probe(), timeout=9)
    assert sets.add_packet("T", ("dst",), probe())
    assert not sets.add_packet("T", ("src",), probe())
    assert not sets.add_packet("T", (), probe())
    assert [line for line in write_sets(sets).splitlines() if line.startswith("add")] == [
        "add P 10.96.0.10,tcp:80,10.244.1.5",
        "add I 10.244.1.5,eth0 timeout 9 packets 0 bytes 0",
        "add T 80",
    ]


def test_counters_go_up_with_every_match_and_can_be_asked_for() -> None:
    sets = sets_of("create S hash:ip counters", "add S 10.244.1.5 packets 1 bytes 40")
    more = CounterLimits(packets=lambda count: count > 1)
    assert not sets.matches("S", ("src",), probe(length=60), limits=more)
    assert sets.matches("S", ("src",), probe(length=60), count=False)
    assert sets.matches("S", ("src",), probe(length=60))
    assert sets.matches("S", ("src",), probe(length=60), limits=more)
    assert write_sets(sets).endswith("add S 10.244.1.5 packets 3 bytes 160\n")


def test_a_member_takes_the_hardware_address_of_its_first_packet() -> None:
    sets = sets_of("create S bitmap:ip,mac range 10.244.0.0/16", "add S 10.244.1.5")
    assert sets.matches("S", ("src", "src"), probe(link_src=MAC))
    assert not sets.matches("S", ("src", "src"), probe(link_src=bytes(5) + b"\x01"))
    assert write_sets(sets).endswith("add S 10.244.1.5,02:00:00:00:00:0A\n")


def test_a_copy_is_independent() -> None:
    sets = sets_of("create S hash:ip")
    other = sets.copy()
    assert other.add_packet("S", ("src",), probe())
    assert sets.add_packet("S", ("dst",), probe())
    assert other.matches("S", ("src",), probe())
    assert not other.matches("S", ("dst",), probe())
    assert not sets.matches("S", ("src",), probe())


def test_members_by_precedence() -> None:
    sets = sets_of("create S hash:net", "add S 10.0.0.0/8", "add S 10.1.1.1", "add S 10.1.0.0/16 nomatch")
    found = sets.get("S")
    assert found is not None
    assert [e.parts[0].length for e in found.by_precedence() if isinstance(e.parts[0], Prefix)] == [32, 16, 8]


def test_entries_are_values() -> None:
    entry = Entry((Prefix(1, 32, 32), PortPart(6, 80), Device("eth0")))
    assert entry == Entry((Prefix(1, 32, 32), PortPart(6, 80), Device("eth0")), text="as written")


# ---- the kernel of this machine

NETS = ["10.0.0.0/8", "10.244.0.0/16", "10.244.1.0/24", "10.244.1.128/25", "10.244.1.5", "172.17.0.0/16"]
HOSTS = ["10.244.1.5", "10.244.1.6", "10.244.1.200", "10.244.9.9", "10.3.3.3", "172.17.0.2", "8.8.8.8"]
PORTS = ["tcp:80", "tcp:443", "udp:53", "80"]
RECIPES: dict[str, tuple[list[list[str]], list[list[str]], bool]] = {
    "hash:ip": ([HOSTS], [HOSTS], False),
    "hash:ip netmask 24": ([HOSTS], [HOSTS], False),
    "hash:net": ([NETS], [HOSTS], True),
    "hash:ip,port": ([HOSTS, PORTS], [HOSTS, PORTS], False),
    "hash:net,port": ([NETS, PORTS], [HOSTS, PORTS], True),
    "hash:ip,port,ip": ([HOSTS, PORTS, HOSTS], [HOSTS, PORTS, HOSTS], False),
    "hash:ip,port,net": ([HOSTS, PORTS, NETS], [HOSTS, PORTS, HOSTS], True),
    "bitmap:ip range 10.244.0.0/16": ([HOSTS[:4]], [HOSTS[:4]], False),
    "bitmap:port range 0-1000": ([["80", "443", "53"]], [["80", "443", "53", "81"]], False),
}


def packet_showing(kind: str, parts: list[str]) -> Probe:
    """Return the packet that shows these parts: the first address as its source, the last as destination."""
    port = next((p for p in parts if ":" in p or p.isdecimal()), "tcp:0")
    proto, _, value = port.rpartition(":")
    addresses = [p for p in parts if "." in p] or ["1.1.1.1"]
    return probe(addresses[0], addresses[-1], proto=17 if proto == "udp" else 6, dport=int(value))


@pytest.mark.kernel
@pytest.mark.parametrize("kind", RECIPES)
def test_membership_is_that_of_ipset(kind: str) -> None:
    need_kernel("ipset")
    rng = random.Random(kind)
    pools, asked, exceptions = RECIPES[kind]
    members = {",".join(rng.choice(pool) for pool in pools) for _ in range(8)}
    lines = [f"create S {kind}"]
    for member in sorted(members):
        exception = exceptions and rng.random() < 0.3
        lines.append(f"add S {member}{' nomatch' if exception else ''} -exist")
    questions = [[rng.choice(pool) for pool in asked] for _ in range(60)]
    script = "\n".join(f"ipset {line}" for line in lines)
    script += "".join(f"\nipset -q test S {','.join(q)}; echo answer $?" for q in questions) + "\nipset save"
    done = subprocess.run(["unshare", "-n", "sh"], input=script, capture_output=True, text=True, check=True)
    answers, saved = [], []
    for line in done.stdout.splitlines():
        (answers if line.startswith("answer") else saved).append(line)
    sets = read_sets("\n".join(saved))
    assert write_sets(sets).splitlines() == saved
    addresses = ["src", "dst"] if kind == "bitmap:port range 0-1000" else ["src", "dst", "dst"]
    directions = ("dst",) if kind.startswith("bitmap:port") else tuple(addresses)
    for question, answer in zip(questions, answers, strict=True):
        packet = packet_showing(kind, question)
        assert sets.matches("S", directions, packet) is (answer == "answer 0"), (question, saved)

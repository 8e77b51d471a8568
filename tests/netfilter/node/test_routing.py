"""Routing against a running kernel's `ip route get`, against the recorded cases, and by example."""

import json
import random
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.own_addresses import masquerade_address, redirect_address
from natc.netfilter.node.route_matches import address_type, address_type_matches, reverse_path_matches
from natc.netfilter.node.routing import InputRoute, arrival_refusal, route_input
from natc.netfilter.node.sending import OutputRoute, reroute, route_output
from tests.netfilter.nodes import NODE4, NODE6, flow, number, plugged
from tests.support import case_id, need_kernel, present, shared_cases

HOST4 = Host.from_node(NODE4)
HOST6 = Host.from_node(NODE6)

# ---- by example


@pytest.mark.parametrize(
    ("arriving", "kind", "out", "answer"),
    [
        (flow("8.8.8.8", "10.244.1.5", "cni0"), "forward", "eth0", None),
        (flow("192.168.1.10", "10.244.1.5", "cni0"), "local", None, None),
        (flow("192.168.1.255", "192.168.1.77", "eth0"), "local", None, None),
        (flow("10.66.0.1", "10.244.1.5", "cni0"), "drop", None, None),
        (flow("10.67.0.1", "10.244.1.5", "cni0"), "drop", None, (3, 1)),
        (flow("10.68.0.1", "10.244.1.5", "cni0"), "drop", None, (3, 13)),
        (flow("10.244.1.5", "192.168.1.10", "eth0"), "drop", None, None),
        (flow("127.0.0.1", "192.168.1.77", "eth0"), "drop", None, None),
        (flow("8.8.8.8", "0.1.2.3", "eth0"), "forward", "eth0", None),
        (flow("0.0.0.0", "192.168.1.77", "eth0"), "drop", None, None),
        (flow("8.8.8.8", "224.0.0.1", "eth0"), "drop", None, None),
        (flow("224.0.0.1", "192.168.1.77", "eth0"), "local", None, None),
        (flow("224.0.0.9", "192.168.1.77", "eth0"), "drop", None, None),
        (flow("8.8.8.8", "10.244.1.5", "cni0", mark=0x11), "forward", "eth1", None),
        (flow("10.244.1.9", "10.0.5.9", "eth1", mark=0x10), "forward", "cni0", None),
        (flow("10.70.1.1", "10.244.1.5", "cni0"), "forward", "eth0", None),
    ],
)
def test_arriving_packets_go_where_the_tables_say(
    arriving: Flow, kind: str, out: str | None, answer: tuple[int, int] | None
) -> None:
    found = route_input(HOST4, arriving)
    assert (found.kind, found.out, found.answer) == (kind, out, answer)
    assert bool(found.reason) == (kind == "drop")


def test_nothing_but_a_packet_from_nowhere_arrives_for_nowhere() -> None:
    nowhere = flow("0.0.0.0", "0.0.0.0", "eth0")
    assert route_input(HOST4, nowhere).kind == "local"
    assert route_input(HOST4, flow("0.0.0.0", "192.168.1.77", "eth0")).kind == "drop"
    assert (
        route_input(HOST4, evolve(nowhere, source_open=True)).kind == "drop"
    )  # its source stands for others


def test_a_node_that_does_not_forward_drops_silently() -> None:
    host = Host.from_node(NODE4 | {"ip_forward": 0})
    assert route_input(host, flow("8.8.8.8", "10.244.1.5", "cni0")).reason == "cni0 does not forward"
    assert route_input(host, flow("10.67.0.1", "10.244.1.5", "cni0")).answer is None
    assert route_input(host, flow("192.168.1.10", "10.244.1.5", "cni0")).kind == "local"


def node_with(**sysctls: int) -> Host:
    return Host.from_node(NODE4 | {"sysctl": {f"net.ipv4.conf.all.{k}": v for k, v in sysctls.items()}})


def test_rp_filter_strict_wants_the_way_back_and_loose_any_way() -> None:
    wrong_way = flow("10.244.1.5", "10.0.5.9", "eth0")
    assert route_input(node_with(rp_filter=0), wrong_way).kind == "forward"
    assert route_input(node_with(rp_filter=2), wrong_way).kind == "forward"
    assert route_input(node_with(rp_filter=1), wrong_way).kind == "drop"
    blackholed = flow("10.244.1.5", "10.66.0.9", "eth0")
    assert route_input(node_with(rp_filter=0), blackholed).kind == "forward"
    assert route_input(node_with(rp_filter=2), blackholed).kind == "drop"


def test_route_localnet_and_accept_local_let_pass() -> None:
    to_loopback = flow("127.0.0.1", "192.168.1.77", "eth0")
    assert route_input(node_with(route_localnet=1), to_loopback).kind == "local"
    from_itself = flow("10.244.1.5", "192.168.1.10", "eth0")
    assert route_input(node_with(accept_local=1), from_itself).kind == "forward"


def test_the_way_back_sees_the_mark_only_with_src_valid_mark() -> None:
    marked = flow("10.244.1.5", "8.8.8.8", "eth1", mark=0x10)
    assert route_input(node_with(rp_filter=1), marked).kind == "drop"
    assert route_input(node_with(rp_filter=1, src_valid_mark=1), marked).kind == "forward"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (flow("8.8.8.8"), OutputRoute("eth0", number("192.168.1.10"), number("192.168.1.1"))),
        (flow("10.244.1.9"), OutputRoute("cni0", number("10.244.1.1"))),
        (flow("192.168.1.20"), OutputRoute("lo", number("192.168.1.10"), type="local")),
        (flow("10.0.9.9"), OutputRoute("eth1", number("172.16.0.4"))),
        (flow("8.8.8.8", mark=0x10), OutputRoute("eth1", number("10.0.5.2"), number("10.0.5.1"))),
        (flow("10.66.0.1"), OutputRoute(error="EINVAL")),
        (flow("10.67.0.1"), OutputRoute(error="EHOSTUNREACH")),
        (flow("10.68.0.1"), OutputRoute(error="EACCES")),
        (flow("8.8.8.8", "127.0.0.1"), OutputRoute(None, number("127.0.0.1"), error="EINVAL")),
        (flow("8.8.8.8", "9.9.9.9"), OutputRoute(None, number("9.9.9.9"), error="EINVAL")),
        (
            flow("192.168.1.255"),
            OutputRoute(None, number("192.168.1.10"), None, "broadcast", "EACCES"),
        ),
    ],
)
def test_sent_packets_get_a_way_and_an_address(sent: Flow, expected: OutputRoute) -> None:
    assert route_output(HOST4, sent) == expected


def test_a_node_without_a_default_route_says_unreachable() -> None:
    host = Host.from_node(NODE4 | {"routes": [], "rules": []})
    assert route_output(host, flow("8.8.8.8")).error == "ENETUNREACH"
    assert route_input(host, flow("8.8.8.8", "10.244.1.5", "cni0")).answer == (3, 0)


def test_ipv6_tries_again_with_the_address_it_would_choose() -> None:
    node = NODE6 | {
        "routes": ["default via fd00:1::1 dev cni0 table 100"],
        "rules": ["from fd00:1::/64 table 100"],
    }
    found = route_output(Host.from_node(node), flow("fd00:66::1"))
    assert (found.out, found.error) == ("cni0", None)


def test_rerouting_keeps_the_address_and_refuses_loopback_to_leave() -> None:
    assert reroute(HOST4, flow("10.244.1.5", "127.0.0.1")).error == "EINVAL"
    assert reroute(node_with(route_localnet=1), flow("10.244.1.5", "127.0.0.1")).out == "cni0"
    foreign = reroute(HOST4, flow("10.244.1.5", "9.9.9.9"))
    assert (foreign.out, foreign.source) == ("cni0", number("9.9.9.9"))


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("192.168.1.20", "LOCAL"),
        ("127.3.3.3", "LOCAL"),
        ("192.168.1.255", "BROADCAST"),
        ("192.168.1.0", "UNICAST"),
        ("255.255.255.255", "BROADCAST"),
        ("224.0.0.5", "MULTICAST"),
        ("10.66.0.1", "UNICAST"),
        ("8.8.8.8", "UNICAST"),
    ],
)
def test_address_types(address: str, kind: str) -> None:
    assert address_type(HOST4, number(address)) == kind


def test_address_types_limited_to_an_interface() -> None:
    assert address_type(HOST4, number("10.244.1.1"), "cni0") == "LOCAL"
    assert address_type(HOST4, number("10.244.1.1"), "eth0") == "UNICAST"


@pytest.mark.parametrize(
    ("address", "types", "interface", "matches"),
    [
        ("2001:db8::10", {"LOCAL"}, None, True),
        ("2001:db8::10", {"LOCAL"}, "eth0", True),
        ("2001:db8::10", {"LOCAL"}, "cni0", False),
        ("2001:db8::77", {"LOCAL"}, None, False),
        ("2001:db8::", {"ANYCAST"}, None, True),
        ("2001:db8::77", {"UNICAST"}, None, True),
        ("2001:db8::77", {"UNICAST", "LOCAL"}, None, False),
        ("ff02::1", {"MULTICAST"}, None, True),
        ("::", {"UNSPEC"}, None, True),
        ("::ffff:1.2.3.4", {"UNICAST"}, None, False),
        ("fd00:67::1", {"UNREACHABLE"}, None, True),
        ("fd00:67::1", {"UNREACHABLE", "MULTICAST"}, None, False),
    ],
)
def test_address_types_of_ipv6(address: str, types: set[str], interface: str | None, matches: bool) -> None:
    assert address_type_matches(HOST6, number(address), frozenset(types), interface) is matches


def test_ipv6_looks_for_a_loopback_destination_on_the_arriving_device_only() -> None:
    assert route_input(HOST6, flow("::1", "2001:4860::8888", "eth0")).out == "eth0"
    assert route_input(HOST6, flow("::1", "fd00:1::5", "cni0")).answer == (1, 0)


def test_what_ipv6_refuses_before_prerouting() -> None:
    assert arrival_refusal(6, number("2001:db8::77"), 1, "eth0")
    assert arrival_refusal(6, number("ff02::1"), number("2001:db8::10"), "eth0")
    assert arrival_refusal(6, number("::ffff:1.2.3.4"), number("2001:db8::10"), "eth0") is None
    assert arrival_refusal(6, 1, 1, "lo") is None
    assert arrival_refusal(6, number("2001:db8::77"), number("2001:db8::10"), "eth0") is None
    assert arrival_refusal(4, number("127.0.0.1"), number("127.0.0.1"), "eth0") is None


def test_rpfilter_matches_the_way_back() -> None:
    right, wrong = flow("10.244.1.5", "10.0.5.9", "eth1"), flow("10.244.1.5", "10.0.5.9", "eth0")
    assert reverse_path_matches(HOST4, right)
    assert not reverse_path_matches(HOST4, wrong)
    assert reverse_path_matches(HOST4, wrong, loose=True)
    own = flow("10.244.1.5", "192.168.1.10", "eth0")
    assert not reverse_path_matches(HOST4, own)
    assert reverse_path_matches(HOST4, own, accept_local=True)
    assert not reverse_path_matches(HOST4, flow("10.244.1.5", "10.66.0.1", "eth0"), loose=True)


def test_rpfilter_of_ipv6() -> None:
    assert reverse_path_matches(HOST6, flow("fd00:1::5", "2001:db8::77", "eth0"))
    assert not reverse_path_matches(HOST6, flow("fd00:1::5", "fd00:5::9", "eth0"))
    assert reverse_path_matches(HOST6, flow("fd00:1::5", "fd00:5::9", "eth0"), loose=True)
    assert not reverse_path_matches(HOST6, flow("fd00:1::5", "fd00:67::1", "cni0"), loose=True)


def test_masquerade_uses_the_address_in_the_next_hops_network() -> None:
    assert masquerade_address(HOST4, "eth1", number("8.8.8.8"), number("172.16.0.1")) == number("172.16.0.4")
    assert masquerade_address(HOST4, "eth1", number("8.8.8.8"), number("10.0.5.1")) == number("10.0.5.2")
    assert masquerade_address(HOST4, "eth1", number("8.8.8.8"), None) == number("10.0.5.2")
    assert masquerade_address(HOST4, "lo", number("127.0.0.1"), None) == number("10.96.0.53")
    assert masquerade_address(HOST6, "cni0", number("fd00:1::5"), None) == number("fd00:1::fffe")


def test_redirect_goes_to_the_arriving_interface_or_to_loopback() -> None:
    assert redirect_address(HOST4, "eth0", number("8.8.8.8")) == number("192.168.1.10")
    assert redirect_address(HOST4, None, number("8.8.8.8")) == number("127.0.0.1")
    assert redirect_address(HOST6, "eth0", number("2001:db8:9::1")) == number("2001:db8::20")
    assert redirect_address(HOST6, None, number("2001:db8:9::1")) == 1


# ---- the recorded cases

HOOK = re.compile(r"(\S+) (begin|end) in=(\S*) out=(\S*) mark=(\S+) (.*)>(.*)")


def results(case: Path) -> Iterator[dict[str, Any]]:
    answers = json.loads((case / "kernel.json").read_text())
    for backend in ("legacy", "nft"):
        for packet in answers[backend].get("packets", []):
            yield from (b["result"] for b in packet["branches"]) if "branches" in packet else [packet]


def address_in(endpoint: str, result: dict[str, Any], family: int) -> int:
    """Read an address out of a hook's line, where a port may follow it after a colon."""
    after_colon = family == 4 or "sport" in result["orig"] or endpoint.endswith(":")
    return number(endpoint.rsplit(":", 1)[0] if after_colon else endpoint)


@pytest.mark.shared
@pytest.mark.parametrize("case", shared_cases("kernel/cases/*"), ids=case_id)
def test_arriving_packets_go_where_the_kernel_sent_them(case: Path | None) -> None:
    case = present(case)
    node = json.loads((case / "node.json").read_text())
    host, family = Host.from_node(node), node.get("family", 4)
    for result in results(case):
        hooks = [m.groups() for m in map(HOOK.match, result.get("hooks", [])) if m]
        for here, after in pairwise(hooks):
            if here[:2] != ("PREROUTING", "end") or here[2] == "lo":
                continue
            source, destination = (address_in(text, result, family) for text in here[5:])
            found = route_input(host, Flow(destination, source, here[2], mark=int(here[4], 16)))
            assert found.kind == {"INPUT": "local", "FORWARD": "forward"}[after[0]], here
            assert found.out == (after[3] or None), here


@pytest.mark.shared
@pytest.mark.parametrize("case", shared_cases("kernel/cases/*"), ids=case_id)
def test_sent_packets_leave_as_the_kernel_sent_them(case: Path | None) -> None:
    case = present(case)
    host = Host.from_node(json.loads((case / "node.json").read_text()))
    asked = json.loads((case / "packets.json").read_text())["packets"]
    asked = [packet for packet in asked for _ in range(packet.get("repeat", 1))]
    answers = json.loads((case / "kernel.json").read_text())
    for packet, answer in zip(asked, answers["legacy"].get("packets", []), strict=False):
        if packet.get("origin") != "local" or "reply_to" in packet:
            continue
        for result in [b["result"] for b in answer["branches"]] if "branches" in answer else [answer]:
            check_sent(host, packet, result)


def check_sent(host: Host, packet: dict[str, Any], result: dict[str, Any]) -> None:
    destination = number(packet["dst"])
    if packet.get("src", "auto") == "auto":
        chosen = route_output(host, Flow(destination))
        assert str(address_of(0 if chosen.error else chosen.source, host.bits)) == result["orig"]["src"]
    # The judge sends through a raw socket with a header of its own, whose lookup knows no source.
    found = route_output(host, Flow(destination, mark=packet.get("mark", 0)), any_source=True)
    if result.get("hooks"):
        hook = HOOK.match(result["hooks"][0])
        assert hook is not None
        assert found.out == hook.group(4), packet
    else:
        assert found.error == result.get("errno"), packet


# ---- the kernel of this machine

ANSWER = re.compile(
    r"(?:(local|broadcast|multicast|anycast) )?\S+(?: from \S+)?(?: via (\S+))? dev (\S+)(?:.* src (\S+))?"
)
REFUSALS = {
    "Network is unreachable": "ENETUNREACH",
    "No route to host": "EHOSTUNREACH",
    "Invalid argument": "EINVAL",
    "Permission denied": "EACCES",
    "Invalid cross-device link": "EXDEV",
}


def ask_kernel(node: dict[str, Any], questions: list[str], sysctls: dict[str, int]) -> list[str]:
    """Return what `ip route get` answers to each question on such a node, in a namespace of its own."""
    need_kernel("ip")
    dash6 = "-6 " if node.get("family") == 6 else ""
    lines = [
        "exec 2>&1",
        "ip link set lo up",
        "cd /proc/sys/net",
        "for f in ipv4/conf/*/rp_filter; do echo 0 > $f; done",
    ]
    lines += [
        "echo 1 > ipv4/ip_forward",
        "echo 0 > ipv6/conf/default/accept_dad",
        "echo 1 > ipv6/conf/default/addr_gen_mode",
    ]
    for interface in node["interfaces"]:
        name = interface["name"]
        if name != "lo":
            lines += plugged(name)
        lines += [f"ip addr add {a} dev {name}{' nodad' if dash6 else ''}" for a in interface["addrs"]]
    lines += ["for f in ipv4/conf/*/rp_filter ipv4/conf/*/send_redirects; do echo 0 > $f; done"]
    lines += ["echo 1 > ipv6/conf/all/forwarding"]
    lines += [
        f"echo {value} > {name.removeprefix('net.').replace('.', '/')}" for name, value in sysctls.items()
    ]
    lines += [f"ip {dash6}route add {route}" for route in node["routes"]]
    lines += [f"ip {dash6}rule add {rule}" for rule in node["rules"]]
    lines += ["echo ====="]
    for question in questions:
        lines += [f"ip {dash6}-o route get {question}", "echo ====="]
    done = subprocess.run(
        ["unshare", "-n", "sh"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    setup, *answers = done.stdout.split("=====\n")
    assert setup == "", setup
    return answers[:-1]


def understood(answer: str) -> tuple[str | None, ...]:
    """Return type, gateway, device and source of an answer, or the error's name."""
    for words, error in REFUSALS.items():
        if words in answer:
            return (error,)
    match = ANSWER.match(answer)
    assert match, answer
    return match.group(1), match.group(2), match.group(3), match.group(4)


def words(text: str) -> list[str]:
    return text.split()


ADDRESSES4 = words("""
    8.8.8.8 192.168.1.10 192.168.1.20 192.168.1.200 192.168.1.77 192.168.1.0 192.168.1.255 10.244.1.5 10.244.1.70
    10.244.1.1 10.244.1.255 10.244.2.7 10.66.0.1 10.67.0.1 10.68.0.1 10.0.5.9 10.0.5.2 10.0.9.9 172.16.0.4
    172.16.3.3 127.0.0.1 127.1.2.3 10.96.0.53 10.70.1.1 255.255.255.255 0.0.0.0 224.0.0.1
""")
ADDRESSES6 = words("""
    2001:4860::8888 2001:db8::10 2001:db8::20 2001:db8::77 2001:db8:: fd00:1::5 fd00:1::fffe fd00:1:: fd00:2::7
    fd00:2::8 fd00:66::1 fd00:67::1 fd00:68::1 fd00:5::9 fd00:5::2 ::1 2001:db8:99::5
""")
SYSCTLS4: tuple[dict[str, int], ...] = (
    {},
    {"rp_filter": 1},
    {"rp_filter": 2},
    {"route_localnet": 1},
    {"accept_local": 1, "rp_filter": 1},
)


def sent_question(rng: random.Random, addresses: list[str]) -> tuple[str, Flow]:
    destination, mark = rng.choice(addresses), rng.choice([0, 0, 0x10, 0x8])
    return f"{destination}{f' mark {mark}' if mark else ''}", Flow(number(destination), mark=mark)


def sent_answer(found: OutputRoute, family: int) -> tuple[str | None, ...]:
    if found.error:
        return (found.error,)
    bits = 32 if family == 4 else 128
    gateway = None if found.gateway is None else str(address_of(found.gateway, bits))
    kind = None if found.type == "unicast" else found.type
    return kind, gateway, found.out, str(address_of(found.source, bits))


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("node", "addresses"), [(NODE4, ADDRESSES4), (NODE6, ADDRESSES6)], ids=["ipv4", "ipv6"]
)
def test_sent_packets_go_as_ip_route_get_says(node: dict[str, Any], addresses: list[str]) -> None:
    rng = random.Random(5)
    asked = [sent_question(rng, addresses) for _ in range(150)]
    host = Host.from_node(node)
    for (question, sent), answer in zip(asked, ask_kernel(node, [q for q, _ in asked], {}), strict=True):
        found = route_output(host, sent, may_broadcast=True)
        assert sent_answer(found, host.family) == understood(answer), question


@pytest.mark.kernel
@pytest.mark.parametrize("settings", SYSCTLS4, ids=str)
@pytest.mark.parametrize("rules", [NODE4["rules"], []], ids=["rules", "no rules"])
def test_arriving_packets_go_as_ip_route_get_says(settings: dict[str, int], rules: list[str]) -> None:
    rng = random.Random(7)
    sysctls = {f"net.ipv4.conf.all.{name}": value for name, value in settings.items()}
    node = NODE4 | {"sysctl": sysctls, "rules": rules}
    host = Host.from_node(node)
    asked = []
    for _ in range(200):
        source, destination = rng.choice(ADDRESSES4), rng.choice(ADDRESSES4)
        interface, mark = rng.choice(["eth0", "cni0", "eth1"]), rng.choice([0, 0, 0x10])
        text = f"{destination} from {source} iif {interface}{f' mark {mark}' if mark else ''}"
        asked.append((text, Flow(number(destination), number(source), interface, mark=mark)))
    for (question, arriving), answer in zip(
        asked, ask_kernel(node, [q for q, _ in asked], sysctls), strict=True
    ):
        if arriving.source == 0 or arriving.destination in (0, 0xFFFFFFFF):
            continue  # ip reads these addresses as "none given"
        check_arrived(route_input(host, arriving), understood(answer), question)


def check_arrived(found: InputRoute, answer: tuple[str | None, ...], question: str) -> None:
    if len(answer) == 1:
        assert found.kind == "drop", (question, answer)
    elif answer[0] in ("local", "broadcast", "multicast"):
        assert found.kind == "local", (question, answer)
    else:
        assert (found.kind, found.out) == ("forward", answer[2]), (question, answer)

"""NAT: by example, and every recorded connection's translation worked out again."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from natc.netfilter.conntrack.connection import Connection, Status, Tuple
from natc.netfilter.conntrack.tracker import Connections, Datagram
from natc.netfilter.conntrack.zone import Zone
from natc.netfilter.kinds.nat import NatTarget
from natc.netfilter.kinds.ports import DashedPorts, PortRange
from natc.netfilter.nat.choice import Binding, bind, bind_nothing, port_class, settled
from natc.netfilter.nat.mapping import Mapping
from natc.netfilter.nat.rewrite import rewrite, rewrite_error
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.own_addresses import masquerade_address, redirect_address
from natc.netfilter.node.routing import route_input
from natc.netfilter.node.sending import route_output
from tests.netfilter.nodes import number
from tests.netfilter.recorded import Case, Sent, datagram, recorded_tuple
from tests.netfilter.translations import CLIENT, NODE, POD, TCP, VIP, mapping, new
from tests.support import case_id, present, shared_cases


def destination(binding: Binding) -> tuple[int, int]:
    return binding.connection.reply.src, binding.connection.reply.sport


def source(binding: Binding) -> tuple[int, int]:
    return binding.connection.reply.dst, binding.connection.reply.dport


def test_dnat_to_an_address_and_port() -> None:
    bound = bind(Connections(), new(), "dst", mapping("10.244.1.5:8080"))
    assert destination(bound) == (POD, 8080)
    assert bound.connection.status == Status.DNAT | Status.DNAT_DONE
    assert bound.chance is None
    assert settled(bound.connection, "dst")
    assert not settled(bound.connection, "src")


def test_a_translation_to_what_is_there_sets_no_status() -> None:
    bound = bind(Connections(), new(), "dst", mapping("10.96.0.10:80"))
    assert bound.connection.status == Status.DNAT_DONE


@pytest.mark.parametrize(
    ("text", "random", "port", "chance"),
    [
        ("10.244.1.5:8000-8010", False, 8000, None),
        ("10.244.1.5:70-90", False, 80, None),
        ("10.244.1.5:70-90", True, 85, PortRange(70, 90)),
        ("10.244.1.5:8000-8010/75", False, 8005, None),
        ("10.244.1.5:8000-8010/90", False, 8000 + (80 - 90) % 65536 % 11, None),
        (":8080", False, 8080, None),
        ("10.244.1.5", False, 80, None),
    ],
)
def test_destination_ports(text: str, random: bool, port: int, chance: PortRange | None) -> None:
    bound = bind(Connections(), new(), "dst", mapping(text, random=random))
    assert (destination(bound)[1], bound.chance) == (port, chance)


def test_a_source_port_is_kept_unless_it_clashes() -> None:
    table = Connections()
    first = bind(table, new(), "src", Mapping.to(NODE))
    assert source(first) == (NODE, 40000)
    table.confirm(first.connection)
    second = bind(table, new(evolve(TCP, src=CLIENT + 1)), "src", Mapping.to(NODE))
    assert source(second)[0] == NODE
    assert second.chance == PortRange(1024, 65535)
    assert source(second)[1] != 40000


def test_a_clash_changes_the_source_port_of_an_untranslated_connection_too() -> None:
    table = Connections()
    table.confirm(bind(table, new(), "dst", mapping("10.244.1.5:80")).connection)
    bound = bind_nothing(table, new(evolve(TCP, dst=POD)), "src")
    assert bound.chance == PortRange(1024, 65535)
    assert Status.SNAT in bound.connection.status


@pytest.mark.parametrize(("proto", "changes"), [(6, True), (17, False)])
def test_a_flow_seen_from_its_other_end_keeps_its_port_if_its_protocol_may_clash(
    proto: int, changes: bool
) -> None:
    table = Connections()
    asked = evolve(TCP, proto=proto)
    assert table.confirm(evolve(new(asked), zone=Zone(4, original=False)))
    answer = asked.inverted()
    assert answer is not None
    bound = bind_nothing(table, new(answer), "src")
    assert (Status.SNAT in bound.connection.status) == changes


def test_another_connection_of_the_same_source_keeps_its_mapping() -> None:
    table = Connections()
    wanted = mapping("192.168.1.10:50000-50003")
    first = bind(table, new(), "src", wanted)
    assert first.chance == PortRange(50000, 50003)
    entered = table.confirm(first.connection)
    assert entered is not None
    second = bind(table, new(evolve(TCP, dst=VIP + 1)), "src", wanted)
    assert source(second) == source(first)
    assert second.chance is None
    table.remove(entered)
    assert bind(table, new(evolve(TCP, dst=VIP + 1)), "src", wanted).chance == PortRange(50000, 50003)


@pytest.mark.parametrize(
    ("port", "low", "high"),
    [(1, 1, 511), (511, 1, 511), (512, 600, 1023), (1023, 600, 1023), (1024, 1024, 65535)],
)
def test_port_classes(port: int, low: int, high: int) -> None:
    assert port_class(port) == PortRange(low, high)


def test_random_takes_the_whole_class_even_when_the_port_is_free() -> None:
    bound = bind(Connections(), new(), "src", Mapping.to(NODE, random=True))
    assert bound.chance == PortRange(1024, 65535)


def test_a_port_by_chance_is_stood_for_by_one_that_rules_hardly_name() -> None:
    bound = bind(Connections(), new(), "src", Mapping.to(NODE, random=True))
    assert source(bound)[1] not in (40000, *range(33000))


def test_protocols_without_ports_change_addresses_only() -> None:
    bound = bind(Connections(), new(Tuple(4, 47, CLIENT, 0, VIP, 0)), "dst", mapping("10.244.1.5"))
    assert destination(bound) == (POD, 0)


def test_an_icmp_identifier_is_kept_unless_it_clashes() -> None:
    table = Connections()
    ping = Tuple(4, 1, CLIENT, 7, VIP, 8 << 8)
    first = bind(table, new(ping), "src", Mapping.to(NODE))
    assert first.connection.reply == Tuple(4, 1, VIP, 7, NODE, 0)
    table.confirm(first.connection)
    second = bind(table, new(evolve(ping, src=CLIENT + 1)), "src", Mapping.to(NODE))
    assert second.chance == PortRange(0, 65535)


# ---- the recorded cases

SIDES = {"PREROUTING": "dst", "OUTPUT": "dst", "POSTROUTING": "src", "INPUT": "src"}
HOOK = re.compile(r"(\S+) (begin|end) in=(\S*) out=(\S*) mark=(\S+) ")
TARGET = re.compile(r"-j (DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP)( .*|$)")
ARGUMENT = re.compile(r"--(?:to-destination|to-source|to-ports|to) (\S+)")


def recorded_results(case: Case, backend: str) -> Iterator[tuple[bool, dict[str, Any], dict[str, Any]]]:
    """Yield whether earlier connections are forgotten, the packet asked and what became of it."""
    for asked, answer in zip(case.asked, case.answers[backend].get("packets", []), strict=False):
        if "branches" in answer:
            yield from ((True, asked, branch["result"]) for branch in answer["branches"])
        elif "op" not in asked:
            yield Sent(asked, answer, 0).flushes, asked, answer


def sides_in_path(case: Case, result: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return, by side, the target that translated and its options."""
    found = {}
    lines = case.dump.split("\n")
    for step in result["path"]:
        if not step.startswith("nat ") or "@" not in step:
            continue
        target = TARGET.search(lines[int(step.split("@")[1]) - 1])
        if target:
            found[_side_of(target.group(1), step, result)] = (target.group(1), target.group(2))
    return found


def _side_of(target: str, step: str, result: dict[str, Any]) -> str:
    if target in ("DNAT", "REDIRECT"):
        return "dst"
    if target in ("SNAT", "MASQUERADE"):
        return "src"
    path = result["path"]
    after = [SIDES[s.split(" ")[1]] for s in path[: path.index(step) + 1] if s.split(" ")[1] in SIDES]
    return after[-1]


def the_mapping(
    case: Case, target: str, options: str, connection: Connection, result: dict[str, Any]
) -> Mapping:
    current = connection.reply.inverted()
    assert current is not None
    argument = ARGUMENT.search(options)
    random = "--random" in options
    if target in ("DNAT", "SNAT"):
        assert argument is not None
        wanted = NatTarget().parse([argument.group(1)])
        return Mapping.of(wanted, random=random, persistent="--persistent" in options)
    if target == "NETMAP":
        assert argument is not None
        network = ip_network(argument.group(1))
        path_side = next(s for s, t in sides_in_path(case, result).items() if t == (target, options))
        address = current.dst if path_side == "dst" else current.src
        return Mapping.netmap(address, int(network.network_address), int(network.netmask))
    ports = DashedPorts().parse([argument.group(1)]) if argument else None
    address = chosen_address(case.host, target, current, result)
    assert address is not None
    return Mapping.to(address, ports, random=random)


def chosen_address(host: Host, target: str, current: Tuple, result: dict[str, Any]) -> int | None:
    hooks = [match for match in map(HOOK.match, result["hooks"]) if match]
    if target == "REDIRECT":
        first = hooks[0]
        arriving = None if first.group(1) == "OUTPUT" else first.group(3)
        return redirect_address(host, arriving, current.dst)
    out = next(h.group(4) for h in hooks if h.group(1) == "POSTROUTING")
    before = [h for h in hooks if h.group(1) in ("PREROUTING", "OUTPUT", "FORWARD")][-1]
    flow = Flow(current.dst, current.src, hooks[0].group(3) or "lo", mark=int(before.group(5), 16))
    way = route_output(host, flow, any_source=True) if flow.in_interface == "lo" else route_input(host, flow)
    return masquerade_address(host, out, current.dst, way.gateway)


def check_translation(case: Case, table: Connections, result: dict[str, Any]) -> None:
    recorded, family = result["ct"], case.host.family
    if "icmpv6" in recorded["orig"]["proto"]:
        return  # the judge records no identifiers of ICMPv6
    original = datagram(recorded["orig"], family).key()
    connection = new(original, zone=Zone(recorded.get("zone", 0)))
    hit = sides_in_path(case, result)
    chance = None
    for side in ("dst", "src"):
        if side in hit:
            binding = bind(table, connection, side, the_mapping(case, *hit[side], connection, result))
        else:
            binding = bind_nothing(table, connection, side)
        connection, chance = binding.connection, binding.chance or chance
    expected = recorded_tuple(recorded["reply"], connection.reply)
    if chance is None:
        assert connection.reply == expected, result
        translations = {word for word in recorded["status"] if word in ("SNAT", "DNAT")}
        ours = {name for name in ("SNAT", "DNAT") if Status[name] in connection.status}
        assert ours == translations, result
    else:
        assert (connection.reply.src, connection.reply.dst) == (expected.src, expected.dst), result
        assert expected.dport in chance or expected.sport in chance, result
    table.add(evolve(connection, reply=expected))


def check_rewriting(case: Case, table: Connections, looked: Datagram, result: dict[str, Any]) -> None:
    """A later packet of a connection that left: its addresses and ports must be those that were seen."""
    found = table.find(looked.key(), Zone())
    if found is None or not result.get("final") or result["ctstate"] != "ESTABLISHED":
        return
    seen = {"src": looked.src, "dst": looked.dst, "sport": looked.sport, "dport": looked.dport}
    for side in ("dst", "src"):
        change = rewrite(*found, side)
        if change:
            seen[side] = change.address
            seen[{"src": "sport", "dst": "dport"}[side]] = change.port or 0
    final = result["final"]
    assert (seen["src"], seen["dst"]) == (number(final["src"]), number(final["dst"])), result
    if "sport" in final:
        assert (seen["sport"], seen["dport"]) == (final["sport"], final["dport"]), result


def check_error_rewriting(
    case: Case, table: Connections, result: dict[str, Any], about: dict[str, Any]
) -> None:
    """An ICMP error that left: its own addresses and those of the packet it quotes, as they were seen."""
    final, quoted = result.get("final"), about.get("final")
    if result["ctstate"] != "RELATED" or not final or not quoted or case.host.family == 6:
        return
    inner = datagram(quoted, 4)
    reversed_key = inner.key().inverted()
    assert reversed_key is not None
    found = table.find(reversed_key)
    if found is None:  # in a zone
        return
    seen = {"src": number(result["orig"]["src"]), "dst": number(result["orig"]["dst"])}
    within: dict[str, int | None] = {"src": inner.src, "dst": inner.dst}
    for side in ("dst", "src"):
        changes = rewrite_error(*found, side)
        if changes:
            outer, inside = changes
            seen[outer.side] = outer.address
            within |= {
                inside.side: inside.address,
                {"src": "sport", "dst": "dport"}[inside.side]: inside.port,
            }
    assert seen == {side: number(final[side]) for side in ("src", "dst")}, result
    shown = final["inner"]
    for name, value in within.items():
        if name in shown:
            assert (number(shown[name]) if name in ("src", "dst") else shown[name]) == value, result


@pytest.mark.shared
@pytest.mark.parametrize("path", shared_cases("kernel/cases/*"), ids=case_id)
def test_translations_are_those_of_the_kernel(path: Path | None) -> None:
    case = Case.read(present(path))
    if re.search(r"--zone-(orig|reply)|--zone mark", case.dump):
        pytest.skip("which zone a packet is in takes the whole machine")
    if any(asked.get("op") == "restore" for asked in case.asked):
        pytest.skip("the rules change on the way")
    for backend in ("legacy", "nft"):
        table = Connections()
        for flushes, asked, result in recorded_results(case, backend):
            if flushes:
                table.clear()
            if result.get("ct"):
                check_translation(case, table, result)
            elif "icmp_error" in asked:
                quoted = case.answers[backend]["packets"][asked["reply_to"]]
                check_error_rewriting(case, table, result, quoted)
            else:
                check_rewriting(case, table, datagram(result["orig"], case.host.family), result)

"""A state that has arrived, in the form in which the kernel's answers are recorded (kernel.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from natc.netfilter.packet import Open, Packet
from natc.netfilter.wire import first_number
from natc.probability import Odds, total
from natc.trace.responses import Response
from natc.trace.state import State, Step

if TYPE_CHECKING:
    from natc.trace.tee import Copied

Result = dict[str, Any]

_LETTERS = {"FIN": "F", "SYN": "S", "RST": "R", "PSH": "P", "ACK": "A", "URG": "U", "ECE": "E", "CWR": "C"}
_NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp", 136: "udplite", 47: "gre"}
_QUOTING = {1: (3, 4, 5, 11, 12), 58: tuple(range(128))}
#: What is shown of a packet that an ICMP error quotes.
_INNER = ("src", "dst", "proto", "sport", "dport", "icmp_type", "icmp_id")


def result_of(sent: Packet, final: State, response: Response | None) -> Result:
    """Return the result of one packet; ``response`` is the node's own answer to it, if it gave one."""
    verdict, reject = _verdict(final, response)
    left = verdict in ("FORWARD", "OUTPUT")
    result: Result = {"verdict": verdict, "out": final.route.device if left else None}
    dropped_at = _drop_at(final)
    if dropped_at:
        result["drop_at"] = dropped_at
    errno = _errno(final)
    if errno:
        result["errno"] = errno
    if reject:
        result["reject"] = reject
    result["orig"] = headers(sent, with_ttl=False)
    if left or verdict == "INPUT":
        result["final"] = headers(final.packet)
        result |= _translations(result["orig"], result["final"])
    result["mark"] = final.packet.mark if left or verdict == "INPUT" else _mark_seen(final)
    result["ctstate"] = final.first_state
    result["path"] = _path(final)
    if final.copies is not None:
        result["copies"] = [_copy(copy) for copy in final.copies.ended]
    return result


def _path(final: State) -> list[str]:
    return [step_text(step) for step in final.trail.steps() if step.taken]


def _copy(copy: Copied) -> Result:
    """What became of a copy that TEE sent."""
    ended: Result = {"gateway": copy.gateway, "verdict": copy.verdict, "out": copy.out}
    return ended | {"drop_at": copy.drop_at, "final": headers(copy.packet), "path": _path(copy.final)}


def _drop_at(final: State) -> str | None:
    """The rule or policy that dropped the packet; where nat itself did, the last one it had passed."""
    if final.verdict not in ("DROP", "REJECT"):
        return None
    passed = [step for step in final.trail.steps() if step.taken]
    return final.drop_at or (step_text(passed[-1]).split(" @")[0] if passed else None)


def _errno(final: State) -> str | None:
    """What the sending process is told: netfilter's drops on the way out are EPERM."""
    if final.verdict in ("DROP", "REJECT") and final.local and not final.again:
        return "EPERM"
    return final.errno


def _mark_seen(final: State) -> Any:
    """The mark of a packet that did not arrive, as last seen at the beginning or end of a hook."""
    if not final.hook:
        return None
    if final.verdict == "NO_ROUTE" and final.hook == "PREROUTING":
        return final.packet.mark
    return final.hook_mark


def _verdict(final: State, response: Response | None) -> tuple[str, Result | None]:
    """Return the verdict and how a rejection looks to the sender."""
    if response is None or not response.arrived:
        return ("DROP" if final.verdict == "REJECT" else final.verdict), None
    if final.verdict not in ("DROP", "REJECT"):
        return final.verdict, None
    packet = response.packet
    source = packet.show(packet.src)
    if packet.proto == 6:
        return "REJECT", {"with": "tcp-reset", "from": source}
    return "REJECT", {
        "with": "icmp",
        "type": packet.icmp_type,
        "code": packet.icmp_code,
        "from": source,
    }


def headers(packet: Packet, *, with_ttl: bool = True) -> Result:
    """Return a packet's header fields by their names in the recorded answers."""
    proto = first_number(packet)
    out: Result = {
        "src": packet.show(packet.src),
        "dst": packet.show(packet.dst),
        "proto": _NAMES.get(proto, str(proto)),
    }
    if packet.extensions:  # the recorded answers do not look behind these
        return out | ({"ttl": packet.ttl, "tos": packet.tos} if with_ttl else {})
    if packet.dport is not None:
        out |= {"sport": packet.sport, "dport": packet.dport}
    if isinstance(packet.flags, frozenset):
        out["flags"] = "".join(letter for name, letter in _LETTERS.items() if name in packet.flags)
    if packet.icmp_type is not None:
        out |= {"icmp_type": packet.icmp_type, "icmp_code": packet.icmp_code}
        if packet.icmp_type not in _QUOTING[proto]:
            out["icmp_id"] = packet.icmp_id
    if with_ttl:
        out |= {"ttl": packet.ttl, "tos": packet.tos}
        if packet.icmp_type in _QUOTING.get(proto, ()):
            inner = headers(packet.inner) if packet.inner is not None else {}
            out["inner"] = {key: inner[key] for key in _INNER if key in inner}
    return out


def _translations(before: Result, after: Result) -> Result:
    out: Result = {}
    for name, address, port in (("dnat", "dst", "dport"), ("snat", "src", "sport")):
        if (before[address], before.get(port)) != (after[address], after.get(port)):
            out[name] = {"ip": after[address]}
            if port in after:
                out[name]["port"] = after[port]
    return out


def step_text(step: Step) -> str:
    """Return a step as the recorded answers write it: "table chain N @line", or "table chain policy"."""
    if step.number is None:
        return f"{step.table} {step.chain} policy"
    line = f" @{step.rule.line}" if step.rule is not None else ""
    return f"{step.table} {step.chain} {step.number}{line}"


def open_result(sent: Packet, finals: Sequence[State]) -> Result:
    """Return the result of a packet whose way natc cannot tell, with what it hangs on.

    Where that is chance alone, ``choices`` are the ends it can come to with the exact odds of each; they are
    left out where there are more branches than :data:`MOST_BRANCHES`.
    """
    first = finals[0]
    questions = [value.subject or value.kind for value in first.facts.known if isinstance(value, Open)]
    result = result_of(sent, first, None) | {"verdict": "OPEN", "open": questions}
    if len(finals) > MOST_BRANCHES or any(final.facts.known for final in finals):
        return result
    steps = (step for step in first.trail.steps() if step.odds is not None and step.rule is not None)
    by_chance = [f"chance: line {step.rule.line}" for step in steps if step.rule is not None]
    return result | {"open": by_chance, "choices": _choices(sent, finals)}


#: How many random branches of one packet a replay tells apart.
MOST_BRANCHES = 64


def _choices(sent: Packet, finals: Sequence[State]) -> list[Result]:
    ends: dict[tuple[str, Any], list[Odds]] = {}
    for final in finals:
        to, before = _destination(final.packet), _destination(sent)
        ends.setdefault((final.verdict, None if to == before else to), []).append(final.odds)
    return [
        {"verdict": verdict, "dnat": to and {"ip": to[0], "port": to[1]}} | {"odds": _odds(total(parts))}
        for (verdict, to), parts in ends.items()
    ]


def _destination(packet: Packet) -> tuple[str, Any]:
    port = packet.dport
    return packet.show(packet.dst), port.kind if isinstance(port, Open) else port


def _odds(odds: Odds) -> Result:
    return {"num": odds.num, "exp": odds.exp, "value": float(odds)}

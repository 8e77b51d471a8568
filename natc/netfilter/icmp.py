"""Types and codes of ICMP and ICMPv6, by number and by the names iptables knows (RFC 792, RFC 4443)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from natc.netfilter.condition import ALWAYS, All, Condition, In
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import NumberRange, Numbers, number
from natc.values import field, frozen

#: The type that stands for every type in a rule.
ANY_TYPE = 0xFF


@frozen
class IcmpType:
    """A type and the codes from ``low`` to ``high``; type 255 with all codes is any ICMP at all."""

    type: int
    low: int = 0
    high: int = 0xFF


def _named(rows: Mapping[str, int | tuple[int, int]]) -> dict[str, IcmpType]:
    return {
        name: IcmpType(row) if isinstance(row, int) else IcmpType(row[0], row[1], row[1])
        for name, row in rows.items()
    }


#: Names of ICMP types, alone or with a code.
ICMP_NAMES = _named({
    "any": ANY_TYPE, "echo-reply": 0, "pong": 0, "destination-unreachable": 3, "network-unreachable": (3, 0),
    "host-unreachable": (3, 1), "protocol-unreachable": (3, 2), "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4), "source-route-failed": (3, 5), "network-unknown": (3, 6),
    "host-unknown": (3, 7), "network-prohibited": (3, 9), "host-prohibited": (3, 10),
    "tos-network-unreachable": (3, 11), "tos-host-unreachable": (3, 12), "communication-prohibited": (3, 13),
    "host-precedence-violation": (3, 14), "precedence-cutoff": (3, 15), "source-quench": 4, "redirect": 5,
    "network-redirect": (5, 0), "host-redirect": (5, 1), "tos-network-redirect": (5, 2),
    "tos-host-redirect": (5, 3), "echo-request": 8, "ping": 8, "router-advertisement": 9,
    "router-solicitation": 10, "time-exceeded": 11, "ttl-exceeded": 11, "ttl-zero-during-transit": (11, 0),
    "ttl-zero-during-reassembly": (11, 1), "parameter-problem": 12, "ip-header-bad": (12, 0),
    "required-option-missing": (12, 1), "timestamp-request": 13, "timestamp-reply": 14,
    "address-mask-request": 17, "address-mask-reply": 18,
})  # fmt: skip

#: Names of ICMPv6 types, alone or with a code.
ICMPV6_NAMES = _named({
    "destination-unreachable": 1, "no-route": (1, 0), "communication-prohibited": (1, 1), "beyond-scope":
    (1, 2), "address-unreachable": (1, 3), "port-unreachable": (1, 4), "failed-policy": (1, 5),
    "reject-route": (1, 6), "packet-too-big": 2, "time-exceeded": 3, "ttl-exceeded": 3,
    "ttl-zero-during-transit": (3, 0), "ttl-zero-during-reassembly": (3, 1), "parameter-problem": 4,
    "bad-header": (4, 0), "unknown-header-type": (4, 1), "unknown-option": (4, 2), "echo-request": 128,
    "ping": 128, "echo-reply": 129, "pong": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "router-solicitation": 133,
    "router-advertisement": 134, "neighbour-solicitation": 135, "neighbor-solicitation": 135,
    "neighbour-advertisement": 136, "neighbor-advertisement": 136, "redirect": 137,
})  # fmt: skip


@frozen
class IcmpKind(Kind[IcmpType]):
    """A name, its unambiguous beginning, or ``TYPE[/CODE[:CODE]]``; printed as numbers."""

    names: Mapping[str, IcmpType] = field(hash=False)

    @property
    def plain(self) -> str:
        return r"[1-9]\d?"

    def parse(self, words: Sequence[str]) -> IcmpType:
        text = words[0]
        if not text[:1].isdecimal():
            return self._by_name(text)
        head, slash, tail = text.partition("/")
        kind, codes = number(head), Numbers(8).parse([tail]) if slash else NumberRange(0, 0xFF)
        if kind > 0xFF:
            raise ValueError(f"{text} is not between 0 and 255")
        return IcmpType(kind, codes.low, codes.high)

    def _by_name(self, text: str) -> IcmpType:
        found = [name for name in self.names if name.startswith(text.lower())]
        if not found:
            raise ValueError(f"{text!r} is not an ICMP type")
        if len(found) > 1:
            raise ValueError(f"{text!r} could be {' or '.join(found)}")
        return self.names[found[0]]

    def words(self, value: IcmpType) -> tuple[str, ...]:
        if value.type == ANY_TYPE and "any" in self.names:
            return ("any",)
        if (value.low, value.high) == (0, 0xFF):
            return (str(value.type),)
        return (f"{value.type}/{value.low}",)


def icmp_condition(wanted: IcmpType) -> Condition:
    """Return the condition on type and code; type 255 with every code is any ICMP packet."""
    if (wanted.type, wanted.low, wanted.high) == (0xFF, 0, 0xFF):
        return ALWAYS
    return All(
        (
            In("icmp_type", numbers(wanted.type, wanted.type)),
            In("icmp_code", numbers(wanted.low, wanted.high)),
        )
    )

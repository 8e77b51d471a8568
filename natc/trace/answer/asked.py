"""What a rule asks, word by word, and what a packet has instead where a word does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from natc.netfilter.condition import AddressType, Bits, Condition, In, Not, Some, conjuncts
from natc.netfilter.header import PROTOCOLS, Header
from natc.netfilter.packet import Open, Packet
from natc.netfilter.rule import Rule
from natc.values import frozen

_NAMES = {number: name for name, number in reversed(PROTOCOLS.items())}
#: What an address type is called when the answer is no.
_OWN = "one of the node's addresses"


@frozen
class Asked:
    """One condition of a rule, with the words that state it."""

    words: str
    condition: Condition

    @property
    def body(self) -> Condition:
        """The condition without its negation."""
        return self.condition.body if isinstance(self.condition, Not) else self.condition

    @property
    def subject(self) -> str:
        """The packet's field that is asked about; ``type`` for an address's type, empty for neither."""
        body = self.body.parts[0] if isinstance(self.body, Some) and self.body.parts else self.body
        if isinstance(body, AddressType):
            return "type"
        return body.field if isinstance(body, In | Bits) else ""


def asked_by(rule: Rule) -> Iterator[Asked]:
    """Yield what a rule asks: each option of its header, and each condition of its matches."""
    header = rule.header
    for name, _ in Header.options:
        value = getattr(header, name)
        if value is not None:
            only = Header(**{name: value})
            yield Asked(" ".join(only.words()), only.condition())
    for match in rule.matches:
        words = " ".join(["-m", match.name, *match.words()])
        for condition in conjuncts(match.condition()):
            yield Asked(words, condition)


def possessed(asked: Asked, packet: Packet) -> str:
    """Return in words what the packet has where ``asked`` does not hold of it."""
    subject = asked.subject
    if subject == "type":
        return _type_text(asked, packet)
    value = getattr(packet, subject) if subject else None
    if isinstance(value, Open):
        return _NEVER.get(subject, f"the {value.kind} is never that")
    say = _SAY.get(subject)
    return say(packet, value) if say else "that does not hold for this packet"


#: What is certain of an interface that was left open: the packet does not stay inside the node.
_NEVER = {"in_interface": "the packet comes from the network", "out_interface": "the packet leaves the node"}


def _type_text(asked: Asked, packet: Packet) -> str:
    assert isinstance(asked.body, AddressType)
    address = packet.show(getattr(packet, asked.body.field))
    denied = "" if isinstance(asked.condition, Not) else "not "
    kind = _OWN if asked.body.types == {"LOCAL"} else f"of type {' or '.join(sorted(asked.body.types))}"
    return f"{address} is {denied}{kind}"


def _port(which: str) -> Callable[[Packet, Any], str]:
    def say(packet: Packet, value: Any) -> str:
        return f"the packet has no {which}" if value is None else f"the {which} is {value}"

    return say


def _mark(packet: Packet, value: Any) -> str:
    return f"the mark is {value:#x}" if isinstance(value, int) else "the mark has other bits"


_SAY: dict[str, Callable[[Packet, Any], str]] = {
    "src": lambda packet, value: f"the source is {packet.show(value)}",
    "dst": lambda packet, value: f"the destination is {packet.show(value)}",
    "proto": lambda packet, value: f"the packet is {_NAMES.get(value, value)}",
    "sport": _port("source port"),
    "dport": _port("destination port"),
    "in_interface": lambda packet, value: f"it came in by {value}" if value else "it was sent by this node",
    "out_interface": lambda packet, value: f"it leaves by {value}" if value else "it has no way out here",
    "ctstate": lambda packet, value: f"the connection is {value or 'INVALID'}",
    "mark": _mark,
}

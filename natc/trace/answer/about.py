"""Which rules are about a packet's destination, and what they would do in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from natc.netfilter.packet import Packet
from natc.netfilter.rule import Part, Rule, Shape
from natc.netfilter.ruleset import Table
from natc.values import define, field

_ADDRESS = frozenset({"-d", "--dst", "--destination"})
_PORTS = frozenset({"--dport", "--dports", "--destination-port", "--destination-ports", "--ports"})
#: Places of a shape's words that name destination addresses, and those that name ports.
_Places = tuple[tuple[int, ...], tuple[int, ...]]


@define
class About:
    """Recognises the rules about one destination by their words, without building each rule.

    A dump of 175,000 rules has some twenty shapes, so where addresses and ports stand is looked up
    once for each shape.
    """

    address: str
    port: str
    _shapes: dict[Shape, _Places] = field(factory=dict)
    _deeds: dict[tuple[str, str], frozenset[str]] = field(factory=dict)

    @classmethod
    def of(cls, packet: Packet) -> About:
        """Return what recognises the rules about the destination of ``packet``."""
        address = packet.show(packet.dst) if isinstance(packet.dst, int) else ""
        return cls(address, str(packet.dport) if isinstance(packet.dport, int) else "")

    def naming(self, rules: Iterable[Rule]) -> Iterator[Rule]:
        """Yield the rules that name the destination's address, a network it is in, or its port."""
        shapes, port = self._shapes, self.port
        for rule in rules:
            places = shapes.get(rule.shape)
            if places is None:
                places = shapes[rule.shape] = _places(rule.shape)
            addresses, ports = places
            for place in addresses:
                if self._is_address(rule.values[place]):
                    yield rule
                    break
            else:
                for place in ports:
                    if rule.values[place] == port or _has_port(rule.values[place], port):
                        yield rule
                        break

    def named_by(self, rule: Rule) -> bool:
        """Whether one rule does."""
        return any(self.naming((rule,)))

    def _is_address(self, text: str) -> bool:
        host, _, mask = text.partition("/")
        if mask in ("", "32", "128"):
            return bool(host == self.address)
        try:
            return bool(self.address) and ip_address(self.address) in ip_network(text, strict=False)
        except ValueError:  # a host's name, or a mask with holes: neither is a network one can be in
            return False

    def deeds(self, table: Table, rule: Rule) -> frozenset[str]:
        """Return the names of the targets and verdicts that a packet can come to behind a rule."""
        shape = rule.shape
        if shape.jump is None:
            return frozenset({shape.target.kind.name}) if shape.target else frozenset()
        name = rule.values[shape.jump]
        return self._deeds_of(table, name) if name in table.chains else frozenset({name})

    def _deeds_of(self, table: Table, chain: str) -> frozenset[str]:
        key = table.name, chain
        if key not in self._deeds:
            self._deeds[key] = frozenset()  # so that a loop ends
            found = (self.deeds(table, rule) for rule in table.chains[chain].rules)
            self._deeds[key] = frozenset().union(*found)
        return self._deeds[key]


def _has_port(text: str, port: str) -> bool:
    """Whether a port is in a list or range of ports."""
    if not port or ("," not in text and ":" not in text and "-" not in text):
        return False
    for part in text.split(","):
        low, _, high = part.replace("-", ":").partition(":")
        if low.isdecimal() and int(low) <= int(port) <= int(high if high.isdecimal() else low):
            return True
    return False


def _places(shape: Shape) -> _Places:
    ports = [place for part in shape.matches for place in _literals(part, _PORTS)]
    return tuple(_literals(shape.header, _ADDRESS)), tuple(ports)


def _literals(part: Part, names: frozenset[str]) -> list[int]:
    return [
        word
        for use in part.uses
        if use.name in names and not use.inverted
        for word in use.words
        if isinstance(word, int)
    ]

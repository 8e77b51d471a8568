"""Conditions on open values in words: "source in 10.244.0.0/16", "incoming interface is not cni0"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from natc.netfilter.intervals import Intervals, Span, union
from natc.netfilter.kinds.addresses import address_of, text_of
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.packet import YES, YES_OR_NO, Domain, Open, Packet
from natc.netfilter.rule import Rule

#: The longest gap, in pieces, that reads better as an exception than as two ranges.
_FEW = 4
#: So many pieces are mostly what a mask with holes stands for: ``0:babe::/0:ffff::`` is 65,536 networks.
_MANY = 64
#: How kube-proxy's comments begin: namespace/name, perhaps with the port's name.
_SERVICE = r"([a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*(?::[a-z0-9-]*)?)(?:\s|$)"


def service_of(rule: Rule) -> str | None:
    """Return the service that a rule's comment names first, as kube-proxy writes them."""
    found = re.match(_SERVICE, comment_of(rule))
    return found.group(1) if found else None


def condition_texts(packet: Packet, known: Mapping[Open, Domain]) -> tuple[str, ...]:
    """Return the conditions that a case consists of, one phrase each."""
    return tuple(phrase(packet, value, domain) for value, domain in known.items())


def phrase(packet: Packet, value: Open, domain: Domain) -> str:
    """Return the condition that ``value`` lies in ``domain``."""
    return _PHRASES.get(value.kind, _words)(packet, value, domain)


_OWN = "one of the node's addresses"
_BROADCAST = "a broadcast address of the node's networks"


def _address_type(packet: Packet, value: Open, domain: Domain) -> str:
    assert isinstance(domain, frozenset)
    names = {"LOCAL": _OWN, "BROADCAST": _BROADCAST}
    if "UNICAST" in domain:
        denied = [text for kind, text in names.items() if kind not in domain]
        return f"{value.subject} is not {' nor '.join(denied)}"
    return f"{value.subject} is {' or '.join(text for kind, text in names.items() if kind in domain)}"


def _yes_or_no(yes: str, no: str) -> Callable[[Packet, Open, Domain], str]:
    def say(packet: Packet, value: Open, domain: Domain) -> str:
        return (yes if domain == YES else no).format(value.subject)

    return say


def _seen(packet: Packet, value: Open, domain: Domain) -> str:
    return value.subject if domain == YES else value.subject.replace(" was seen", " was not seen", 1)


def _holds(packet: Packet, value: Open, domain: Domain) -> str:
    return f"{value.subject.removesuffix(' holds')} {'holds' if domain == YES else 'does not hold'}"


def _words(packet: Packet, value: Open, domain: Domain) -> str:
    if isinstance(domain, Intervals):
        return _ranges(value, domain, str)
    if value.domain is None:
        return f"{value.kind}: {value.subject}"
    if value.domain == YES_OR_NO:
        return value.subject if domain == YES else f"not: {value.subject}"
    return f"{_name(value)} is {' or '.join(sorted(str(word) for word in domain))}"


def _name(value: Open) -> str:
    return f"{value.kind} {value.subject}" if value.subject and value.subject != "own" else value.kind


# ---- addresses


def _addresses(packet: Packet, value: Open, domain: Domain) -> str:
    """Name the set of addresses in the fewest networks: in, outside, or in one except others."""
    assert isinstance(domain, Intervals) and isinstance(value.domain, Intervals)
    name = _name(value)
    if domain.single is not None:
        return f"{name} is {address_of(domain.single, packet.bits)}"
    if len(domain.spans) > _MANY:
        from natc.trace.answer.masked import masked_words

        words = masked_words(domain, value.domain, packet.bits, lambda part: _networks(part, packet.bits))
        if words is not None:
            return f"{name} {words}"
    inside = _networks(domain, packet.bits)
    outside = _networks(value.domain - domain, packet.bits)
    choices = [
        (len(inside), f"{name} in {_listed(inside)}"),
        (len(outside), f"{name} outside {_listed(outside)}"),
    ]
    hull, holes = _filled(domain, packet.bits)
    if holes:
        around = _networks(hull, packet.bits)
        choices.append((len(around) + len(holes), f"{name} in {_listed(around)} except {_listed(holes)}"))
    return min(choices)[1]


def _filled(domain: Intervals, bits: int) -> tuple[Intervals, list[str]]:
    """Fill the small gaps of a set; return what it is then, and the gaps."""
    gaps: list[Span] = [
        (high, low) for (_, high), (low, _) in zip(domain.spans, domain.spans[1:], strict=False)
    ]
    small = [gap for gap in gaps if len(_networks(Intervals((gap,)), bits)) <= _FEW]
    holes = union(small)
    return domain | holes, _networks(holes, bits)


def _networks(domain: Intervals, bits: int) -> list[str]:
    out: list[str] = []
    for low, high in domain.spans:
        networks = list(islice(_blocks(low, high), _FEW + 1))
        if len(networks) > _FEW:
            out.append(f"{text_of(low, bits)}-{text_of(high - 1, bits)}")
        else:
            out += [text_of(first, bits) + (f"/{bits - free}" if free else "") for first, free in networks]
    return out


def _blocks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the fewest networks that hold all from ``low`` to below ``high``: their first, their free bits.

    ``ipaddress.summarize_address_range`` makes addresses of them, which takes ten times as long: of the JSON
    of a service with 5,000 endpoints and affinity that was a tenth.
    """
    while low < high:
        free = min((low & -low or high).bit_length(), (high - low).bit_length()) - 1
        yield low, free
        low += 1 << free


def _listed(items: Iterable[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


# ---- numbers and names


def set_words(field: str, values: Domain, bits: int) -> str:
    """Return the values that a rule asks for in a field of a packet with addresses of ``bits`` bits."""
    if not values:
        return "nothing"
    if not isinstance(values, Intervals):
        return _listed(sorted(map(str, values)))
    if field in ("src", "dst"):
        return _listed(_networks(values, bits))
    return _listed(_range(span, str) for span in values.spans)


def _ranges(value: Open, domain: Intervals, show: Callable[[Any], str]) -> str:
    inside = [_range(span, show) for span in domain.spans]
    outside = (
        [_range(span, show) for span in (value.domain - domain).spans]
        if isinstance(value.domain, Intervals)
        else []
    )
    if outside and len(outside) < len(inside):
        return f"{_name(value)} is not {' or '.join(outside)}"
    return f"{_name(value)} is {' or '.join(inside)}"


def _range(span: Span, show: Callable[[Any], str]) -> str:
    low, high = span
    if isinstance(low, str):
        return _names(low, high)
    return show(low) if high == low + 1 else f"{show(low)}-{show(high - 1)}"


def _names(low: str, high: str) -> str:
    """Return an interval of names as an interface pattern, where it is one."""
    if high == low + "\0":
        return low
    if low and high == low[:-1] + chr(ord(low[-1]) + 1):
        return f"{low}+"
    return f"between {low.rstrip(chr(0))!r} and {high.rstrip(chr(0))!r}"


def _first_list(packet: Packet, value: Open, domain: Domain) -> str:
    from natc.trace.chain.lists import FirstList

    assert isinstance(value, FirstList)
    return value.says(domain)


_PHRASES: dict[str, Callable[[Packet, Open, Domain], str]] = {
    "address type": _address_type,
    "source": _addresses,
    "destination": _addresses,
    "hairpin": _yes_or_no("source is the chosen endpoint itself", "source is not the chosen endpoint"),
    "mark bit": _yes_or_no(
        "the packet comes with mark bit {} set", "the packet comes with mark bit {} clear"
    ),
    "recent": _seen,
    "first list": _first_list,
    "question": _holds,
    "count": _holds,
}

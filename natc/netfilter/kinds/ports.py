"""Ports and ranges of ports, by number or by the name of a service."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import C_NUMBER, NumberRange, number
from natc.values import frozen

#: A port, exactly.
PORT = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3}|0)"


class PortRange(NumberRange):
    """The ports from ``low`` to ``high``, both included; none when they are in the wrong order."""

    __slots__ = ()


def port(text: str) -> int:
    """Read a port: a number 0-65535 in any of C's bases, or the name of a service."""
    if C_NUMBER.match(text):
        if number(text) > 65535:
            raise ValueError(f"port {text} is not between 0 and 65535")
        return number(text)
    named = port_of_service(text)
    if named is None:
        raise ValueError(f"{text!r} is not a port")
    return named


def resolved_port(text: str) -> int:
    """Read a port as getaddrinfo(3) does: the name of a service, or a decimal number cut to 16 bits."""
    if text.isdecimal() and text.isascii():
        return int(text[-1000:]) & 0xFFFF
    named = port_of_service(text)
    if named is None:
        raise ValueError(f"{text!r} is not a port")
    return named


def port_of_service(name: str) -> int | None:
    """Return the port of a service by its name."""
    from natc.netfilter.services import SERVICES  # here: dumps have numbers

    return SERVICES.get(name)


@frozen
class Ports(Kind[PortRange]):
    """``PORT`` or ``[LOW]:[HIGH]`` (xt_tcpudp.h).

    Extensions that leave reading to libxtables (``resolved``) ask getaddrinfo for a port, and take a
    range that ends before it begins: no port is in it.
    """

    resolved: bool = False

    @property
    def plain(self) -> str:
        return PORT

    def parse(self, words: Sequence[str]) -> PortRange:
        read = resolved_port if self.resolved else port
        head, colon, tail = words[0].partition(":")
        if not colon:
            return PortRange(read(head), read(head))
        low, high = read(head or "0"), read(tail or "65535")
        if low > high and not self.resolved:
            raise ValueError(f"port range {words[0]} ends before it begins")
        return PortRange(low, high)

    def words(self, value: PortRange) -> tuple[str, ...]:
        return (str(value),)


#: Every port; ``-m tcp`` and ``-m udp`` print it no more than if it were not given.
ALL_PORTS = PortRange(0, 65535)


def dashed(text: str) -> PortRange:
    """Read ``PORT`` or ``LOW-HIGH``; raise :class:`ValueError` for what is neither."""
    head, dash, tail = _halves(text)
    low = port(head)
    high = port(tail) if dash else low
    if low > high:
        raise ValueError(f"port range {text} ends before it begins")
    return PortRange(low, high)


def _halves(text: str) -> tuple[str, str, str]:
    """Split at the dash between two ports, which the names of services may hold too."""
    if "-" not in text or port_of_service(text) is not None:
        return text, "", ""
    cuts = [place.start() for place in re.finditer("-", text)]
    known = (at for at in cuts if _is_port(text[:at]) and _is_port(text[at + 1 :]))
    at = next(known, cuts[0])
    return text[:at], text[at : at + 1], text[at + 1 :]


def _is_port(text: str) -> bool:
    return text.isdecimal() or port_of_service(text) is not None


class DashedPorts(Kind[PortRange]):
    """``PORT`` or ``LOW-HIGH``, as the NAT targets print it."""

    def parse(self, words: Sequence[str]) -> PortRange:
        return dashed(words[0])

    def words(self, value: PortRange) -> tuple[str, ...]:
        return (str(value).replace(":", "-"),)

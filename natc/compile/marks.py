"""Service ports with marks in the place of what the passes only repeat, to see where in a text it goes.

A mark is a word as a rule could have it in that place, so what the passes write for marks can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from natc.compile.endpoints import ProxyEndpoint
from natc.compile.selection import Used
from natc.compile.service_ports import ProxiedPort
from natc.values import evolve

Values = tuple[Any, ...]
#: A text with ``%s`` for each hole, and what picks the values for them.
Template = tuple[str, Callable[[Values], Values]]

_NAME = "made.up/m"
_HASH = "MADEUPMARK"
_FIRST_PORT = 61_000
#: Addresses of class E, and of a part of IPv6 that is given to nobody.
_MARK = re.compile(
    rf"251\.\d+\.\d+\.\d+(?:/32|:\d+)?|\[5f77:ac1d:[0-9a-f:]+\]:\d+|5f77:ac1d:[0-9a-f:]+(?:/128)?"
    rf"|{re.escape(_NAME)}\d+|{_HASH}[A-J]{{6}}|(?<!\d)6[1-5]\d{{3}}(?!\d)"
)
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")
_NOTHING = itemgetter(slice(0))


def marked(port: ProxiedPort, used: Used) -> tuple[ProxiedPort, Used, Sequence[str]]:
    """Return a service port of the same kind whose values are marks, with marks for hashes."""
    places = count()
    ports = count(_FIRST_PORT)

    def address(like: str) -> str:
        return _address(next(places), like)

    service = evolve(
        port.service,
        cluster_ip=address(port.service.cluster_ip),
        external_ips=tuple(map(address, port.service.external_ips)),
        vips=tuple(map(address, port.service.vips)),
        health_check_port=next(ports) if port.service.health_check_port else 0,
    )
    new_port = evolve(
        port,
        name=f"{_NAME}{next(places)}",
        port=next(ports),
        node_port=next(ports) if port.node_port else 0,
        service=service,
    )
    reachable = [_endpoint(each, places) for each in used.reachable]
    new = {old.text: each for old, each in zip(used.reachable, reachable, strict=True)}

    def chosen(some: list[ProxyEndpoint]) -> list[ProxyEndpoint]:
        return reachable if some is used.reachable else [new[endpoint.text] for endpoint in some]

    new_used = evolve(
        used,
        cluster=chosen(used.cluster),
        balanced=chosen(used.balanced),
        local=chosen(used.local),
        reachable=reachable,
    )
    hashes = [f"{_HASH}{next(places):06}".translate(_LETTERS) for _ in range(len(reachable) + 1)]
    return new_port, new_used, hashes


def _endpoint(endpoint: ProxyEndpoint, places: count[int]) -> ProxyEndpoint:
    source = _address(next(places), endpoint.source)
    address = _address(next(places), "::" if endpoint.text.startswith("[") else "")
    text = f"[{address}]" if ":" in address else address
    return evolve(endpoint, text=f"{text}:{_FIRST_PORT}", source=source)


def _address(place: int, like: str) -> str:
    """Return a mark for an address, of its family and with a prefix length where it has one."""
    if ":" in like:
        high, low = divmod(place, 0xFFFF)
        return f"5f77:ac1d:{high + 1:x}::{low + 1:x}{'/128' if like.endswith('/128') else ''}"
    word = f"251.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"
    return f"{word}/32" if like.endswith("/32") else word


def holes_of(values: Values) -> dict[str, int]:
    """Return where among some values each mark stands first."""
    holes: dict[str, int] = {}
    for at, value in enumerate(values):
        holes.setdefault(str(value), at)
    return holes


def holds_any(text: str, holes: Mapping[str, int]) -> bool:
    """Tell whether any of these marks stands in a text."""
    return any(found[0] in holes or found[0].partition("/")[0] in holes for found in _MARK.finditer(text))


def template_of(text: str, holes: Mapping[str, int]) -> Template:
    """Return a text with holes for the marks in it."""
    at: list[int] = []

    def hole(found: re.Match[str]) -> str:
        word, slash, length = found[0].partition("/") if found[0] not in holes else (found[0], "", "")
        if word not in holes:
            return found[0]
        at.append(holes[word])
        return f"%s{slash}{length}"

    filled = _MARK.sub(hole, text.replace("%", "%%"))
    if not at:
        return filled, _NOTHING
    return filled, itemgetter(*at) if len(at) > 1 else itemgetter(slice(at[0], at[0] + 1))

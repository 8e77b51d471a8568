"""What the entries of a packets.json may say, checked before the first packet is sent.

Fields that natc does not know are left alone: recorded packets carry notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from math import inf
from typing import Any

from natc.errors import NatcError
from natc.netfilter.node.host import Host
from natc.netfilter.packet import protocol_number
from natc.values import field, frozen

Entry = Mapping[str, Any]
Place = tuple[str | int, ...]

#: Letters of TCP flags, as packets.json writes them.
FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}


@frozen
class EntryError(NatcError):
    """An entry that describes no packet. ``place`` leads to it in the file: keys, and indexes from 0."""

    place: Place = field(default=(), kw_only=True)


@frozen(eq=False)
class _Rule:
    """What the value of a field has to be."""

    holds: Callable[[Any], bool]
    expected: str


def _number(bits: int) -> _Rule:
    most = (1 << bits) - 1
    return _Rule(lambda value: isinstance(value, int) and 0 <= value <= most, f"a number from 0 to {most}")


def _is_protocol(value: Any) -> bool:
    try:
        return isinstance(value, str | int) and 0 <= protocol_number(value) <= 255
    except ValueError:
        return False


def _is_hexadecimal(value: Any) -> bool:
    try:
        return isinstance(value, str) and bytes.fromhex(value) is not None
    except ValueError:
        return False


def _is_error_type(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number(8).holds, value))


_TEXT = _Rule(lambda value: isinstance(value, str), "a text")
_BYTES = _Rule(lambda value: isinstance(value, str) and all(ord(char) < 256 for char in value),
               "a text in which each character, up to U+00FF, is a byte")  # fmt: skip
_FLAG = _Rule(lambda value: isinstance(value, int), "true or false")
_RULES = {
    **dict.fromkeys(("tos", "ttl", "icmp_type", "icmp_code", "chunk"), _number(8)),
    **dict.fromkeys(("sport", "dport", "icmp_id", "mss", "len", "frag"), _number(16)),
    **dict.fromkeys(("mark", "uid", "gid", "seq", "ack", "repeat", "reply_to"), _number(32)),
    **dict.fromkeys(("flush", "vary", "badsum"), _FLAG),
    **dict.fromkeys(("op", "origin", "dump"), _TEXT),
    "proto": _Rule(_is_protocol, "a protocol by name or number"),
    "flags": _Rule(lambda value: isinstance(value, str) and set(value) <= FLAGS.keys(),
                   f"letters of {''.join(FLAGS)}"),
    **dict.fromkeys(("payload", "transport"), _BYTES),
    "tcpopt": _Rule(_is_hexadecimal, "bytes in hexadecimal"),
    "icmp_error": _Rule(_is_error_type, "[type, code]"),
    "s": _Rule(lambda value: isinstance(value, int | float) and 0 <= value < inf, "seconds"),
}  # fmt: skip
#: What an operation needs besides its name.
_NEEDED = {"sleep": ("s",), "restore": ("dump",)}


def entries_of(packets: Any, host: Host) -> Sequence[Entry]:
    """Return the entries of a packets file's contents; raise :class:`EntryError` for what is none.

    Addresses have to be of the host's family, and packets arrive by an interface that it has.
    """
    within: Place = ("packets",) if isinstance(packets, Mapping) else ()
    listed = packets.get("packets") if isinstance(packets, Mapping) else packets
    if not isinstance(listed, list):
        raise EntryError("there is no list of packets", expected="[...] or {packets: [...]}", place=within)
    for number, entry in enumerate(listed):
        for message, expected, *where in _faults(entry, host):
            place = (*within, number, *where)
            raise EntryError(f"packet {number}: {message}", expected=expected, place=place)
    return listed


def _faults(entry: Any, host: Host) -> Iterator[tuple[str, ...]]:
    """Yield what is wrong with an entry: what, what was expected, and in which field."""
    if not isinstance(entry, Mapping):
        yield "is no object", "an object with origin and dst, reply_to, or op"
        return
    needed = ("reply_to",) if "reply_to" in entry else ("origin", "dst")
    for name in _NEEDED.get(entry["op"], ()) if isinstance(entry.get("op"), str) else needed:
        if name not in entry:
            yield f"has no {name}", ", ".join(needed) if "op" not in entry else name
    for name, value in entry.items():
        rule = _RULES.get(name)
        if rule is not None and not rule.holds(value):
            yield f"{name} is {value!r}", rule.expected, name
    for name in ("src", "dst"):
        if name in entry and not _is_address(entry[name], host.family, name):
            yield f"{name} is {entry[name]!r}", f"an address of IPv{host.family}", name
    origin = entry.get("origin", "local")
    if origin != "local" and host.interface(origin) is None:
        names = [interface.name for interface in host.interfaces]
        yield f"the node has no interface {origin!r}", ", ".join(["local", *names]), "origin"


def _is_address(text: Any, family: int, name: str) -> bool:
    """Tell whether a text is an address; that of a packet sent by the node may be ``auto``."""
    if name == "src" and text in (None, "auto"):
        return True
    try:
        return isinstance(text, str) and ip_address(text).version == family
    except ValueError:
        return False

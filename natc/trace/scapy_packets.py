"""Packets of scapy, given as objects, as expressions, or in captures.

An expression is parsed with Python's own parser into layers and their literal arguments, and built
here: only the layers of :data:`LAYERS` can be named, nothing is ever evaluated. This is the only
module that imports scapy, and it does so when a packet is asked for.
"""

from __future__ import annotations

import ast
from importlib import import_module
from ipaddress import ip_address
from typing import Any

from natc.errors import NatcError, Span, UsageError
from natc.netfilter.conntrack.datagrams import has_no_connection
from natc.netfilter.intervals import all_addresses
from natc.netfilter.ipv6_headers import EXTENSION_HEADERS, extension_headers
from natc.netfilter.packet import INCOMING, YES_OR_NO, Open, Packet
from natc.netfilter.wire import tcp_options
from natc.trace.capture.frames import of_headers, rarer_fields
from natc.values import changed

#: The layers an expression may name, and the scapy module each lives in.
LAYERS = {
    "Ether": "scapy.layers.l2",
    "IP": "scapy.layers.inet",
    "TCP": "scapy.layers.inet",
    "UDP": "scapy.layers.inet",
    "ICMP": "scapy.layers.inet",
    "IPv6": "scapy.layers.inet6",
    "ICMPv6EchoRequest": "scapy.layers.inet6",
    "ICMPv6EchoReply": "scapy.layers.inet6",
    "ICMPv6DestUnreach": "scapy.layers.inet6",
    "IPv6ExtHdrHopByHop": "scapy.layers.inet6",
    "IPv6ExtHdrDestOpt": "scapy.layers.inet6",
    "IPv6ExtHdrRouting": "scapy.layers.inet6",
    "IPv6ExtHdrFragment": "scapy.layers.inet6",
    "SCTP": "scapy.layers.sctp",
    "SCTPChunkInit": "scapy.layers.sctp",
    "Raw": "scapy.packet",
}
_EXPECTED = "a scapy expression such as IP(dst='10.0.0.1')/TCP(dport=80)"
#: Longest expression that is read, and most layers in it.
_LONGEST, _MOST_LAYERS = 10_000, 32

_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}
_ICMP_ERRORS, _TCP = (3, 4, 5, 11, 12), 6


# ---- expressions


def packet_of_expression(text: str) -> Packet:
    """Return the packet that a scapy expression describes.

    Raises :class:`UsageError` with a caret for anything that is no layer with literal arguments.
    """
    return packet_of_scapy(_build(_Expression(text)))


class _Expression:
    """One expression, and where its parts stand."""

    def __init__(self, text: str) -> None:
        self.text = text

    def layers(self) -> list[tuple[str, dict[str, Any], ast.Call]]:
        """Return the layers in order: name, arguments, and where it was written."""
        if len(self.text) > _LONGEST:
            raise self.error("the expression is too long", None)
        try:
            tree = ast.parse(self.text.strip(), "<packet>", "eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self.error(f"not an expression: {getattr(error, 'msg', error)}", None) from None
        calls = self._divided(tree)
        if len(calls) > _MOST_LAYERS:
            raise self.error(f"more than {_MOST_LAYERS} layers", None)
        return [self._layer(call) for call in calls]

    def _divided(self, tree: ast.expr) -> list[ast.expr]:
        """Take ``A/B/C`` apart."""
        parts: list[ast.expr] = []
        while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
            parts.append(tree.right)
            tree = tree.left
        return [tree, *reversed(parts)]

    def _layer(self, part: ast.expr) -> tuple[str, dict[str, Any], ast.Call]:
        if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
            call = ast.copy_location(ast.Call(ast.Name("Raw"), [], []), part)
            return "Raw", {"load": part.value}, call
        if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Name):
            raise self.error("this is not a layer", part)
        name = part.func.id
        if name not in LAYERS:
            raise self.error(f"natc knows no layer {name!r}", part.func, ", ".join(LAYERS))
        if part.args:
            raise self.error("arguments need their names", part.args[0])
        return name, {self._name(word): self._literal(word.value) for word in part.keywords}, part

    def _name(self, word: ast.keyword) -> str:
        if word.arg is None:
            raise self.error("** is not allowed", word.value)
        return word.arg

    def _literal(self, value: ast.expr) -> Any:
        try:
            return ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise self.error("only literal values are allowed", value) from None

    def error(self, message: str, part: ast.AST | None, expected: str = _EXPECTED) -> UsageError:
        """Return an error about a part of the expression, or about all of it."""
        skipped = len(self.text) - len(self.text.lstrip())
        start = getattr(part, "col_offset", 0) + skipped
        end = getattr(part, "end_col_offset", None)
        width = len(self.text) - start if end is None else end + skipped - start
        span = Span("--packet", 1, start + 1, self.text.split("\n", 1)[0], max(1, width))
        return UsageError(message, span, expected)


def _build(written: _Expression) -> Any:
    """Make the scapy packet of the layers."""
    packet = None
    for name, arguments, part in written.layers():
        kind = getattr(import_module(LAYERS[name]), name)
        known = {field.name for field in kind.fields_desc}
        for argument in arguments:
            if argument not in known:
                raise written.error(f"{name} has no field {argument!r}", part, ", ".join(sorted(known)))
        try:
            layer = kind(**arguments)
            bytes(layer)
        except Exception as error:
            raise written.error(f"scapy refuses this layer: {error}", part) from None
        packet = layer if packet is None else packet / layer
    return packet


# ---- packets


def packet_of_scapy(found: Any) -> Packet:
    """Return natc's packet for a scapy packet; fields that scapy would guess stay as natc leaves them open.

    The source address is open unless it was set. Raises :class:`NatcError` without an IP layer.
    """
    ip = _first(found, "IP", "IPv6")
    if ip is None:
        raise NatcError("the packet has no IP layer")
    given = ip.fields
    fields = _fields(_rebuilt(ip))
    if given.get("src") is None:
        fields["src"] = Open("source", "", all_addresses(32 if fields["family"] == 4 else 128))
    fields["ipsec"] = Open("question", "the packet is handled by IPsec", YES_OR_NO)
    link = _first(found, "Ether")
    fields["link_source"] = _mac(link) if link is not None else Open("link address")
    packet = Packet(in_interface=INCOMING, **fields)
    return changed(packet, ctstate="INVALID" if has_no_connection(packet) else "NEW")


def dissected(link: int, data: bytes) -> Packet | None:
    """Return the IP packet of a captured frame, None when there is none; ``link`` is its LINKTYPE number."""
    import_module("scapy.layers.inet6")
    import_module("scapy.layers.sctp")
    from scapy.config import conf

    kind = conf.l2types.num2layer.get(link)
    if kind is None:
        raise NatcError(f"frames of link type {link} cannot be read")
    found = kind(data)
    ip = _first(found, "IP", "IPv6")
    if ip is None:
        return None
    ether = _first(found, "Ether")
    return Packet(link_source=_mac(ether) if ether is not None else None, **_fields(ip))


def _first(packet: Any, *names: str) -> Any:
    """Return the outermost layer of one of these class names."""
    while packet:
        if type(packet).__name__ in names:
            return packet
        packet = packet.payload
    return None


def _rebuilt(layer: Any) -> Any:
    """Return the layer as it reads after being sent: lengths and checksums filled in."""
    copy = layer.copy()
    if copy.fields.get("src") is None:
        copy.src = "0.0.0.0" if type(layer).__name__ == "IP" else "::"  # noqa: S104 - not an address to bind
    return type(layer)(bytes(copy))


def _mac(link: Any) -> bytes:
    return bytes(int(part, 16) for part in str(link.src).split(":"))


def _fields(ip: Any) -> dict[str, Any]:
    """Return the packet's fields from its IP layer inwards."""
    fields: dict[str, Any] = {"dst": int(ip_address(ip.dst)), "src": int(ip_address(ip.src))}
    if type(ip).__name__ == "IP":
        fields |= {
            "family": 4, "proto": int(ip.proto), "tos": int(ip.tos), "ttl": int(ip.ttl),
            "length": int(ip.len), "ident": int(ip.id), "fragment": int(ip.flags) << 13 | int(ip.frag),
        }  # fmt: skip
    else:
        fields |= {
            "family": 6, "proto": int(ip.nh), "tos": int(ip.tc), "ttl": int(ip.hlim),
            "length": int(ip.plen) + 40, "ident": int(ip.fl),
        }  # fmt: skip
        if ip.nh in EXTENSION_HEADERS:
            return fields | _behind_headers(ip)
    start = 40 if fields["family"] == 6 else 4 * int(ip.ihl)
    found = _rarer(ip, fields, start) or _transport(ip.payload)
    is_read = found.keys() & {"flags", "malformed"} or fields.get("fragment", 0) & 0x1FFF
    if fields["proto"] == _TCP and not is_read:  # its header was not captured
        found |= {"flags": Open("TCP flags"), "tcp_options": Open("TCP options")}
    return fields | found


def _rarer(ip: Any, fields: dict[str, Any], start: int) -> dict[str, Any] | None:
    """Return what is read of the packet's bytes; None where that is scapy's, or not all of it is there."""
    end, fragment = fields["length"], fields.get("fragment", 0)
    if fragment & 0x1FFF:
        return None
    behind = ip.original[start:end]
    return rarer_fields(fields["family"], fields["proto"], behind, end - start, fragment)


def _behind_headers(ip: Any) -> dict[str, Any]:
    """Return the extension headers of an IPv6 packet and what stands behind them, read as if alone there."""
    data, end = ip.original, int(ip.plen) + 40
    headers, proto, place = extension_headers(data, int(ip.nh), 40, end)
    fields, behind = of_headers(headers), data[place:end]
    fields["proto"] = proto
    if isinstance(headers, Open) or fields.get("fragment", 0) & 0x1FFF:
        return fields | {"payload": behind}
    if found := _rarer(ip, {"family": 6, "length": end, **fields}, place):
        return fields | found
    alone = data[:4] + len(behind).to_bytes(2, "big") + bytes([proto]) + data[7:40] + behind
    return fields | _transport(type(ip)(alone).payload)


def _transport(layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    if kind == "TCP":
        return _tcp(layer)
    if kind in ("UDP", "SCTP"):
        payload = _bytes(layer.payload)
        ports: dict[str, Any] = {"sport": int(layer.sport), "dport": int(layer.dport), "payload": payload}
        return ports | ({"chunk": payload[0] if payload else None} if kind == "SCTP" else {})
    if kind.startswith("ICMP"):
        return _icmp(layer)
    return {"payload": _bytes(layer)}


def _bytes(layer: Any) -> bytes:
    """Return a layer's bytes, without what only fills up a short frame."""
    return b"" if type(layer).__name__ == "Padding" else layer.do_build()


def _tcp(layer: Any) -> dict[str, Any]:
    size = 4 * (int(layer.dataofs) - 5)
    return {
        "sport": int(layer.sport),
        "dport": int(layer.dport),
        "flags": frozenset(_FLAGS[letter] for letter in str(layer.flags) if letter in _FLAGS),
        "sequence": int(layer.seq),
        "acknowledgement": int(layer.ack),
        "window": int(layer.window),
        "tcp_options": tcp_options(layer.original[20 : 20 + size]),
        "payload": _bytes(layer.payload),
    }


def _icmp(layer: Any) -> dict[str, Any]:
    kind = int(layer.type)
    fields: dict[str, Any] = {
        "icmp_type": kind,
        "icmp_code": int(getattr(layer, "code", 0)),
        "icmp_id": getattr(layer, "id", None) or 0,
    }
    inner = _first(layer.payload, "IPerror", "IPerror6", "IP", "IPv6")
    error = kind in _ICMP_ERRORS if type(layer).__name__ == "ICMP" else kind < 128
    if error and inner is not None:
        quoted = type(inner).__name__
        fields["inner"] = Packet(**_quoted(inner, 4 if quoted in ("IPerror", "IP") else 6))
        fields["payload"] = b""
    else:
        echoed = getattr(layer, "data", None)  # scapy takes an ICMPv6 echo's payload for a field
        fields["payload"] = (echoed if isinstance(echoed, bytes) else b"") + _bytes(layer.payload)
    return fields


def _quoted(inner: Any, family: int) -> dict[str, Any]:
    """Return what an ICMP error shows of the packet it is about."""
    proto = int(inner.proto if family == 4 else inner.nh)
    fields: dict[str, Any] = {
        "family": family,
        "src": int(ip_address(inner.src)),
        "dst": int(ip_address(inner.dst)),
        "proto": proto,
    }
    transport = inner.payload
    if hasattr(transport, "sport"):
        fields |= {"sport": int(transport.sport), "dport": int(transport.dport)}
    elif hasattr(transport, "type"):
        fields |= {
            "icmp_type": int(transport.type),
            "icmp_code": int(transport.code),
            "icmp_id": getattr(transport, "id", None) or 0,
        }
    return fields

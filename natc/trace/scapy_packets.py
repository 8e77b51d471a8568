"""Packets from scapy: objects, and expressions such as ``IP(dst='10.0.0.1')/TCP(dport=80)``.

The only module that imports scapy, and only when a packet of scapy's is at hand. An expression is
parsed, never evaluated: it may name the layers below, give their fields as constants, and join them
with ``/``. A field that was not given stays open where scapy would make one up (addresses, source
port); what is a property of the packet itself takes scapy's default (a SYN, TTL 64).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib import import_module
from ipaddress import ip_address
from typing import Any

from natc.errors import Span, UsageError
from natc.netfilter.intervals import ALL_PORTS, all_addresses
from natc.netfilter.packet import INCOMING, Open, Packet

#: The layers an expression may name, and the module of scapy each lives in.
_LAYERS = {
    "Ether": "scapy.layers.l2",
    "IP": "scapy.layers.inet",
    "TCP": "scapy.layers.inet",
    "UDP": "scapy.layers.inet",
    "ICMP": "scapy.layers.inet",
    "IPv6": "scapy.layers.inet6",
    "ICMPv6EchoRequest": "scapy.layers.inet6",
    "ICMPv6EchoReply": "scapy.layers.inet6",
    "SCTP": "scapy.layers.sctp",
    "Raw": "scapy.packet",
}
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}
_EXPECTED = "LAYER(field=value, ...)/LAYER(...), layers being " + ", ".join(_LAYERS)
_PORTED = ("TCP", "UDP", "SCTP")


def packet_of_expression(text: str) -> Packet:
    """Return the packet that a scapy expression describes.

    Raises :class:`~natc.errors.UsageError` with the place for anything but layers, constants and ``/``.
    """
    try:
        tree = ast.parse(text, "--packet", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise _refusal(text, getattr(problem, "offset", 1) or 1, 1, "is no scapy expression") from None
    packet = None
    for call in _calls(text, tree.body):
        layer = _layer(text, call)
        packet = layer if packet is None else packet / layer
    return packet_of_scapy(packet)


def _calls(text: str, node: ast.expr) -> list[ast.Call]:
    """Return the layers of ``a/b/c`` in order."""
    calls: list[ast.Call] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        calls.append(_call(text, node.right))
        node = node.left
    return [_call(text, node), *reversed(calls)]


def _call(text: str, node: ast.expr) -> ast.Call:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LAYERS:
        return node
    raise _at(text, node, "is no layer that natc builds")


def _layer(text: str, call: ast.Call) -> Any:
    """Build one layer out of constants."""
    assert isinstance(call.func, ast.Name)
    make = getattr(import_module(_LAYERS[call.func.id]), call.func.id)
    known = {field.name for field in make.fields_desc}
    values: dict[str, Any] = {}
    if call.args and call.func.id == "Raw":
        values["load"] = _constant(text, call.args[0])
    elif call.args:
        raise _at(text, call.args[0], "needs a field's name before it", "FIELD=VALUE")
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in known:
            raise _at(text, keyword.value, f"{call.func.id} has no such field", ", ".join(sorted(known)))
        values[keyword.arg] = _checked(text, keyword, call.func.id)
    try:
        return make(**values)
    except Exception as problem:
        raise _at(text, call, f"scapy refuses it: {problem}") from None


def _checked(text: str, keyword: ast.keyword, layer: str) -> Any:
    """Return a field's constant. Addresses and ports are checked here: scapy would look names up."""
    value = _constant(text, keyword.value)
    if layer in ("IP", "IPv6") and keyword.arg in ("src", "dst"):
        family = 4 if layer == "IP" else 6
        try:
            good = isinstance(value, str) and ip_address(value).version == family
        except ValueError:
            good = False
        if not good:
            raise _at(text, keyword.value, f"is no IPv{family} address", "one address in quotes")
    if keyword.arg in ("sport", "dport") and not (isinstance(value, int) and 0 <= value <= 65535):
        raise _at(text, keyword.value, "is no port", "a number from 0 to 65535")
    return value


def _constant(text: str, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _at(text, node, "is no constant", "a number, a string or a list of them") from None


def _at(text: str, node: ast.expr, message: str, expected: str = _EXPECTED) -> UsageError:
    width = (node.end_col_offset or node.col_offset + 1) - node.col_offset
    return _refusal(text, node.col_offset + 1, width, message, expected)


def _refusal(text: str, column: int, width: int, message: str, expected: str = _EXPECTED) -> UsageError:
    return UsageError(
        message, Span("--packet", 1, column, text.split("\n", maxsplit=1)[0], max(1, width)), expected
    )


# ---- scapy's packet as natc's


def packet_of_scapy(packet: Any) -> Packet:
    """Return natc's packet for one of scapy's; raise :class:`~natc.errors.UsageError` without IP."""
    import_module("scapy.layers.inet6")
    ip = packet.getlayer("IP") or packet.getlayer("IPv6")
    if ip is None:
        raise UsageError("the packet has no IP layer", expected="IP(...) or IPv6(...)")
    four = ip.name == "IP"
    inner = ip.payload
    return Packet(
        family=4 if four else 6,
        src=_address(ip, "src", Open("source", "", all_addresses(32 if four else 128))),
        dst=_address(ip, "dst", Open("destination", "", all_addresses(32 if four else 128))),
        in_interface=INCOMING,
        tos=ip.tos if four else ip.tc,
        ttl=ip.ttl if four else ip.hlim,
        fragment=(int(ip.flags) << 13 | ip.frag) if four else 0,
        ctstate="NEW",
        **_transport(ip, inner),
    )


def _address(ip: Any, name: str, otherwise: Open) -> int | Open:
    """Return an address that was given; scapy would make up the others by this machine's routes."""
    return int(ip_address(str(ip.fields[name]))) if name in ip.fields else otherwise


def _transport(ip: Any, inner: Any) -> Mapping[str, Any]:
    kind = inner.__class__.__name__
    fields: dict[str, Any] = {"proto": _protocol(ip, inner), "payload": bytes(inner.payload)}
    if kind in _PORTED:
        fields["sport"] = inner.fields.get("sport", Open("source port", "", ALL_PORTS))
        fields["dport"] = inner.fields.get("dport", Open("destination port", "", ALL_PORTS))
    if kind == "TCP":
        fields["flags"] = frozenset(_FLAGS[letter] for letter in str(inner.flags) if letter in _FLAGS)
        fields["sequence"], fields["acknowledgement"] = inner.seq, inner.ack
    if hasattr(inner, "type") and hasattr(inner, "code"):
        fields["icmp_type"], fields["icmp_code"] = inner.type, inner.code
        fields["icmp_id"] = getattr(inner, "id", None)
    return fields


def _protocol(ip: Any, inner: Any) -> int:
    """Return the protocol that was given, or that of the layer that follows."""
    name = "proto" if ip.name == "IP" else "nh"
    if name in ip.fields:
        return int(ip.fields[name])
    overload = ip.overloaded_fields.get(name)
    return int(overload) if overload is not None else int(getattr(ip, name))

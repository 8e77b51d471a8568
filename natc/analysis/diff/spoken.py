"""A packet in scapy's words, for ``natc trace --packet``, where no option of trace says what it has to be."""

from __future__ import annotations

from typing import Any

from natc.netfilter.packet import Open, Packet

#: What a packet of trace has where nothing says otherwise.
_USUAL: dict[str, Any] = {
    "tos": 0,
    "ttl": 64,
    "flags": frozenset({"SYN"}),
    "icmp_type": (8, 128),
    "icmp_code": (0,),
}
#: The words of scapy for fields of the IP header, by family.
_IP = {
    4: {"tos": "tos", "ttl": "ttl", "length": "len"},
    6: {"tos": "tc", "ttl": "hlim", "length": "plen"},
}
_IPV6_HEADER = 40
_LAYERS = {6: "TCP", 17: "UDP", 132: "SCTP", 1: "ICMP", 58: "ICMPv6EchoRequest"}
_LETTERS = {
    "FIN": "F", "SYN": "S", "RST": "R", "PSH": "P", "ACK": "A", "URG": "U", "ECE": "E", "CWR": "C",
}  # fmt: skip


def expression_of(packet: Packet) -> str:
    """Return a packet as an expression of scapy's layers, empty if the options of trace say it all."""
    return f"{_ip(packet)}{_above(packet)}" if _is_unusual(packet) else ""


def _is_unusual(packet: Packet) -> bool:
    icmp = isinstance(packet.icmp_type, int) and (
        packet.icmp_type not in _USUAL["icmp_type"] or packet.icmp_code not in _USUAL["icmp_code"]
    )
    flags = packet.flags is not None and packet.flags != _USUAL["flags"]
    own = packet.tos != _USUAL["tos"] or packet.ttl != _USUAL["ttl"] or isinstance(packet.length, int)
    return bool(icmp or flags or own)


def _ip(packet: Packet) -> str:
    words: dict[str, object] = {"dst": packet.show(packet.dst)}
    if not isinstance(packet.src, Open):
        words["src"] = packet.show(packet.src)
    for name, word in _IP[packet.family].items():
        value = getattr(packet, name)
        if isinstance(value, int) and value != _USUAL.get(name):
            words[word] = value - _IPV6_HEADER if word == "plen" else value
    if packet.proto not in _LAYERS:
        words["proto" if packet.family == 4 else "nh"] = packet.proto
    return _call("IP" if packet.family == 4 else "IPv6", words)


def _above(packet: Packet) -> str:
    layer = _LAYERS.get(packet.proto) if isinstance(packet.proto, int) else None
    if layer is None:
        return ""
    words = {"sport": packet.sport, "dport": packet.dport, "type": packet.icmp_type, "code": packet.icmp_code}
    said: dict[str, object] = {word: value for word, value in words.items() if isinstance(value, int)}
    if isinstance(packet.flags, frozenset):
        said["flags"] = "".join(letter for name, letter in _LETTERS.items() if name in packet.flags)
    return f"/{_call(layer, said)}"


def _call(name: str, words: dict[str, object]) -> str:
    said = (
        f'{word}="{value}"' if isinstance(value, str) else f"{word}={value}" for word, value in words.items()
    )
    return f"{name}({', '.join(said)})"

"""The packets of a packets.json: what each entry means, and the replies made from earlier results."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from natc.errors import NatcError
from natc.netfilter.ipv6_headers import EXTENSION_HEADERS, NOTHING
from natc.netfilter.kinds.addresses import text_of
from natc.netfilter.malformed import Malformed
from natc.netfilter.node import sending
from natc.netfilter.node.host import Host
from natc.netfilter.node.special_addresses import needs_scope6
from natc.netfilter.packet import Packet, protocol_number
from natc.netfilter.wire import encode, has_right_sum, tcp_options
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.frames import packet_of_frame
from natc.trace.node.policy import flow_of
from natc.trace.packet_entries import FLAGS, Entry
from natc.trace.state import State
from natc.values import changed, define, frozen

_PORTED = (6, 17, 132, 136)
#: Protocols whose checksum ``badsum`` spoils.
_SUMMED = (6, 17, 58, 136)
_LINKTYPE_RAW = 101
#: What a reply copies out of the packet that an ICMP error is about.
_QUOTED = ("src", "dst", "proto", "sport", "dport", "flags", "icmp_id")
_WITHOUT = ("reply_to", "icmp_error", "op")


@frozen
class Sent:
    """A packet about to be injected, and whether a process on the node sends it."""

    packet: Packet
    local: bool


@define
class Sender:
    """Makes packets of entries; every packet gets the next IP identification."""

    host: Host
    ident: int = 0

    def packet(self, entry: Entry) -> Sent:
        """Return the packet that an entry describes; raise :class:`NatcError` when it describes none."""
        try:
            self.ident = self.ident % 60000 + 1
            local = entry["origin"] == "local"
            packet = _packet(entry, self.host.family, self.ident)
            if local:
                packet = self._sent_here(packet, entry)
            else:
                packet = _with(packet, in_interface=entry["origin"], link_source=_PEER)
            return Sent(packet, local)
        except (KeyError, ValueError, TypeError) as error:
            raise NatcError(f"a packet cannot be made of {dict(entry)}: {error}") from None

    def _sent_here(self, packet: Packet, entry: Entry) -> Packet:
        if entry.get("src") in (None, "auto"):  # whether given bytes sum up hangs on the source
            source = text_of(self._own_source(packet), packet.bits)
            packet = _packet({**entry, "src": source}, packet.family, self.ident)
        uid, gid = entry.get("uid"), entry.get("gid")
        return _with(packet, mark=entry.get("mark", 0), uid=uid or 0, gid=gid or 0)

    def _own_source(self, packet: Packet) -> int:
        """Return the source that a socket gets which names no device, 0 where it gets none."""
        flow = flow_of(State(packet))
        if packet.family == 6 and needs_scope6(flow.destination):
            return 0
        found = sending.route_output(self.host, flow)
        return 0 if found.error else found.source


#: The sender's address on the wire of every injected packet.
_PEER = b"\x02\x00\x00\x00\x00\x01"


def _with(packet: Packet, **fields: Any) -> Packet:
    from natc.values import evolve

    return evolve(packet, **fields)


def _packet(entry: Entry, family: int, ident: int) -> Packet:
    number = protocol_number(entry.get("proto", "tcp"))
    if family == 6 and number == 1 and not str(entry.get("proto")).isdecimal():
        number = 58
    payload = _payload(entry, number)
    fields = _transport(entry, number, ident, family)
    given = entry.get("src")
    packet = Packet(
        family=family,
        src=0 if given in (None, "auto") else int(ip_address(given)),
        dst=int(ip_address(entry["dst"])),
        proto=number,
        tos=entry.get("tos", 0),
        ttl=entry.get("ttl", 64),
        payload=payload,
        fragment=entry.get("frag", 0),
        ident=ident,
        bad_checksum=bool(entry.get("badsum", 0)) and number in _SUMMED,
        **fields,
    )
    if "transport" in entry:
        return _as_read(_with(packet, malformed=Malformed(str(entry["transport"]).encode("latin1"))))
    if family == 6 and number in (*EXTENSION_HEADERS, NOTHING):
        return _as_read(packet)
    return _with(packet, length=_length(packet))


def _as_read(packet: Packet) -> Packet:
    """Return a packet that is given by its bytes as a node reads them."""
    data = encode(packet)
    read = packet_of_frame(Frame(0, _LINKTYPE_RAW, data))
    assert read is not None
    between = sum(len(header) for _, header in read.extensions) if isinstance(read.extensions, tuple) else 0
    wrong = not has_right_sum(read, data[(20 if read.family == 4 else 40) + between :])
    return changed(read, bad_checksum=wrong, link_source=packet.link_source)


def _payload(entry: Entry, number: int) -> bytes:
    if number == 6 and "payload" not in entry and "len" not in entry:
        return b""
    if number == 132 or "inner" in entry:
        return b""
    text = entry.get("payload", "x" * entry.get("len", 8))
    return str(text).encode("latin1")


def _transport(entry: Entry, number: int, ident: int, family: int) -> dict[str, Any]:
    if number in _PORTED:
        fields: dict[str, Any] = {"sport": entry.get("sport", 0), "dport": entry.get("dport", 0)}
        if number == 6:
            fields |= _tcp(entry, ident)
        if number == 132:
            fields["chunk"] = entry.get("chunk", 1)
        return fields
    if number in (1, 58):
        return _icmp(entry, number, family)
    return {}


def _tcp(entry: Entry, ident: int) -> dict[str, Any]:
    options = list(tcp_options(bytes.fromhex(entry.get("tcpopt", ""))))
    if entry.get("mss"):
        options.append((2, int(entry["mss"]).to_bytes(2, "big")))
    return {
        "flags": frozenset(FLAGS[letter] for letter in entry.get("flags", "S")),
        "sequence": entry.get("seq", ident << 12) & 0xFFFFFFFF,
        "acknowledgement": entry.get("ack", 0),
        "tcp_options": tuple(options),
    }


def _icmp(entry: Entry, number: int, family: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "icmp_type": entry.get("icmp_type", 3 if "inner" in entry else 8 if number == 1 else 128),
        "icmp_code": entry.get("icmp_code", 1 if "inner" in entry else 0),
        "icmp_id": entry.get("icmp_id", 77),
    }
    if "inner" in entry and number == 1:
        fields |= {"inner": _packet(entry["inner"], family, 1), "icmp_id": None}
    return fields


def _length(packet: Packet) -> int:
    """Return the whole packet's length in bytes."""
    assert isinstance(packet.payload, bytes)
    size = (20 if packet.family == 4 else 40) + len(packet.payload)
    if packet.proto == 6:
        assert isinstance(packet.tcp_options, tuple)
        return size + 20 + sum(1 if kind < 2 else 2 + len(data) for kind, data in packet.tcp_options)
    if packet.proto == 132:
        return size + 32
    if packet.inner is not None:
        inner = packet.inner.length
        assert isinstance(inner, int)
        return size + 8 + min(inner, 48)
    return size + (8 if packet.proto in (1, 17, 58, 136) else 0)


def reply_entry(entry: Entry, results: Sequence[Entry]) -> Entry:
    """Return the entry that ``reply_to`` stands for: the answer to an earlier packet as it arrived.

    ``results`` are the results so far. With ``icmp_error`` it is an ICMP error that quotes the packet.
    """
    if entry["reply_to"] >= len(results):
        raise NatcError(f"packet {entry['reply_to']} was not sent before: there is no reply to it")
    before = results[entry["reply_to"]]
    arrived = before.get("final")
    if arrived is None:
        raise NatcError(f"packet {entry['reply_to']} did not arrive anywhere: there is no reply to it")
    origin = "local" if before["verdict"] == "INPUT" else before["out"]
    made = _error_about(arrived, entry) if entry.get("icmp_error") else _answer_to(arrived)
    made |= {"origin": origin, "flush": False}
    return made | {key: value for key, value in entry.items() if key not in _WITHOUT}


def _answer_to(arrived: Entry) -> dict[str, Any]:
    made = {"src": arrived["dst"], "dst": arrived["src"], "proto": arrived["proto"]}
    if "sport" in arrived:
        made |= {"sport": arrived["dport"], "dport": arrived["sport"]}
    if arrived["proto"] == "tcp":
        made["flags"] = "SA"
    if "icmp_id" in arrived:
        made |= {"icmp_id": arrived["icmp_id"], "icmp_type": 0}
    return made


def _error_about(arrived: Entry, entry: Entry) -> dict[str, Any]:
    kind, code = entry["icmp_error"]
    return {
        "src": entry.get("src", arrived["dst"]),
        "dst": arrived["src"],
        "proto": "icmp",
        "icmp_type": kind,
        "icmp_code": code,
        "inner": {key: arrived[key] for key in _QUOTED if key in arrived},
    }

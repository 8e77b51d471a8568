"""The text of ``conntrack -L`` (and /proc/net/nf_conntrack): connections a node has, read and shown.

The list tells neither windows nor sequence numbers, so a TCP connection that is read from it takes every
segment as within its window. It tells no translation either: that follows from the two directions.

Facts: conntrack(8), and what version 1.4.7 and Linux 6.18 print.
"""

from __future__ import annotations

from natc.errors import NodeError, Span
from natc.netfilter.conntrack.connection import (
    GRE,
    ICMP,
    ICMPV6,
    PORTED,
    SCTP,
    TCP,
    Connection,
    Status,
    Tuple,
)
from natc.netfilter.conntrack.sctp import SctpState
from natc.netfilter.conntrack.tcp_segment import TcpSide, TcpState
from natc.netfilter.conntrack.tracker import Connections, Settings
from natc.netfilter.conntrack.zone import Zone
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.node.iproute import parse_address
from natc.values import evolve

_FAMILIES = {"ipv4": 4, "ipv6": 6}
_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp", 136: "udplite"}
#: What a line looks like, for whoever gave another file.
_FORM = "udp 17 29 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1"
_FLAGS = {"[ASSURED]": Status.ASSURED, "[UNREPLIED]": Status.NONE}
_TCP_STATES = frozenset(
    {"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT"}
    | {"CLOSE", "SYN_SENT2"}
)


def read_connections(
    text: str, settings: Settings | None = None, file: str = "<conntrack -L>"
) -> Connections:
    """Read a list of connections; raise :class:`NodeError` with the place of what is wrong."""
    table = Connections(settings) if settings else Connections()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("conntrack v"):
            continue
        try:
            found = _connection(line)
            table.add(evolve(found, read_at=Span(file, number, 1, line, len(line))))
        except (NodeError, ValueError, KeyError, IndexError) as error:
            message = error.message if isinstance(error, NodeError) else _phrase(error)
            raise NodeError(message, Span(file, number, 1, line, len(line)), _FORM) from None
    return table


def _phrase(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a connection without {error.args[0]}="
    return "no line of conntrack -L"


def _connection(line: str) -> Connection:
    words = line.split()
    if words[0] in _FAMILIES:
        words = words[2:]
    proto = int(words[1])
    state = words[3] if len(words) > 3 and "=" not in words[3] and words[3] != "src" else None
    original, reply, common, flags = _fields(words[2:])
    family = 6 if ":" in original["src"] else 4
    tuples = _tuple(original, proto, family), _tuple(reply, proto, family)
    return Connection(
        *tuples,
        _status(*tuples, flags),
        int(common.get("mark", "0"), 0),
        _zone(original, reply, common),
        helper=common.get("helper"),
        protocol=_protocol_state(proto, state),
        carried=(_carried(original), _carried(reply)) if "packets" in original else None,
    )


def _fields(words: list[str]) -> tuple[dict[str, str], dict[str, str], dict[str, str], Status]:
    """Sort the words into those of each direction, those of the connection, and the flags."""
    original: dict[str, str] = {}
    reply: dict[str, str] = {}
    common: dict[str, str] = {}
    status = Status.SEEN_REPLY
    for word in words:
        key, equals, value = word.rstrip(",").partition("=")
        if word == "[UNREPLIED]":
            status &= ~Status.SEEN_REPLY
        elif word in _FLAGS:
            status |= _FLAGS[word]
        elif equals and key in _OF_DIRECTION:
            direction = reply if "src" in reply or (key == "src" and "src" in original) else original
            direction[key] = value
        elif equals:
            common[key] = value
    return original, reply, common, status


_OF_DIRECTION = frozenset(
    {"src", "dst", "sport", "dport", "type", "code", "id", "srckey", "dstkey", "packets", "bytes"}
    | {"zone-orig", "zone-reply"}
)


def _tuple(values: dict[str, str], proto: int, family: int) -> Tuple:
    src, dst = parse_address(values["src"], family), parse_address(values["dst"], family)
    if proto in (ICMP, ICMPV6):
        kind = int(values["type"]) << 8 | int(values["code"])
        return Tuple(family, proto, src, int(values["id"]), dst, kind)
    if proto in PORTED:
        return Tuple(family, proto, src, int(values["sport"]), dst, int(values["dport"]))
    source, call = (int(values.get(key, "0"), 0) for key in ("srckey", "dstkey"))
    return Tuple(family, proto, src, source, dst, call)


def _carried(values: dict[str, str]) -> tuple[int, int]:
    """Return the packets and bytes of a direction."""
    return int(values["packets"]), int(values["bytes"])


def _status(original: Tuple, reply: Tuple, flags: Status) -> Status:
    answered = reply.inverted() or original
    status = flags | Status.CONFIRMED | Status.SNAT_DONE | Status.DNAT_DONE
    if (answered.src, answered.sport) != (original.src, original.sport):
        status |= Status.SNAT
    if (answered.dst, answered.dport) != (original.dst, original.dport):
        status |= Status.DNAT
    return status


def _zone(original: dict[str, str], reply: dict[str, str], common: dict[str, str]) -> Zone:
    if "zone-orig" in original:
        return Zone(int(original["zone-orig"]), reply=False)
    if "zone-reply" in reply:
        return Zone(int(reply["zone-reply"]), original=False)
    return Zone(int(common.get("zone", "0")))


def _protocol_state(proto: int, state: str | None) -> TcpState | SctpState | None:
    if proto == TCP:
        unchecked = TcpSide(liberal=True)
        known = state if state in _TCP_STATES else "ESTABLISHED"
        return TcpState(known or "ESTABLISHED", (unchecked, unchecked))
    if proto == SCTP:
        return SctpState(state or "ESTABLISHED")
    return None


# ---- showing


def connection_text(connection: Connection) -> str:
    """Return a connection as ``conntrack -L`` shows it; a ``T`` stands where that has the seconds left."""
    proto = connection.original.proto
    words = [_NAMES.get(proto, "unknown"), str(proto), "T"]
    if isinstance(connection.protocol, TcpState | SctpState):
        words.append(connection.protocol.state)
    zone = connection.zone
    words += _tuple_words(connection.original)
    words += [f"zone-orig={zone.id}"] if zone.original and not zone.reply else []
    words += _carried_words(connection, 0)
    words += [] if Status.SEEN_REPLY in connection.status else ["[UNREPLIED]"]
    words += _tuple_words(connection.reply)
    words += [f"zone-reply={zone.id}"] if zone.reply and not zone.original else []
    words += _carried_words(connection, 1)
    words += ["[ASSURED]"] if Status.ASSURED in connection.status else []
    words.append(f"mark={connection.mark}")
    words += [f"zone={zone.id}"] if zone.id and zone.original and zone.reply else []
    words += [f"helper={connection.helper}"] if connection.helper else []
    return " ".join([*words, "use=1"])


def _tuple_words(found: Tuple) -> list[str]:
    bits = 32 if found.family == 4 else 128
    words = [f"src={address_of(found.src, bits)}", f"dst={address_of(found.dst, bits)}"]
    if found.proto in (ICMP, ICMPV6):
        return [*words, f"type={found.dport >> 8}", f"code={found.dport & 0xFF}", f"id={found.sport}"]
    if found.proto in PORTED:
        return [*words, f"sport={found.sport}", f"dport={found.dport}"]
    return [*words, f"srckey={found.sport:#x}", f"dstkey={found.dport:#x}"] if found.proto == GRE else words


def _carried_words(connection: Connection, direction: int) -> list[str]:
    if connection.carried is None:
        return []
    packets, count = connection.carried[direction]
    return [f"packets={packets}", f"bytes={count}"]


def write_connections(table: Connections) -> str:
    """Return the table as ``conntrack -L`` shows it, the oldest connection first."""
    return "".join(f"{connection_text(entry)}\n" for entry in table)

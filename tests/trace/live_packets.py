"""Packets for the differential test with the running kernel: alone, or in flows with answers and errors."""

from hypothesis import strategies as st

from tests.trace.live_rules import PORTS

PROTOCOLS = ("tcp", "tcp", "tcp", "udp", "udp", "icmp", "sctp", "47")
#: What stands behind IPv6's header, the number of the first before it, and in the end UDP from port 40000 to 80.
_UDP = bytes.fromhex("9c40 0050 000c 0000") + b"data"
HEADERS = (
    (60, bytes.fromhex("11 00 1e04 61626364") + _UDP),
    (0, bytes.fromhex("3c 00 0502 0000 0100 11 00 0104 00000000") + _UDP),
    (43, bytes.fromhex("11 02 02 01 00000000") + bytes(16) + _UDP),
    (44, bytes.fromhex("11 00 0000 00000007") + _UDP),
    (51, bytes.fromhex("11 02 0000 00000007 00000001 00000000") + _UDP),
    (135, bytes.fromhex("3b 00 05 00 0000 0000")),
    (108, bytes.fromhex("06 00 0007 00000000")),
)
#: The same with a packet that ends inside a header, or contradicts itself: INVALID, and dropped by some rules.
CUT_SHORT = (
    (60, bytes.fromhex("06 00 0104 00000000") + bytes.fromhex("9c40 0050 0000")),
    (60, bytes.fromhex("11 00 0104 00000000") + _UDP[:3]),
    (60, bytes.fromhex("11 00 0104 00000000 9c40 0050 0007 0000")),
    (60, bytes.fromhex("3a 00 0104 00000000 80")),
    (60, bytes.fromhex("3c 00 0104 00000000 11")),
    (51, bytes.fromhex("11 02 0000 00000007 00000001 00000000") + _UDP[:5]),
)
#: GRE that names a call, as PPTP does, and that carries something else in its place.
CALLS = (bytes.fromhex("2001 880b 0004 0007") + b"data", bytes.fromhex("2001 0800 0004 0007") + b"data")
#: Flags of a first TCP packet; mostly a SYN.
FLAGS = ("S", "S", "S", "S", "A", "SA", "R", "FA", "FPU")


@st.composite
def packets(draw, world):
    """A packet from the wire or of a process on the node."""
    origin = draw(st.sampled_from([*world.neighbours, "local"]))
    made = {"origin": origin, **_addresses(draw, world, origin), "proto": draw(st.sampled_from(PROTOCOLS))}
    if world.family == 6 and draw(st.integers(0, 7)) == 0:
        number, payload = draw(st.sampled_from((*HEADERS, *HEADERS, *CUT_SHORT)))
        made |= {"proto": str(number), "payload": payload.decode("latin1")}
    elif made["proto"] == "47" and draw(st.booleans()):
        made["payload"] = draw(st.sampled_from(CALLS)).decode("latin1")
    if made["proto"] in ("tcp", "udp", "sctp"):
        made |= {"sport": draw(st.integers(40000, 40100)), "dport": draw(st.sampled_from(PORTS))}
    if made["proto"] == "tcp":
        made["flags"] = draw(st.sampled_from(FLAGS))
    if made["proto"] == "icmp":
        made["icmp_id"] = draw(st.integers(1000, 1010))
    made |= draw(
        st.sampled_from([{}, {}, {}, {"ttl": 1}, {"ttl": 63}, {"tos": 0x10}, {"len": 64}, {"badsum": 1}])
    )
    if world.family == 4 and draw(st.integers(0, 15)) == 0:
        made |= {"frag": 0x2000, "len": 64}
    if origin == "local":
        made |= draw(st.sampled_from([{}, {}, {"mark": 1}, {"mark": 0x14}, {"uid": 1337}, {"gid": 1000}]))
    return made


def _addresses(draw, world, origin):
    if origin == "local":
        source = draw(st.sampled_from(["auto", "auto", "auto", world.own[1]]))
    else:
        source = draw(
            st.sampled_from([*world.neighbours[origin], *world.neighbours[origin], *world.elsewhere])
        )
    return {"src": source, "dst": draw(st.sampled_from([*world.addresses, *world.virtual, *world.own]))}


@st.composite
def flows(draw, world):
    """A first packet and what follows it; ``reply_to`` counts from the flow's first packet."""
    first = draw(packets(world))
    after = [_answer, _again, _on, _other_port, _reset]
    if world.family == 4 and first["proto"] not in ("icmp", "47"):
        after.append(_error)
    if "payload" in first and first["proto"] != "47":
        after = [_again]  # the recorded answers do not look behind the headers
    out = [first]
    for _ in range(draw(st.integers(0, 4))):
        out.append(draw(st.sampled_from(after))(world, first))
    return out


def _answer(world, first):
    if first["proto"] == "icmp":
        return {"reply_to": 0, "icmp_type": 129 if world.family == 6 else 0}
    return {"reply_to": 0}


def _again(world, first):
    return {**first, "flush": False}


def _on(world, first):
    return {**first, "flush": False, **({"flags": "A"} if first["proto"] == "tcp" else {})}


def _other_port(world, first):
    """Another connection beside the first one."""
    return {**first, "flush": False, **({"sport": first["sport"] + 200} if "sport" in first else {})}


def _reset(world, first):
    return {"reply_to": 0, "flags": "R"} if first["proto"] == "tcp" else _answer(world, first)


def _error(world, first):
    return {"reply_to": 0, "icmp_error": [3, 1]}


@st.composite
def sequences(draw, world, count):
    """Flows one after the other until there are enough packets, each with its place in the whole."""
    out = []
    while len(out) < count:
        start = len(out)
        for packet in draw(flows(world)):
            moved = {"reply_to": packet["reply_to"] + start} if "reply_to" in packet else {}
            out.append({**packet, **moved})
    return out[:count]

"""A packet that the question left open is in exactly one of the answer's cases, and its own answer is that case.

The rulesets are those of the differential test with the running kernel: there packets of which everything
is known are held against the kernel, here packets that leave something open against those.
"""

import os
from collections import Counter
from itertools import product
from math import prod

from attrs import frozen
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from natc.netfilter.node.host import Host
from natc.netfilter.packet import YES, open_mark, question_packet
from natc.text.reader import read
from natc.trace.answer.cases import HAIRPIN
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import OpenNode
from natc.values import changed
from tests.trace.live_rules import dumps
from tests.trace.live_worlds import worlds

#: How many rulesets are tried; by hand ``NATC_OPEN_ANSWERS=5000``.
COUNT = int(os.environ.get("NATC_OPEN_ANSWERS", "25"))
#: The field of the packet that an open value stands for, by its kind.
FIELDS = {
    "source": "src",
    "source port": "sport",
    "incoming interface": "in_interface",
    "state": "ctstate",
    "user of the sender": "uid",
    "group of the sender": "gid",
}
#: Questions that may be answered in more ways than this are not looked at.
MOST_ANSWERS = 256


@frozen
class Asked:
    """A packet with open fields, and one of the packets that it stands for."""

    open: object
    known: object
    origin: str


@st.composite
def asked(draw, world):
    """Draw a packet, and leave some of its fields open."""
    origin = draw(st.sampled_from(["network", "network", "network", "local"]))
    local = origin == "local"
    proto = draw(st.sampled_from(["tcp", "tcp", "udp", "icmp"]))
    fields = {
        "src": draw(st.sampled_from(world.own if local else (*world.hosts, *world.elsewhere))),
        "in_interface": None if local else draw(st.sampled_from([*world.neighbours])),
        "sport": None if proto == "icmp" else draw(st.sampled_from([40000, 40050, 40051, 443])),
        "ctstate": draw(st.sampled_from(["NEW", "NEW", "NEW", "ESTABLISHED", "RELATED", "INVALID"])),
    }
    left = draw(st.sets(st.sampled_from([*fields, "mark"]), min_size=1)) - {"in_interface" * local}
    dst = draw(st.sampled_from([*world.virtual, *world.virtual, *world.own, *world.hosts, *world.elsewhere]))
    dport = None if proto == "icmp" else draw(st.sampled_from([80, 443, 8080]))
    if proto == "icmp" and world.family == 6:
        proto = "icmpv6"
    mark = draw(st.sampled_from([0, 1, 2, 4, 0x10, 0x13, 0x80000000]))
    known = question_packet(dst, dport, proto=proto, mark=mark, **fields)
    other = question_packet(
        dst, dport, proto=proto, mark=mark, **{n: v for n, v in fields.items() if n not in left}
    )
    if "ctstate" in left:
        other = changed(other, ctstate=question_packet(dst, dport, proto=proto, ctstate=None).ctstate)
    if "mark" in left:
        other = changed(other, mark=open_mark())
    if local:
        known = changed(
            known, uid=draw(st.sampled_from([0, 1337])), gid=draw(st.sampled_from([0, 1000, 1500]))
        )
    return Asked(other, known, origin)


@st.composite
def questions(draw):
    world = draw(worlds(draw(st.sampled_from([4, 4, 6]))))
    return world, draw(dumps(world, stateful=False)), draw(asked(world)), draw(st.booleans())


def holds_of(packet, value, domain):
    """Tell whether a condition holds of a packet; None for a question that its fields do not answer."""
    if value.kind == "mark bit":
        return bool(packet.mark & int(value.subject, 16)) in domain
    name = FIELDS.get(value.kind)
    return getattr(packet, name) in domain if name else None


def possible(answer, packet):
    """Return the cases whose conditions on fields hold of a packet, each with its other conditions."""
    out = []
    for case in answer.cases:
        truths = {value: holds_of(packet, value, domain) for value, domain in case.known.items()}
        if False not in truths.values():
            out.append((case, {value: case.known[value] for value, truth in truths.items() if truth is None}))
    return out


def answers(answer, packet):
    """Yield what the cases say of a packet, once for each way its questions may be answered."""
    found = possible(answer, packet)
    asked = list(dict.fromkeys(value for _, known in found for value in known if value != HAIRPIN))
    assume(all(value.domain for value in asked))
    words_of = [_told_apart(value, [known[value] for _, known in found if value in known]) for value in asked]
    assume(prod(map(len, words_of)) <= MOST_ANSWERS)
    for words in product(*words_of):
        told = dict(zip(asked, words, strict=True))
        chosen = [(case, known.get(HAIRPIN)) for case, known in found if _agree(known, told)]
        yield told, chosen


def _told_apart(value, domains):
    """Return enough of an open value's values to be in each of some domains and outside of it."""
    if isinstance(value.domain, frozenset):
        return sorted(value.domain, key=str)
    edges = {edge for domain in (value.domain, *domains) for span in domain.spans for edge in span}
    return sorted(edge for edge in edges if edge in value.domain)


def _agree(known, told):
    return all(told[value] in domain for value, domain in known.items() if value != HAIRPIN)


def ends(packet, chosen):
    """Return what becomes of a packet in the case, or the two that part its own endpoint from others."""
    out = []
    for case, itself in chosen:
        for odds, outcome in case.outcomes:
            own = outcome.dnat is not None and outcome.dnat.ip == packet.show(packet.src)
            if itself is None or own is (itself == YES):
                out.append((odds, outcome))
    return out


def plain(outcome):
    """Return what can be compared: what is said in words of open fields stands for a value."""
    out = {
        "verdict": outcome.verdict,
        "drop_at": outcome.drop_at,
        "reject": outcome.reject,
        "out": outcome.out,
    }
    if isinstance(outcome.mark, int):
        out["mark"] = outcome.mark
    for name in ("dnat", "snat"):
        end = getattr(outcome, name)
        words = [end.ip, str(end.port)] if hasattr(end, "ip") else [str(end or "")]
        if not any(" " in word or word == "masquerade" for word in words):
            out[name] = str(end)
    return out


def summed(outcomes, names):
    sums = Counter()
    for odds, outcome in outcomes:
        told = plain(outcome)
        sums[tuple(told[name] for name in names)] += float(odds)
    return {end: round(share, 9) for end, share in sums.items() if share}


def same(one, other):
    """Compare two distributions by what both say of every packet."""
    told = [plain(outcome) for _, outcome in (*one, *other)]
    names = [name for name in ("verdict", "drop_at", "reject", "out", "mark", "dnat", "snat")
             if all(name in each for each in told)]  # fmt: skip
    return summed(one, names) == summed(other, names)


def machines(world, text, known_node):
    node = HostNode(Host.from_node(world.node())) if known_node else OpenNode()
    return Machine.of(read(text, family=world.family), node)


@settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
@given(questions())
def test_every_packet_is_in_one_case_and_its_own_answer_is_that_case(drawn):
    world, text, asked, known_node = drawn
    machine = machines(world, text, known_node)
    wide = machine.trace(asked.open, asked.origin)
    narrow = machine.trace(asked.known, asked.origin)
    assume(not any(outcome.verdict == "OPEN" for case in wide.cases for _, outcome in case.outcomes))
    possible_ends = []
    for told, chosen in answers(wide, asked.known):
        apart = {itself for _, itself in chosen}
        assert len(chosen) == max(1, len(apart)), (told, [case.conditions for case, _ in chosen])
        possible_ends.append((told, ends(asked.known, chosen)))
    for told, chosen in answers(narrow, asked.known):
        own = ends(asked.known, chosen)
        fitting = [
            found for other, found in possible_ends if all(other.get(v, w) == w for v, w in told.items())
        ]
        assert any(same(own, found) for found in fitting), (told, own, fitting)

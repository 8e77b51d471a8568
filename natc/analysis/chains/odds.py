"""Where a chain of nat sends a first packet, told from the words of its rules.

The machine of :mod:`natc.trace` answers one packet in full; asked about every service of a large node
it would evaluate the same endpoints' rules again and again. Here a chain is worked out by itself: which
part of the packets goes to which destination, which part falls through.
Conditions on anything but chance (the source, an address type) are not decided: both ways are kept
as alternatives. A property test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from natc.netfilter.extension import Match
from natc.netfilter.kinds.nat import NatTarget
from natc.netfilter.kinds.numbers import Probability
from natc.netfilter.matches.comment import Comment
from natc.netfilter.matches.nfacct import Nfacct
from natc.netfilter.matches.recent import Recent
from natc.netfilter.matches.sctp import Sctp
from natc.netfilter.matches.statistic import Statistic
from natc.netfilter.matches.tcp import Tcp
from natc.netfilter.matches.udp import Udp
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.targets.dnat import Dnat
from natc.netfilter.targets.redirect import Redirect
from natc.probability import CERTAIN, NEVER, Odds, drawn
from natc.values import define, field, frozen

#: More alternatives than this are not worked out; the chain is then left open.
_MOST_ALTERNATIVES = 64
#: The destination of REDIRECT, whatever the packet's interface.
THIS_NODE = "this node"


@frozen
class Alternative:
    """One way the conditions can turn out: which part of the packets ends where. Parts sum to 1."""

    shares: dict[str, Odds] = field(factory=dict)
    """The part of each destination."""
    rest: Odds = CERTAIN
    """The part that goes on to the next rule."""
    back: Odds = NEVER
    """The part that RETURN or a goto takes back to the caller."""
    ended: Odds = NEVER
    """The part that a verdict ends without a translation."""

    def then(self, effect: Alternative, part: Odds, *, spent: bool = False) -> Alternative:
        """Return this way past a rule that takes ``part`` of what is left and does ``effect`` to it.

        ``spent``: this way is not looked at any more, so its shares need not be copied.
        """
        taken, rest = (self.rest, NEVER) if part is CERTAIN else _split(self.rest, part)
        shares = self.shares if spent else dict(self.shares)
        for place, share in effect.shares.items():
            shares[place] = _sum(shares.get(place, NEVER), _part(taken, share))
        return Alternative(
            shares,
            _sum(rest, _part(taken, effect.rest)),
            _sum(self.back, _part(taken, effect.back)),
            _sum(self.ended, _part(taken, effect.ended)),
        )

    def called(self, goto: bool) -> Alternative:
        """Return what a whole chain does to its caller's packets."""
        if not goto and not self.back:
            return self
        through = _sum(self.rest, self.back)
        rest, back = (NEVER, through) if goto else (through, NEVER)
        return Alternative(self.shares, rest, back, self.ended)


# Most parts are all or nothing: telling these apart saves three in four of the multiplications.


def _part(whole: Odds, part: Odds) -> Odds:
    if part is CERTAIN:
        return whole
    return whole * part if part and whole else NEVER


def _sum(one: Odds, other: Odds) -> Odds:
    if not other:
        return one
    return one + other if one else other


def _split(whole: Odds, part: Odds) -> tuple[Odds, Odds]:
    taken = whole * part
    return taken, whole - taken


PASSED = Alternative()
_NOTHING = (PASSED,)
_RETURNED = Alternative(rest=NEVER, back=CERTAIN)
_ENDED = Alternative(rest=NEVER, ended=CERTAIN)
Alternatives = tuple[Alternative, ...]


@frozen
class Plan:
    """What all rules of one shape ask and do, read off one of them."""

    certain: bool
    """Whether they ask nothing but chance."""
    never: bool
    """Whether a first packet cannot match, being in no list yet."""
    counts: bool
    """Whether they match every n-th packet: not a matter of one packet's odds."""
    chance: int | None
    """Place of the probability among the literals."""
    unless: bool
    """Whether the probability is negated."""
    destination: int | None
    """Place of a DNAT target among the literals."""
    redirects: bool


@define
class ChainOdds:
    """What the rules of one table's chains do, by what the chains do that they lead to."""

    inside: Callable[[str], Alternatives | None]
    """What a chain does: no ways where that cannot be worked out, None where there is no such chain."""
    _plans: dict[Shape, Plan] = field(factory=dict)
    _parts: dict[str, Odds] = field(factory=dict)

    def of_rule(self, rule: Rule) -> Alternatives | None:
        """Return what a rule does with packets that it takes; None where that cannot be worked out."""
        plan, place = self.plan(rule), rule.shape.jump
        if plan.destination is not None:
            return (Alternative({destination(rule.values[plan.destination]): CERTAIN}, NEVER),)
        if plan.redirects:
            return (Alternative({THIS_NODE: CERTAIN}, NEVER),)
        if place is None:
            return _NOTHING
        name = rule.values[place]
        inside = self.inside(name)
        if inside is None:
            return (_RETURNED,) if name == "RETURN" else (_ENDED,)
        return tuple([way.called(rule.shape.goto) for way in inside]) or None

    def of_rules(self, rules: Iterable[Rule]) -> Alternatives | None:
        """Return what a chain of these rules does with packets; None where that cannot be worked out."""
        ways, own = [PASSED], False
        for rule in rules:
            plan = self.plan(rule)
            if plan.never:
                continue
            effect = self.of_rule(rule)
            if effect is None or plan.counts or len(ways) > _MOST_ALTERNATIVES:
                return None
            if effect == _NOTHING:
                continue
            part = self._part(rule, plan)
            skipped = [] if plan.certain else ways
            spent = own and plan.certain and len(effect) == 1
            ways = [*[way.then(one, part, spent=spent) for way in ways for one in effect], *skipped]
            own = own or plan.certain
        return tuple(ways)

    def _part(self, rule: Rule, plan: Plan) -> Odds:
        """Return the part of the packets that the rule's chance lets match."""
        if plan.chance is None:
            return CERTAIN
        text = rule.values[plan.chance]
        if text not in self._parts:
            self._parts[text] = drawn(Probability().parse([text]))
        return CERTAIN - self._parts[text] if plan.unless else self._parts[text]

    def plan(self, rule: Rule) -> Plan:
        """Return what rules of this rule's shape ask and do."""
        plan = self._plans.get(rule.shape)
        if plan is None:
            plan = self._plans[rule.shape] = _plan_of(rule)
        return plan


_NAT_TARGET = NatTarget()
_plain = re.compile(_NAT_TARGET.plain).fullmatch
_all_plain = re.compile(rf"(?:(?>{_NAT_TARGET.plain})(?:\n|\Z))*+").fullmatch


def destination(word: str) -> str:
    """Return a DNAT target's address and port as they are compared and shown."""
    return word if _plain(word) else _NAT_TARGET.words(_NAT_TARGET.parse([word]))[0]


def destinations(words: list[str]) -> list[str]:
    """Return the :func:`destination` of each word; all at once where all are plain."""
    return words if _all_plain("\n".join(words)) else [*map(destination, words)]


def _plan_of(rule: Rule) -> Plan:
    shape, matches = rule.shape, rule.matches
    statistics = [match for match in matches if isinstance(match, Statistic)]
    random = [match for match in statistics if match.mode == "random"]
    header = {name for name, _ in rule.header.options if getattr(rule.header, name) is not None}
    return Plan(
        certain=header <= {"protocol"} and all(asks_nothing(match) for match in matches) and len(random) <= 1,
        never=any(isinstance(match, Recent) and _looks_up(match) for match in matches),
        counts=len(random) < len(statistics) or len(random) > 1,
        chance=literal(shape, Statistic, "--probability") if random else None,
        unless=any(match.probability is not None and match.probability.inverted for match in random),
        destination=literal(shape, Dnat, "--to-destination"),
        redirects=shape.target is not None and shape.target.kind is Redirect,
    )


def asks_nothing(match: Match) -> bool:
    """Tell whether a match, chance aside, is true of every first packet that comes this far."""
    if isinstance(match, Tcp | Udp | Sctp):
        return match == type(match)()
    if isinstance(match, Recent):
        return match.set is not None and not match.set.inverted
    return isinstance(match, Comment | Nfacct | Statistic)


def _looks_up(match: Recent) -> bool:
    return any(term is not None and not term.inverted for term in (match.rcheck, match.update, match.remove))


def literal(shape: Shape, kind: type, *names: str) -> int | None:
    """Return the place of an option's argument among the literals of a shape's rules."""
    for part in shape.parts():
        if part.kind is kind:
            for use in part.uses:
                if use.name in names and isinstance(use.words[0], int):
                    return use.words[0]
    return None

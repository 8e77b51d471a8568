"""The rules of a chain that shares traffic out among endpoints, each with its part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from natc.analysis.service_chains import jump_of, kind_of
from natc.kube.proxy_names import ENDPOINT_PREFIX
from natc.netfilter.header import Header
from natc.netfilter.kinds.numbers import Probability
from natc.netfilter.matches.comment import Comment
from natc.netfilter.matches.recent import Recent
from natc.netfilter.matches.statistic import Statistic
from natc.netfilter.rule import Rule
from natc.probability import CERTAIN, DRAW_ONE, Odds, drawn
from natc.values import define, field, frozen

#: Endpoints in a row, balanced or remembered.
_IN_A_ROW = re.compile(r"([ab])\1+")

#: Each rule's chance as the kernel keeps it, of 2^31; the last rule asks for none.
Chances = tuple[int | None, ...]


@frozen
class Share:
    """An endpoint and the part of the traffic it gets."""

    to: str
    odds: Odds

    def __float__(self) -> float:
        return float(self.odds)


@define
class Balancing:
    """A balancing chain taken apart."""

    balanced: list[Rule] = field(factory=list)
    """The rules that give endpoints their share."""
    chances: Chances = ()
    """Their chances."""
    affinity: dict[str, list[Rule]] = field(factory=dict)
    """The rules that send a client back to where it was, by the endpoint's chain."""
    others: list[Rule] = field(factory=list)
    roles: str = ""
    """What each rule is, in order: ``b``, ``a`` or ``o``."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Balancing:
        """Take a chain's rules apart."""
        out = cls()
        for rule in rules:
            out._take(rule)
        return out

    def _take(self, rule: Rule) -> None:
        to = jump_of(rule)
        kinds = {part.kind for part in rule.shape.matches} - {Comment}
        bare = kind_of(to) == ENDPOINT_PREFIX and not rule.shape.goto and rule.header == Header()
        chance = chance_of(rule) if bare and kinds <= {Statistic} else -1
        if chance != -1:
            self.balanced.append(rule)
            self.chances = (*self.chances, chance)
            self.roles += "b"
        elif bare and kinds == {Recent}:
            self.affinity.setdefault(to, []).append(rule)
            self.roles += "a"
        else:
            self.others.append(rule)
            self.roles += "o"

    @property
    def endpoints(self) -> dict[str, list[Rule]]:
        """The rules that give each endpoint's chain its share."""
        found: dict[str, list[Rule]] = {}
        for rule in self.balanced:
            found.setdefault(jump_of(rule), []).append(rule)
        return found

    def in_order_of(self, other: Balancing) -> bool:
        """Tell whether the same roles stand in the same places; endpoints may change places.

        Where one has more endpoints than the other, those in a row count as one: an endpoint that is gone
        has moved nothing.
        """
        if len(self.roles) == len(other.roles):
            return self.roles == other.roles
        one, two = (_IN_A_ROW.sub(r"\1", roles) for roles in (self.roles, other.roles))
        return one == two


def chance_of(rule: Rule) -> int | None:
    """Return the chance a rule asks for, of 2^31; None for none, -1 when it is no plain chance."""
    found: list[int | None] = []
    for part in rule.shape.matches:
        if part.kind is Statistic:
            match = rule.shape.read(part, rule.values)
            assert isinstance(match, Statistic)
            plain = match.mode == "random" and match.probability and not match.probability.inverted
            found.append(match.probability.value if plain and match.probability else -1)
    return -1 if len(found) > 1 else (found[0] if found else None)


def even_chances(count: int, digits: int) -> Chances:
    """Return the chances with which kube-proxy shares evenly among ``count`` endpoints.

    It writes 1/n, 1/(n-1), ... with ``digits`` decimals (history A); iptables rounds to 2^-31.
    """
    kind = Probability()
    return tuple(kind.parse([f"{1 / left:.{digits}f}"]) if left > 1 else None for left in range(count, 0, -1))


def shares(names: Sequence[str], chances: Chances) -> list[Share]:
    """Return the part of the traffic that each of the endpoints gets."""
    left = CERTAIN
    found = []
    for name, chance in zip(names, chances, strict=True):
        part = CERTAIN if chance is None else drawn(min(chance, DRAW_ONE))
        found.append(Share(name, left * part))
        left = left * (CERTAIN - part)
    return found

"""Where extensions may stand: the tables and the builtin chains that the kernel lets a rule be reached from.

Facts: xt_check_match and xt_check_target in net/netfilter/x_tables.c, nft_match_validate and
nft_target_validate in net/netfilter/nft_compat.c, the registrations of the extensions; that ``-i`` and
``-o`` make no sense in some builtin chains is iptables' own rule (command_match in xshared.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from natc.netfilter.extension import Extension
from natc.netfilter.header import Header
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.rule import Part, Rule, Shape, UseForm
from natc.values import define, field

HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
#: Every builtin chain, as a bit mask over :data:`HOOKS`.
ANYWHERE = (1 << len(HOOKS)) - 1
#: The builtin chains in which a packet has no such interface yet, or not any more.
NO_INTERFACE = {"in_interface": ("OUTPUT", "POSTROUTING"), "out_interface": ("PREROUTING", "INPUT")}
#: What the nf_tables programs turn into something of nf_tables' own, which stands in every table.
_NATIVE_IN_NFT = frozenset({"TRACE"})


def mask_of(hooks: frozenset[str] | None) -> int:
    """Return builtin chains as a bit mask; None means all."""
    return ANYWHERE if hooks is None else sum(1 << HOOKS.index(name) for name in hooks)


def names_in(mask: int) -> str:
    """Return the builtin chains of a bit mask as a phrase."""
    return ", ".join(name for bit, name in enumerate(HOOKS) if mask >> bit & 1)


@define
class Places:
    """What is known of the shapes of one table's rules, worked out once for each."""

    table: str
    backend: str | None
    placed: bool
    """Whether a kernel took the table as it is."""
    masks: dict[Shape, int] = field(init=False)
    """The builtin chains from which rules of a shape may be reached."""
    misplaced: dict[Shape, str] = field(factory=dict)
    """The shapes with an extension that this table does not take, and its name."""
    asking: set[Shape] = field(factory=set)
    """The shapes of which some rules may stand in fewer places than others."""
    ending: set[Shape] = field(factory=set)
    """The shapes whose verdict meets every packet."""

    def __attrs_post_init__(self) -> None:
        self.masks = _Masks(self._limit)

    def _limit(self, shape: Shape) -> int:
        mask = ANYWHERE
        for part in () if self.placed else _parts_of(shape):
            kind = part.kind
            if is_asking(kind, part.uses):
                self.asking.add(shape)
            if kind.tables is not None and self.table not in kind.tables and not self._native(kind):
                self.misplaced[shape] = kind.name
            mask &= mask_of(kind.hooks)
        if shape.jump is not None and not (shape.goto or shape.matches or shape.header.uses):
            self.ending.add(shape)
        return mask

    def _native(self, kind: type[Extension]) -> bool:
        return self.backend != "legacy" and kind.name in _NATIVE_IN_NFT

    def mask(self, rule: Rule) -> int:
        """Return the builtin chains from which a rule may be reached."""
        mask = self.masks[rule.shape]
        if self.backend == "legacy" and rule.shape in self.asking:
            mask &= checked(rule)
        return mask

    def ends(self, rule: Rule) -> bool:
        """Tell whether the legacy kernel looks at no rule behind this one: every packet ends here."""
        shape = rule.shape
        return (
            self.backend != "nft"
            and shape in self.ending
            and shape.jump is not None
            and rule.values[shape.jump] in VERDICTS
        )

    def culprit(self, rule: Rule, mask: int) -> str:
        """Return the name of the extension in a rule that cannot be reached from one of ``mask``."""
        for own in _parts_of(rule.shape):
            if mask & ~mask_of(own.kind.hooks):
                return own.kind.name
        return next(part.name for part in _parts(rule) if mask & ~mask_of(part.checked_hooks()))


class _Masks(dict[Shape, int]):
    """Works out the mask of a shape when it is first asked for."""

    def __init__(self, limit: Callable[[Shape], int]) -> None:
        self._limit = limit

    def __missing__(self, shape: Shape) -> int:
        self[shape] = mask = self._limit(shape)
        return mask


def is_limited(kind: type[Extension], uses: Iterable[UseForm]) -> bool:
    """Tell whether there are places where an extension used like this cannot stand."""
    return bool(kind.tables or kind.hooks) or is_asking(kind, uses)


def is_asking(kind: type[Extension], uses: Iterable[UseForm]) -> bool:
    """Tell whether some of the options limit where the extension can stand."""
    limits = kind.hooks_by_option
    return bool(limits) and any(kind.by_spelling[use.name][0] in limits for use in uses)


def checked(rule: Rule) -> int:
    """Return the builtin chains that the options of a rule's extensions allow, as a bit mask."""
    mask = ANYWHERE
    for part in _parts(rule):
        mask &= mask_of(part.checked_hooks())
    return mask


def interface_faults(chain: str, rules: Sequence[Rule]) -> Iterator[tuple[Rule, str]]:
    """Yield the rules that ask for an interface which no packet has in this chain, with the option."""
    wrong = [side for side, names in NO_INTERFACE.items() if chain in names]
    options = {spelling for spelling, (side, _) in Header.by_spelling.items() if side in wrong}
    bad = {
        shape: use.name
        for shape in {rule.shape for rule in rules}
        for use in shape.header.uses
        if use.name in options
    }
    if bad:
        yield from ((rule, bad[rule.shape]) for rule in rules if rule.shape in bad)


def _parts_of(shape: Shape) -> tuple[Part, ...]:
    return (*shape.matches, shape.target) if shape.target else shape.matches


def _parts(rule: Rule) -> Iterator[Extension]:
    yield from rule.matches
    if rule.shape.target is not None and rule.target is not None:
        yield rule.target

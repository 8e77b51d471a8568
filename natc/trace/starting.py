"""What a node remembers when a packet comes: connections, lists of ``-m recent``, sets, as it shows them.

Whatever is not given is not known. A replay begins without it, as on a node that has just started; in a
trace the rules that ask for it stay open questions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from natc.errors import DumpError, NodeError, Span
from natc.netfilter.extension import Match, OptionError
from natc.netfilter.rule import Part, Rule, Shape
from natc.netfilter.ruleset import Ruleset
from natc.values import evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.tracker import Connections
    from natc.netfilter.ipset.all_sets import Sets
    from natc.netfilter.memory import Memory
    from natc.netfilter.recent import Entry

Lists = Mapping[str, "tuple[Entry, ...]"]
"""Entries of lists by name, the least recent first; times are in seconds, 0 being now."""


@frozen(eq=False)
class Start:
    """What was shown of a node's memory."""

    connections: Connections | None = None
    lists: Lists = field(factory=dict)
    sets: Sets | None = None
    assumptions: tuple[str, ...] = ()
    """What was taken for granted in reading it."""

    def memory(self, ruleset: Ruleset, backend: str = "legacy") -> Memory:
        """Return the memory of a trace: what was shown is known, nothing else is."""
        from natc.netfilter.memory import Memory

        loaded = with_lists(Memory(), ruleset, backend, self.lists)
        known: dict[Hashable, Any] = {("recent", name): loaded.get(("recent", name)) for name in self.lists}
        if self.sets is not None:
            from natc.netfilter.ipset.lookup import SETS

            known[SETS] = self.sets
        return Memory(known, partial=True)


NOTHING_SHOWN = Start()


def asks_for_counts(ruleset: Ruleset) -> bool:
    """Tell whether a rule asks what connections carry: loading it has the kernel count (xt_connbytes.c)."""
    from natc.netfilter.matches.connbytes import Connbytes

    chains = (chain for table in ruleset.tables.values() for chain in table.chains.values())
    shapes = {rule.shape for chain in chains for rule in chain.rules}
    return any(part.kind is Connbytes for shape in shapes for part in shape.matches)


def with_lists(memory: Memory, ruleset: Ruleset, backend: str, given: Lists) -> Memory:
    """Return the memory once a ruleset is loaded: its lists and rate tables exist, lists given with entries.

    What no rule names any more is gone. Raises :class:`NodeError` for a list that no rule names, and
    :class:`DumpError` for a rule that the kernel refuses because of what another one says of the same table.
    """
    keeping: dict[Shape, bool] = {}
    named = set()
    for rule in _in_load_order(ruleset, backend):
        shape = rule.shape
        if shape not in keeping:
            keeping[shape] = any(map(_makes_something, shape.matches))
        if keeping[shape]:
            for match in rule.matches:
                memory = _loaded(match, memory, rule, ruleset.file)
                named.add(match.kept_at)
    for key in memory.base:
        if isinstance(key, tuple) and key[0] in ("recent", "hashlimit") and key not in named:
            memory = memory.with_value(key, None)
    for name, entries in given.items():
        found = memory.get(("recent", name))
        if found is None:
            raise NodeError(f"no rule of the dump names the list {name!r}")
        memory = memory.with_value(("recent", name), evolve(found, entries=entries))
    return memory


def _makes_something(part: Part) -> bool:
    """Tell whether the kernel remembers something from taking a rule with such a match on."""
    return issubclass(part.kind, Match) and part.kind.loaded is not Match.loaded


def _loaded(match: Match, memory: Memory, rule: Rule, file: str) -> Memory:
    try:
        return match.loaded(memory)
    except OptionError as error:
        raise DumpError(str(error), Span(file, rule.line, 1, rule.text, len(rule.text))) from None


def _in_load_order(ruleset: Ruleset, backend: str) -> Iterator[Rule]:
    """Yield the rules as the kernel is given them.

    The legacy tool gives a table chain by chain, the builtin ones first and then the user's by name; the
    other gives rule by rule as the file has them.
    """
    for table in ruleset.tables.values():
        chains = list(table.chains.values())
        if backend == "legacy":
            chains.sort(key=lambda own: (own.policy is None, own.name if own.policy is None else ""))
        rules = [rule for own in chains for rule in own.rules]
        yield from rules if backend == "legacy" else sorted(rules, key=lambda rule: rule.line)

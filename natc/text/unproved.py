"""A large dump that is taken at its word, for those who can tell of most of its lines that they are good.

Reading proves every line of a dump. Who compares it with rules that are known to be good has done that
for all lines that are the same, so those are not looked at twice: the rest is read, and the tables are sound
if the outline of the rest, and of the sorts of lines that are known, is (:mod:`natc.text.outline`). Who puts
all chains on sheets has shown it of every line. What cannot be shown so is to be read with care.
Measured on 18.9 MB, CPU: 0.03 s instead of 0.23.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from natc.errors import DumpError
from natc.netfilter.ruleset import Ruleset
from natc.text.dumps import SAVED, Dump, starred
from natc.text.outline import Outline
from natc.text.reader import read
from natc.text.revised import LARGE, outline_of
from natc.text.shapes.cache import Kept
from natc.values import define, field

#: More lines than this are read faster with the rest of the text.
_MOST_LINES = 20_000
_END = "COMMIT\n"


class NotProvedError(Exception):
    """A dump has to be read with care."""


@define(eq=False)
class Unproved:
    """A dump whose rules stay text, and what is still to be shown of it."""

    ruleset: Ruleset
    """In whose tables the rules of a chain are presumed to stand together."""
    _dump: Dump
    _declared: dict[str, int]
    """By table how many lines declare chains."""
    _proved: set[str] = field(factory=set)
    """The tables that have been proved sound."""

    @classmethod
    def of(cls, text: str, *, file: str, cache: Kept | None) -> Unproved | None:
        """Take a large dump as an iptables-save wrote it down at a glance; None for any other text."""
        if len(text) < LARGE or SAVED.search(text) is None:
            return None
        try:
            ruleset = read(text, file=file, cache=cache, lazy=True)
        except DumpError:
            return None
        declared = _declared(text, ruleset)
        if ruleset.dumps or declared is None:
            return None
        return cls(ruleset, Dump(text, 1, ruleset.family), declared)

    def prove(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Prove that all is good; raises NotProvedError where that is not certain.

        ``lines`` are by table all lines of rules but those that are known to be good and to lead to chains
        that are there, and of these some of each sort: whose chains begin alike and lead to alike ones.
        """
        for name, table in self.ruleset.tables.items():
            some = lines.get(name, ())
            blocks = table.blocks()
            if len(some) > _MOST_LINES or (blocks is None and table.later is not None):
                raise NotProvedError
            names = set(table.chains if blocks is None else blocks)
            outline = outline_of(name, some, names, self._dump)
            if outline is None:
                raise NotProvedError
            self.prove_table(name, names, outline)

    def prove_table(self, name: str, chains: set[str], outline: Outline) -> None:
        """Prove that a table of good lines is sound; raises NotProvedError where that is not certain.

        ``chains`` are the names that it declares, ``outline`` is that of all its lines. That each chain is
        declared and its rules stand together has been shown.
        """
        if len(chains) != self._declared[name] or not outline.is_sound(name, chains):
            raise NotProvedError
        self._proved.add(name)

    @property
    def proved(self) -> bool:
        """Whether all tables have been proved sound."""
        return self._proved == self.ruleset.tables.keys()


def _declared(text: str, ruleset: Ruleset) -> dict[str, int] | None:
    """Return by table how many lines declare chains, if each table is a name, these, rules and COMMIT."""
    places, found = [*starred(text)], dict[str, int]()
    if len(places) != len(ruleset.tables):
        return None
    for place, (name, table) in zip(places, ruleset.tables.items(), strict=True):
        table.presume_together()
        passage = table.passage
        start, end = passage[1:] if passage else [text.find(_END, place)] * 2
        found[name] = text.count("\n:", place, start)
        framed = text.startswith(f"*{name}\n", place) and text.startswith(_END, end)
        if not framed or text.count("\n", place, start) != 1 + found[name]:
            return None
    return found

"""A large dump that is taken at its word, for those who can tell of most of its lines that they are good.

Reading proves every line of a dump. Who compares it with rules that are known to be good has done that
for all lines that are the same, so those are not looked at twice: the rest is read, and the tables are sound
if the outline of the rest, and of the sorts of lines that are known, is (:mod:`natc.text.outline`). What
cannot be shown so is to be read with care. Measured on 18.9 MB, CPU: 0.07 s instead of 0.23.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from natc.errors import DumpError
from natc.netfilter.ruleset import Ruleset, Table
from natc.text.dumps import SAVED, Dump, starred
from natc.text.reader import read
from natc.text.revised import LARGE, outline_of
from natc.text.shapes.cache import Kept
from natc.values import define

#: More lines than this are read faster with the rest of the text.
_MOST_LINES = 20_000
#: The name of a table and the lines that declare its chains.
_HEAD = re.compile(r"\*\S+\n(?::\S+ (?:-|ACCEPT|DROP) \[\d+:\d+\]\n)*+")
_END = "COMMIT\n"


class NotProvedError(Exception):
    """A dump has to be read with care."""


@define(eq=False)
class Unproved:
    """A dump whose rules stay text, and what is still to be shown of it."""

    ruleset: Ruleset
    _dump: Dump
    proved: bool = False

    @classmethod
    def of(cls, text: str, *, file: str, cache: Kept | None) -> Unproved | None:
        """Take a large dump as an iptables-save wrote it down at a glance; None for any other text."""
        if len(text) < LARGE or SAVED.search(text) is None:
            return None
        try:
            ruleset = read(text, file=file, cache=cache, lazy=True)
        except DumpError:
            return None
        if ruleset.dumps or not _is_usual(text, ruleset):
            return None
        return cls(ruleset, Dump(text, 1, ruleset.family))

    def prove(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Prove that all is good; raises NotProvedError where that is not certain.

        ``lines`` are by table all lines of rules but those that are known to be good and to lead to chains
        that are there, and of these some of each sort: whose chains begin alike and lead to alike ones.
        """
        for name, table in self.ruleset.tables.items():
            some = lines.get(name, ())
            blocks = table.blocks()
            names = set(table.chains if blocks is None else blocks)
            if len(some) > _MOST_LINES:
                raise NotProvedError
            outline = outline_of(name, some, names, self._dump)
            if outline is None or not outline.is_sound(name, names):
                raise NotProvedError
        self.proved = True


def _is_usual(text: str, ruleset: Ruleset) -> bool:
    """Tell whether each table is a name, chains, each once, their rules, chain by chain, and COMMIT."""
    places = [*starred(text)]
    return len(places) == len(ruleset.tables) and all(
        map(_is_framed, [text] * len(places), places, ruleset.tables.values())
    )


def _is_framed(text: str, place: int, table: Table) -> bool:
    head = _HEAD.match(text, place)
    if head is None or not text.startswith(f"*{table.name}\n", place):
        return False
    blocks, end = table.blocks(), head.end()
    if blocks is None and table.later is not None:
        return False
    chains = table.chains if blocks is None else blocks
    if text.count("\n", *head.span()) != len(chains) + 1:
        return False
    if blocks is not None and blocks.stretches:
        if len(blocks.stretches) > 1 or blocks.stretches[0][0] != end:
            return False
        end = blocks.end()
    return text.startswith(_END, end)

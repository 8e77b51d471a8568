"""Finds the grammar, puts together the part of it a text needs, and builds the Lark parser.

``grammar/iptables_save.lark`` is the frame of a line; ``grammar/matches`` and ``grammar/targets``
hold one block per extension. Lark needs seconds for all of them and a tenth of that for the dozen a
dump uses, so a parser is built for a set of blocks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from natc.values import frozen

if TYPE_CHECKING:
    from lark import Lark, Tree
    from lark.lexer import TerminalDef

#: The part of the grammar that every text needs.
FRAME = "iptables_save"
#: The mention of an extension. The blank in front is what makes the search through a dump fast; the
#: rarer spellings are looked for only in a text that has them.
_MENTION = r" -[mj] +([\w.-]+)"
_RARE_MENTION = r"[ \t]-(?:[mj]|-match|-jump)[ \t]+([\w.-]+)"
#: Whatever follows a terminal must not belong to the same word.
_WORD_END = r"(?=[ \t]|$)"


@lru_cache(maxsize=1)
def folder() -> str:
    """Return the grammar's folder: the copy shipped in the package, else the checkout's."""
    package = os.path.dirname(os.path.dirname(__file__))
    shipped = os.path.join(package, "_grammar")
    return shipped if os.path.isdir(shipped) else os.path.join(os.path.dirname(package), "grammar")


@lru_cache(maxsize=1)
def all_blocks() -> frozenset[str]:
    """Return every extension's block as ``matches/NAME`` or ``targets/NAME``."""
    return frozenset(
        f"{kind}/{name.removesuffix('.lark')}"
        for kind in ("matches", "targets")
        for name in os.listdir(os.path.join(folder(), kind))
        if name.endswith(".lark")
    )


@lru_cache(maxsize=2)
def extensions(kind: str) -> frozenset[str]:
    """Return the names of the ``matches`` or ``targets`` that have a block."""
    return frozenset(name for group, name in (block.split("/") for block in all_blocks()) if group == kind)


@lru_cache(maxsize=8)
def no_target(opaque: frozenset[str]) -> str:
    """The expression of "no target extension's name stands here": then ``-j`` means a chain.

    The first letter is looked at alone: comparing a chain's name with 90 others takes 0.2 us, measured.
    """
    names = sorted(extensions("targets") | opaque)
    letters = "".join(sorted({name[0] for name in names}))
    return rf"(?!(?=[{re.escape(letters)}])(?:{'|'.join(map(re.escape, names))})(?:[ \t]|$))"


def blocks_named(text: str) -> frozenset[str]:
    """Return the blocks of the extensions that ``text`` mentions; perhaps more than it uses."""
    rare = "\t" in text or "--match" in text or "--jump" in text
    names = set(re.findall(_RARE_MENTION if rare else _MENTION, text))
    return frozenset(block for block in all_blocks() if block.split("/")[1] in names)


def blocks_hinted(line: str, implied: Mapping[str, str]) -> frozenset[str]:
    """Return the blocks a line may mean however it spells them; perhaps more than it uses.

    ``implied`` says which match a protocol brings along.
    """
    words = re.findall(r"[\w.-]+", line)
    names = {*words, *(word[2:] for word in words), *(implied.get(word.lower(), "") for word in words)}
    return frozenset(block for block in all_blocks() if block.split("/")[1] in names)


def source(blocks: Iterable[str]) -> str:
    """Return the grammar's text for a set of blocks."""
    return "\n".join(text_of(block).decode() for block in [FRAME, *sorted(blocks)])


def text_of(block: str) -> bytes:
    """Return the text of the frame or of a block."""
    with open(os.path.join(folder(), f"{block}.lark"), "rb") as file:
        return file.read()


@frozen(eq=False)
class Grammar:
    """A parser for one line, and what the shape cache needs to know of its terminals."""

    blocks: frozenset[str]
    lark: Lark
    patterns: dict[str, str]
    """The regular expression of each literal terminal; keywords are not in it."""

    def parse(self, line: str) -> Tree[Any]:
        """Parse one line; raises Lark's own errors."""
        return self.lark.parse(line)

    def spellings(self, terminal: str) -> tuple[str, ...]:
        """Return the ways a keyword terminal is written, the shortest first; none for a literal."""
        if terminal in self.patterns:
            return ()
        return next((_spellings(t.pattern.value) for t in self.lark.terminals if t.name == terminal), ())


def _spellings(pattern: str) -> tuple[str, ...]:
    """Undo what Lark and :func:`_make_whole_word` did to the words of a keyword."""
    words = pattern.removesuffix(_WORD_END).replace("(?:", "").replace(")", "").split("|")
    return tuple(sorted((re.sub(r"\\(.)", r"\1", word) for word in words), key=len))


@lru_cache(maxsize=8)
def build(blocks: frozenset[str], *, strict: bool = False) -> Grammar:
    """Build the parser for a set of blocks.

    With ``strict`` Lark refuses any ambiguity, terminals that overlap in one state included; that
    needs interegular and is slow, so it is a test's business.
    """
    from lark import Lark

    patterns: dict[str, str] = {}

    def whole_word(terminal: TerminalDef) -> None:
        _make_whole_word(terminal, patterns)

    with nullcontext() if strict else _unchecked():
        lark = Lark(
            source(blocks),
            parser="lalr",
            lexer="contextual",
            start="line",
            keep_all_tokens=True,
            maybe_placeholders=False,
            edit_terminals=whole_word,
            strict=strict,
            _plugins={} if strict else {"ContextualLexer": _trusting_lexer()},
        )
    return Grammar(blocks, lark, patterns)


@contextmanager
def _unchecked() -> Iterator[None]:
    """Keep Lark from comparing terminals with each other, those of the grammar it reads grammars by too.

    Where interegular is installed that takes 0.1 s of CPU each time, measured.
    """
    from lark import lexer

    before, lexer.has_interegular = lexer.has_interegular, False
    try:
        yield
    finally:
        lexer.has_interegular = before


@lru_cache(maxsize=1)
def _trusting_lexer() -> type:
    """Return Lark's lexer without its checks of each terminal.

    The strict build of the whole grammar has made them (:mod:`tests.text.test_grammar`).
    """
    from lark.lexer import ContextualLexer

    class TrustingLexer(ContextualLexer):
        def __init__(self, conf: Any, states: Any, always_accept: Any = ()) -> None:
            conf.skip_validation = True
            super().__init__(conf, states, always_accept)

    return TrustingLexer


def _make_whole_word(terminal: TerminalDef, patterns: dict[str, str]) -> None:
    """Let a terminal match whole words only, keywords before literals; note the literals' patterns."""
    from lark.lexer import PatternRE, PatternStr

    if terminal.name == "WS_INLINE":
        return
    pattern = terminal.pattern.to_regexp()
    if isinstance(terminal.pattern, PatternStr) or terminal.name.startswith("_"):
        terminal.priority = 1
    else:
        patterns[terminal.name] = pattern
    terminal.pattern = PatternRE(f"(?:{pattern}){_WORD_END}", terminal.pattern.flags)

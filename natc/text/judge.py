"""Lark, the judge of the syntax: asked of a line when nothing that is known fits it.

Lark and what reads its trees are imported when it is first asked; most texts never ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.text import grammar
from natc.text.source import Source
from natc.values import define

if TYPE_CHECKING:
    from natc.netfilter.opaque import Opaque
    from natc.text.grammar import Grammar
    from natc.text.shapes.blueprints import Blueprint


@define
class Judge:
    """The parser of one text."""

    source: Source
    family: int
    _parser: Grammar | None = None

    def blueprint(self, line: str, number: int, opaque: Opaque) -> Blueprint:
        """Return what a line consists of; raise :class:`~natc.errors.DumpError` at the word that is wrong.

        ``opaque`` are the extensions read by their name only.
        """
        from lark.exceptions import UnexpectedInput

        from natc.text.complaints import complaint
        from natc.text.shapes.parsed import ShapeError, blueprint

        parser = self._grammar(grammar.blocks_named(f" {line}"))
        try:
            return blueprint(parser, parser.parse(line), line, self.family, opaque)
        except UnexpectedInput as error:
            raise complaint(error, parser, self.source.span(number)) from None
        except ShapeError as error:
            column = (error.token.start_pos or 0) + 1
            width = len(error.token)
            raise self.source.error(str(error), number, column, width, expected=error.expected) from None

    def respelled(self, line: str) -> str:
        """Return a rule in the spelling of a save, as far as iptables-restore knows other spellings."""
        from natc.text.shapes.parsed import IMPLIED
        from natc.text.spelling import respelled

        return respelled(line, self._grammar(grammar.blocks_hinted(line, IMPLIED)), self.family, IMPLIED)

    def _grammar(self, blocks: frozenset[str]) -> Grammar:
        """Return a parser with these blocks: the first for nothing else, a second for all the text mentions.

        Most texts have no line or one that Lark is asked for. Of a dump of 30 rules with one such line, CPU:
        a parser for the line is built in 54 ms, for all that the dump mentions in 92.
        """
        if self._parser is None:
            self._parser = grammar.build(blocks)
        elif not blocks <= self._parser.blocks:
            named = grammar.blocks_named(self.source.text)
            self._parser = grammar.build(self._parser.blocks | named | blocks)
        return self._parser

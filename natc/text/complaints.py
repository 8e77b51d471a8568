"""Lark's errors as errors for a person: what stands there, and what could."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from natc.errors import DumpError, Span
from natc.netfilter.opaque import OPAQUE_MATCHES
from natc.text.grammar import Grammar, extensions
from natc.text.shapes.parsed import nearest_match
from natc.text.source import BYTE_ORDER_MARK
from natc.values import evolve

if TYPE_CHECKING:
    from lark.exceptions import UnexpectedInput

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_PROGRAM = re.compile(r"(?:\S*/)?ip6?tables(?:-legacy|-nft)?")
_ONE_PORT = re.compile(r"--(?:[ds]port|(?:source|destination)-port)[ \t]+\Z")
_WORD = re.compile(r"\S+")
_LISTED = 6
#: How the messages begin that say only what Lark met.
SYNTAX = ("unknown option", "did not expect", "the line ends too early")
_MODULE = re.compile(r"(?:^|[ \t])(?:-m|--match)[ \t]+(\S+)")


def complaint(error: UnexpectedInput, grammar: Grammar, start: Span) -> DumpError:
    """Return what to tell a person about a line that Lark refused; ``start`` is where it begins."""
    line = start.text
    if line.startswith(BYTE_ORDER_MARK):
        return DumpError("the text begins with a byte order mark", start)
    if line.endswith("\r"):
        span = evolve(start, column=len(line), width=1)
        return DumpError(
            "the line ends with a carriage return, which iptables-restore takes for a word", span
        )
    unknown = _unknown_module(line, _column(error, line))
    if unknown is not None:
        name = unknown.group(1)
        span = evolve(start, column=unknown.start(1) + 1, width=len(name))
        return DumpError(f"unknown match {name!r}", span, nearest_match(name))
    column = _column(error, line)
    word = _WORD.match(line, column - 1)
    wanted = _wanted(error, grammar)
    if word is None:
        return DumpError(
            "the line ends too early", evolve(start, column=max(1, len(line))), _listed(wanted, "")
        )
    text = word.group()
    span = evolve(start, column=column, width=len(text))
    hint = _hint(text, line[: column - 1])
    if hint:
        return DumpError(f"did not expect {text!r}", span, hint)
    what = "unknown option" if text.startswith("-") and len(text) > 1 else "did not expect"
    return DumpError(f"{what} {text!r}", span, _listed(wanted, text))


def _hint(word: str, before: str) -> str | None:
    """Return what to do about a word that people often put there; None for any other."""
    if word.startswith("#"):
        return "a comment on a line of its own, or -m comment --comment"
    if word[0] in _DASHES:
        return "a hyphen: this is another dash, as word processors write it"
    if _PROGRAM.fullmatch(word) and not before.strip():
        return "the words behind the name of the program, such as -A INPUT"
    if "," in word and _ONE_PORT.search(before):
        return "one port or a range; for several -m multiport --dports"
    return None


def _column(error: UnexpectedInput, line: str) -> int:
    column = getattr(error, "column", -1)
    at_end = (
        type(error).__name__ == "UnexpectedEOF"
        or getattr(getattr(error, "token", None), "type", "") == "$END"
    )
    return len(line) + 1 if at_end or not isinstance(column, int) or column < 1 else column


def _unknown_module(line: str, before: int) -> re.Match[str] | None:
    """Return the first ``-m NAME`` left of the error that no block of the grammar knows."""
    for found in _MODULE.finditer(line):
        known = found.group(1) in OPAQUE_MATCHES or found.group(1) in extensions("matches")
        if found.start() < before and not known:
            return found
    return None


def _wanted(error: UnexpectedInput, grammar: Grammar) -> list[tuple[str, ...]]:
    """Return what could stand there: a keyword's spellings, or a literal's name in words."""
    names = (
        getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", ())
    )
    return sorted(
        grammar.spellings(name) or (name.lower().replace("_", " "),)
        for name in set(names or ()) - {"$END", "NOT"}
    )


def _listed(wanted: list[tuple[str, ...]], word: str) -> str | None:
    if not wanted:
        return None
    close = get_close_matches(word, [text for texts in wanted for text in texts], 3)
    shown = close or [texts[0] for texts in wanted[:_LISTED]]
    return ", ".join(shown) + (", ..." if len(wanted) > len(shown) and not close else "")

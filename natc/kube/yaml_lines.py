"""The fast way through plain YAML: one line at a time, each line's text looked up in a cache.

Manifests are long and their lines repeat: of the 650,000 lines of 10,000 services, most are one of a
few hundred. A line of the plain kind below is parsed once, by one regular expression, and what it
means is kept by its text; what is left per line is to see where its column puts it. Any line or
column this module is not sure of makes :func:`load` give up the whole document, and
:mod:`natc.kube.yaml_source` reads it instead: that one stays the judge, and the only one that finds
fault. tests/property/test_manifest_lines.py holds the two together on mutated documents.

Plain is: block mappings and sequences indented by spaces, keys of letters, digits and ``_./-``, one
entry a line; values that are one word or several, in simple quotes, ``{}``, ``[]``, or a ``|`` block;
whole-line comments; ASCII.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final, TypeVar

from natc.kube.yaml_scalars import Scalar, resolve

GIVEN_UP: Final = object()
"""What :func:`load` returns for a document it is not sure of."""

_KEY = r"[A-Za-z_][A-Za-z0-9_./-]{0,200}"
_PLAIN_START = "[A-Za-z0-9_./]"
_PLAIN_INNER = "[A-Za-z0-9_./@%+=,;()-]*"
#: What may follow the first character of a plain scalar; a colon or a blank ends none of them here.
PLAIN_REST = rf"{_PLAIN_INNER}(?:(?::(?=:|{_PLAIN_START})| (?={_PLAIN_START})){_PLAIN_INNER})*"
_PLAIN = _PLAIN_START + PLAIN_REST
_VALUE = rf"""{_PLAIN}|'[ -&(-~]*'|"[ !#-\[\]-~]*"|\{{\}}|\[\]"""
_LINE = rf"( *)(- )?(?:({_KEY}):(?: ({_VALUE}|\|-?))?|(?<=- )({_VALUE}))"
#: Matches a plain line: its indentation, dash, key, value after a key, value without one.
match_line = re.compile(_LINE, re.ASCII).fullmatch
_BLANK = re.compile(r" *(?:#[ -~]*)?", re.ASCII).fullmatch
_BLOCK_TEXT = re.compile(r"[ -~]+", re.ASCII).fullmatch
#: Most characters of a document, or of a block in one, that is read here; no scalar is longer then.
LONGEST_TEXT = 1_000_000
_LONGEST_LINE = 100_000
_DEEPEST_COLUMN = 200


class _Later(Enum):
    """Values that are made when the line is used: they can change, or stand on the lines below."""

    OPEN = None
    MAP = "{}"
    LIST = "[]"
    CLIPPED = "|"
    STRIPPED = "|-"


#: Kinds of lines; UNSURE ones are left to the parser.
_ENTRY, _ITEM_ENTRY, _ITEM, _SKIP, _UNSURE = range(5)
_LATER: dict[str | None, _Later] = {each.value: each for each in _Later}
_Line = tuple[int, int, str, Any]
"""The kind, the column, the key (empty without one) and the value."""
_Above = list[tuple[int, Any]]
"""The collections around the current one, each with its column."""

_UNSURE_LINE: _Line = (_UNSURE, 0, "", None)
_SKIPPED_LINE: _Line = (_SKIP, 0, "", None)
_LARGEST_CACHE, _LONGEST_KEPT = 50_000, 500
_cache: dict[str, _Line] = {}


class _NotPlainError(Exception):
    """This document is the parser's to read."""


def load(text: str) -> Any:
    """Return the value of a document of plain lines, or :data:`GIVEN_UP`."""
    if "\r" in text:
        return GIVEN_UP
    try:
        return _build(text.split("\n")) or GIVEN_UP
    except _NotPlainError:
        return GIVEN_UP


def _look_up(line: str) -> _Line:
    """Parse a line the cache does not hold, and keep it if it is not long."""
    if len(line) > _LONGEST_KEPT:
        return _parse(line)
    if len(_cache) >= _LARGEST_CACHE:
        _cache.clear()
    parsed = _cache[line] = _parse(line)
    return parsed


def _parse(line: str) -> _Line:
    if len(line) > _LONGEST_LINE:
        return _UNSURE_LINE
    match = match_line(line)
    if match is None:
        return _SKIPPED_LINE if _BLANK(line) else _UNSURE_LINE
    spaces, dash, key, written, item = match.groups()
    if len(spaces) > _DEEPEST_COLUMN or (key and resolve(key) is not key):
        return _UNSURE_LINE
    value = _value(written if key else item)
    if isinstance(value, float):  # rare, and some of them are no JSON
        return _UNSURE_LINE
    kind = _ENTRY if not dash else _ITEM_ENTRY if key else _ITEM
    return kind, len(spaces), str(key or ""), value


def _value(text: str | None) -> Scalar | _Later:
    if text is None or text in _LATER:
        return _LATER[text]
    return text[1:-1] if text[0] in "'\"" else resolve(text)


def _build(lines: list[str]) -> dict[str, Any]:  # noqa: C901 - the loop every line goes through
    """Put the lines of a document together."""
    root: dict[str, Any] = {}
    node: Any = root
    column = after_block = 0
    above: _Above = []
    open_key: str | None = None  # the key of `node` whose value may stand indented below
    known = _cache.get
    for number, line in enumerate(lines):
        if number < after_block:
            continue
        kind, at, key, value = known(line) or _look_up(line)
        if kind == _SKIP:
            continue
        if kind == _ENTRY:
            if at != column or node.__class__ is list:
                node, column = _map_at(at, node, column, open_key, above), at
        elif kind == _UNSURE:
            raise _NotPlainError
        else:
            node, column = _list_at(at, node, column, open_key, above), at
            if kind == _ITEM:
                node.append(_made(value) if value.__class__ is _Later else value)
                open_key = None
                continue
            above.append((column, node))
            entry: dict[str, Any] = {}
            node.append(entry)
            node, column = entry, at + 2
        if key in node:
            raise _NotPlainError
        open_key = None
        if value.__class__ is _Later:
            if value is _Later.OPEN:
                open_key = key
            elif value is _Later.CLIPPED or value is _Later.STRIPPED:
                node[key], after_block = _block(lines, number + 1, column, value)
                continue
            value = _made(value)
        node[key] = value
    return root


def _map_at(at: int, node: Any, column: int, open_key: str | None, above: _Above) -> dict[str, Any]:
    """Return the mapping an entry at column ``at`` belongs to: a new one, or one further out."""
    if at > column:
        return _inner({}, node, column, open_key, above)
    while column > at:
        column, node = above.pop()
    if node.__class__ is list and above:  # a sequence may stand at the column of the key it belongs to
        column, node = above.pop()
    if column != at or not isinstance(node, dict):
        raise _NotPlainError
    return node


def _list_at(at: int, node: Any, column: int, open_key: str | None, above: _Above) -> list[Any]:
    """Return the sequence an item at column ``at`` belongs to: a new one, or one further out."""
    if open_key is not None and at >= column:
        return _inner([], node, column, open_key, above)
    while column > at:
        column, node = above.pop()
    if column != at or not isinstance(node, list):
        raise _NotPlainError
    return node


_Collection = TypeVar("_Collection", dict[str, Any], list[Any])


def _inner(new: _Collection, node: Any, column: int, open_key: str | None, above: _Above) -> _Collection:
    """Make ``new`` the value of the key that was left open, and go inside."""
    if open_key is None:
        raise _NotPlainError
    above.append((column, node))
    node[open_key] = new
    return new


def _made(value: _Later) -> Any:
    return {} if value is _Later.MAP else [] if value is _Later.LIST else None


def _block(lines: list[str], start: int, column: int, chomping: _Later) -> tuple[str, int]:
    """Return the text of a ``|`` block that begins at line ``start``, and the number of the line after it."""
    first = lines[start] if start < len(lines) else ""
    indent = len(first) - len(first.lstrip(" "))
    margin = " " * indent
    if indent <= column or first.isspace():
        raise _NotPlainError
    end = start
    while end < len(lines) and (not lines[end] or lines[end].startswith(margin)):
        if lines[end] and (not _BLOCK_TEXT(lines[end]) or lines[end].isspace()):
            raise _NotPlainError
        end += 1
    if lines[end - 1] if end == len(lines) else lines[end].isspace():
        raise _NotPlainError  # the text's own end, or blanks: they decide how the value ends
    text = "\n".join([line[indent:] for line in lines[start:end]]).rstrip("\n")
    if len(text) > LONGEST_TEXT:
        raise _NotPlainError
    return (text + "\n" if chomping is _Later.CLIPPED else text), end

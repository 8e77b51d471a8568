"""Documents of one shape: the same lines but for the values, read by one regular expression.

Most documents of a long stream differ from one before only in names, numbers and addresses. When
enough documents with the same number of lines have gone by, one of them becomes a shape: a regular
expression with a group for each value, and the same document as JSON text with a hole for each
group. A later document that the expression matches in full is the filled-in JSON, read at the JSON
scanner's speed. Groups match only texts that mean the same kind of value everywhere: a group for a
string takes nothing that YAML reads as a number or a word like ``no``, and nothing that JSON would
need to escape. What no shape matches goes on to :mod:`natc.kube.yaml_lines`.

Measured on 10,000 services and their slices: half the time of reading line by line.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from natc.kube import yaml_lines
from natc.kube.object_shapes import Scalar
from natc.kube.yaml_lines import GIVEN_UP, LONGEST_TEXT, PLAIN_REST, match_line
from natc.kube.yaml_scalars import WORDS, resolve
from natc.values import frozen

#: How many unmatched documents of about the same form it takes to learn one's shape.
_ENOUGH = 16
#: Compiling a shape takes milliseconds, so their number and size are bounded.
_MOST_SHAPES = 64
_MOST_LINES = 250

_NO_WORD = rf"(?!(?:{'|'.join(re.escape(word) for word in WORDS if word.isalpha())})\n)"
_DOTTED = rf"[0-9]+\.[0-9]+\.{PLAIN_REST}"
_COLONED = rf"[0-9][0-9A-Fa-f]*:(?=[0-9A-Fa-f:]){PLAIN_REST}"
_STRING = rf"({_NO_WORD}[A-Za-z_/]{PLAIN_REST}|{_DOTTED}|{_COLONED})"
_INTEGER = "(0|[1-9][0-9]{0,17})"
_BOOLEAN = "(true|false)"
_QUOTED = r"([ !#-&(-\[\]-~]*)"

#: A look-ahead where an expression for strings might take a text that means something else to YAML.
_NO_OTHER = rf"(?:{_NO_WORD}(?=[A-Za-z_/])|(?=[0-9]+\.[0-9]+\.))"

#: Any value on a line, whatever it means; all of them are JSON.
_UNREAD = rf"""(?:[A-Za-z0-9_/]{PLAIN_REST}|'{_QUOTED[1:-1]}'|"{_QUOTED[1:-1]}")"""
_is_unread = re.compile(_UNREAD).fullmatch
_is_string = re.compile(_STRING + r"\n").fullmatch
_is_integer = re.compile(_INTEGER).fullmatch
_is_quoted = re.compile(_QUOTED).fullmatch
_HOLE = re.compile(r'"x@(s|n)@"')
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # typeshed leaves it out


@frozen
class Shape:
    """One form of document: what matches it, and its JSON with a ``%s`` for each group."""

    pattern: re.Pattern[str]
    template: str

    def read(self, text: str) -> Any:
        """Return the value of a document of this shape, or ``GIVEN_UP``."""
        match = self.pattern.fullmatch(text)
        return _scan(self.template % match.groups(), 0)[0] if match else GIVEN_UP


class Shapes:
    """The shapes learnt from one text."""

    def __init__(self) -> None:
        self._by_form: defaultdict[tuple[int, str], list[Shape]] = defaultdict(list)
        self._misses: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._count = 0

    def load(self, text: str) -> Any:
        """Return the value of a document, or ``GIVEN_UP`` when it is not plain."""
        if len(text) > LONGEST_TEXT:
            return yaml_lines.load(text)
        form = (text.count("\n"), text[:24])
        for shape in self._by_form[form]:
            value = shape.read(text)
            if value is not GIVEN_UP:
                return value
        value = yaml_lines.load(text)
        if value is not GIVEN_UP and form[0] <= _MOST_LINES:
            self._miss(form, text)
        return value

    def _miss(self, form: tuple[int, str], text: str) -> None:
        """Learn a shape now and then, ever more seldom while none of a form's shapes helps."""
        self._misses[form] += 1
        misses = self._misses[form]
        if misses >= _ENOUGH and misses & (misses - 1) == 0 and self._count < _MOST_SHAPES:
            shape = shape_of(text)
            if shape is not None:
                self._by_form[form].append(shape)
                self._count += 1


def shape_of(text: str) -> Shape | None:
    """Return the shape of a plain document; None when it has none, such as one with a block of text."""
    if not text.endswith("\n"):
        return None
    patterns: list[str] = []
    masked: list[str] = []
    for line in text[:-1].split("\n"):
        match = match_line(line)
        if match is None and line:
            return None
        value = (match[4] or match[5] or "") if match else ""
        pattern, mask = _hole(value)
        before = line[: len(line) - len(value)]
        patterns.append(re.escape(before) + pattern)
        masked.append(before + mask)
    value = yaml_lines.load("\n".join(masked) + "\n")
    if value is GIVEN_UP:
        return None
    template = json.dumps(value).replace("%", "%%")
    filled = _HOLE.sub(lambda hole: '"%s"' if hole[1] == "s" else "%s", template)
    return Shape(re.compile("\n".join(patterns) + "\n", re.ASCII), filled)


def scalars(text: str) -> list[Scalar]:
    """Return the strings and whole numbers of a document of plain lines."""
    found: list[Scalar] = []
    at = 0
    for line in text.split("\n"):
        match = match_line(line)
        group = 4 if match and match[4] else 5
        if match and match[group]:
            found += _scalar(match[group], at + match.start(group), at + match.end(group))
        at += len(line) + 1
    return found


def _scalar(value: str, start: int, end: int) -> Iterator[Scalar]:
    if value[0] in ("'", '"'):
        if _is_quoted(value[1:-1]):
            yield Scalar(start + 1, end - 1, None, _QUOTED[1:-1], _UNREAD, quotes=1)
    elif _is_integer(value):
        yield Scalar(start, end, int, "", _UNREAD)
    elif _is_string(value + "\n") and isinstance(resolve(value), str):
        yield Scalar(start, end, None, f"(?:{_STRING[1:-1]})", _UNREAD, no_other=_NO_OTHER)
    elif _is_unread(value):
        yield Scalar(start, end, None, "", _UNREAD, unread_only=True)


def _hole(value: str) -> tuple[str, str]:
    """Return the expression for values of the kind ``value`` is, and what stands for it in the mask.

    A value that is like no group stands for itself.
    """
    if value[:1] in ("'", '"') and _is_quoted(value[1:-1]):
        return value[0] + _QUOTED + value[0], "'x@s@'"
    if value in ("true", "false"):
        return _BOOLEAN, "x@n@"
    if _is_integer(value):
        return _INTEGER, "x@n@"
    if _is_string(value + "\n") and isinstance(resolve(value), str):
        return _STRING, "x@s@"
    return re.escape(value), value

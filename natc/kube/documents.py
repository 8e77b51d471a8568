"""A manifest text cut into documents, as kubectl cuts it, each read as YAML or JSON.

Documents are separated by lines that begin with ``---``, after which only a comment may follow. A
document whose first character is ``{``, with a key in double quotes or nothing after it, is JSON; any
number of JSON values may follow each other. (k8s.io/apimachinery, util/yaml/decoder.go.)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from natc.errors import ManifestError, NatcError, Span
from natc.kube import json_source
from natc.kube.fields import Place
from natc.kube.json_reader import JsonReader
from natc.values import define, field, frozen

if TYPE_CHECKING:
    from natc.kube.object_shapes import Read
    from natc.kube.yaml_reader import YamlReader
    from natc.kube.yaml_source import Mark

_SEPARATOR = re.compile(r"^---(.*)$", re.MULTILINE)
_JSON_START = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*["}]').match
_BLANK = re.compile(r"[ \t\r\n]*").match
#: How rules show themselves that were given for manifests, and what is said of them.
_DUMP = re.compile(r"^\*(?:raw|mangle|nat|filter|security)\r?$", re.MULTILINE).search
_A_DUMP = ("this is the text of iptables-save", "Kubernetes objects, as YAML or JSON")
_NO_READERS: Mapping[tuple[str, str], Read] = {}


@define
class Text:
    """A whole manifest text; makes spans that share the line they show, however long it is."""

    name: str
    content: str
    _starts: list[int] = field(factory=list, repr=False)
    """Where each line begins; found when the first span is made."""
    _lines: dict[int, str] = field(factory=dict, repr=False)

    def span(self, offset: int, width: int = 1) -> Span:
        """Return the span at an offset."""
        number = self._number(offset)
        return Span(self.name, number + 1, offset - self._starts[number] + 1, self._line(number), width)

    def span_from(self, start: int, mark: Mark) -> Span:
        """Return the span of a mark that counts lines from the offset ``start``."""
        number = min(self._number(start) + mark.line, len(self._starts) - 1)
        return Span(self.name, number + 1, mark.column + 1, self._line(number), mark.width)

    def _number(self, offset: int) -> int:
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self.content))]
        return bisect_right(self._starts, offset) - 1

    def _line(self, number: int) -> str:
        if number not in self._lines:
            first = self._starts[number]
            last = self.content.find("\n", first)
            self._lines[number] = self.content[first : last if last >= 0 else None].rstrip("\r")
        return self._lines[number]


@frozen
class Document:
    """A part of a manifest text that holds one value."""

    text: Text
    start: int
    end: int
    is_json: bool

    def spans(self, places: Iterable[Place]) -> dict[Place, Span]:
        """Return where each place is written, or the nearest place above it that is."""
        if self.is_json:
            offsets = json_source.locate(self.text.content, self.start, places)
            return {place: self.text.span(at, width) for place, (at, width) in offsets.items()}
        from natc.kube import yaml_places

        marks = yaml_places.locate(self.text.content[self.start : self.end], places)
        return {place: self.text.span_from(self.start, mark) for place, mark in marks.items()}


def read_documents(
    name: str, content: str, errors: list[NatcError], readers: Mapping[tuple[str, str], Read] = _NO_READERS
) -> Iterator[tuple[Document, Any]]:
    """Yield each document that holds something, and its value; ``errors`` takes why others cannot be read.

    A value is as decoded, but an object that ``readers`` read, whole document or item of a list, may be
    what they make of it (:mod:`natc.kube.object_shapes`).
    """
    text = Text(name, content)
    json: JsonReader | None = None
    yaml: YamlReader | None = None
    for start, end in _cut(text, errors):
        if _JSON_START(content, start, end):
            json = json or JsonReader(readers)
            yield from _read_json(text, start, end, json, errors)
        else:
            from natc.kube.yaml_reader import YamlReader  # JSON, the more common, does without it

            yaml = yaml or YamlReader(readers)
            yield from _read_yaml(text, start, end, yaml, errors)


def _cut(text: Text, errors: list[NatcError]) -> Iterator[tuple[int, int]]:
    """Yield the offsets between separators."""
    start = 0
    content = text.content
    if content.startswith("---") or "\n---" in content:
        for separator in _SEPARATOR.finditer(content):
            rest = separator[1].strip()
            if rest and not rest.startswith("#"):
                span = text.span(separator.start(1), len(separator[1]))
                errors.append(ManifestError("more than a comment after ---", span, "a new line"))
            yield start, separator.start()
            start = separator.end()
    yield start, len(content)


def _read_json(
    text: Text, start: int, end: int, reader: JsonReader, errors: list[NatcError]
) -> Iterator[tuple[Document, Any]]:
    content = text.content if end == len(text.content) else text.content[:end]
    while True:
        start = _BLANK(content, start).end()  # type: ignore[union-attr] # matches always
        if start == end:
            return
        try:
            value, after = reader.load(content, start)
        except json_source.JsonError as error:
            errors.append(ManifestError(error.message, text.span(error.offset), error.expected))
            return
        yield Document(text, start, after, is_json=True), value
        start = after


def _read_yaml(
    text: Text, start: int, end: int, reader: YamlReader, errors: list[NatcError]
) -> Iterator[tuple[Document, Any]]:
    from natc.kube import yaml_source

    content = text.content[start:end]
    try:
        value = reader.load(content)
    except yaml_source.YamlError as error:
        told = _A_DUMP if _DUMP(content) else (error.message, error.expected)
        errors.append(ManifestError(told[0], text.span_from(start, error.mark), told[1]))
        return
    if value is not None:
        yield Document(text, start, end, is_json=False), value

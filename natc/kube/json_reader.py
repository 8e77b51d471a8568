"""JSON values of one manifest text, each object by its shape where one is known.

What :mod:`natc.kube.object_shapes` does not take goes to :mod:`natc.kube.json_source`, the judge. A
kind List as ``kubectl get -o json`` writes it is one huge value; its items are read one by one, and
what stands around them as if it held none. Anything unusual there leaves the whole value to the judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined] # typeshed leaves it out
from typing import Any

from natc.kube.json_source import JsonError, decode
from natc.kube.object_shapes import ObjectShapes, Read, Scalar

#: An object is read the careful way in some 17 us, by its shape in 5; learning that takes some 2 ms.
_ENOUGH = 64

_BLANKS = r"[ \t\r\n]*+"
_TEXT = r'"[^"\\\x00-\x1f]*+"'
_WORD = rf'"(?:apiVersion|kind)"{_BLANKS}:{_BLANKS}{_TEXT}'
_PLAIN_MAP = rf'"metadata"{_BLANKS}:{_BLANKS}\{{(?:{_TEXT}|[^"{{}}])*+\}}'
_MEMBER = rf"(?:{_WORD}|{_PLAIN_MAP}){_BLANKS}"
_match_head = re.compile(
    rf'\{{{_BLANKS}(?:{_MEMBER},{_BLANKS})*+"items"{_BLANKS}:{_BLANKS}\[{_BLANKS}(?=\{{)'
).match
_match_tail = re.compile(rf"{_BLANKS}\]{_BLANKS}(?:,{_BLANKS}{_MEMBER})*+\}}").match
_match_comma = re.compile(rf"{_BLANKS},{_BLANKS}").match
_find_scalars = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.)*+)"(?P<key>[ \t\r\n]*+:)?|(?P<number>-?[0-9][-+.0-9eE]*+)'
).finditer
_PLAIN_TEXT = r'[^"\\\x00-\x1f]*+'
_PLAIN_NUMBER = "(?:0|[1-9][0-9]{0,14}+)"
_ESCAPED_TEXT = rf'{_PLAIN_TEXT}(?:\\["\\/bfnrt]{_PLAIN_TEXT})*+'


class JsonReader:
    """Reads the values of one text, and learns the shapes of its objects on the way."""

    def __init__(self, readers: Mapping[tuple[str, str], Read]) -> None:
        self._shapes = ObjectShapes(readers, _ENOUGH)

    def load(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value that begins at ``start`` and the offset after it.

        The value is as decoded, with model values in place of objects whose shape is known. Raises
        :class:`natc.kube.json_source.JsonError`.
        """
        head = _match_head(text, start)
        found = self._load_list(text, start, head.end()) if head else None
        return found or self._load_one(text, start)

    def _load_one(self, text: str, start: int) -> tuple[Any, int]:
        read = self._shapes.read(text, start)
        if read is not None:
            return read
        value, end = decode(text, start)
        self._shapes.missed(
            (text.count('"', start, end), text[start : start + 24]), text[start:end], _decode, scalars
        )
        return value, end

    def _load_list(self, text: str, start: int, first: int) -> tuple[Any, int] | None:
        """Return the value of a List whose items begin at ``first``; None where the judge has to look."""
        items = []
        at = first
        try:
            while True:
                value, at = self._load_one(text, at)
                items.append(value)
                comma = _match_comma(text, at)
                if comma is None:
                    break
                at = comma.end()
            tail = _match_tail(text, at)
            if tail is None:
                return None
            whole, _ = decode(f"{text[start:first]}{tail[0]}", 0)
        except JsonError:
            return None
        whole["items"] = items
        return whole, tail.end()


def _decode(text: str) -> Any:
    return decode(text, 0)[0]


def scalars(text: str) -> list[Scalar]:
    """Return the strings and whole numbers of a JSON text."""
    found: list[Scalar] = []
    for match in _find_scalars(text):
        if match["key"] is None:
            group = "number" if match["text"] is None else "text"
            fitting = (kind for kind in _KINDS[group] if kind[0](match[group]))
            found += [Scalar(*match.span(group), means, text, text) for _, means, text in fitting][:1]
    return found


def _unescaped(text: str) -> str:
    return str(scanstring(f'{text}"', 0)[0])


#: The kinds of scalars: what tells one, what its text means, the expression for any other.
_KINDS: dict[str, list[tuple[Callable[[str], object], Callable[[str], Any] | None, str]]] = {
    "text": [
        (re.compile(_PLAIN_TEXT).fullmatch, None, _PLAIN_TEXT),
        (re.compile(_ESCAPED_TEXT).fullmatch, _unescaped, _ESCAPED_TEXT),
    ],
    "number": [(re.compile(_PLAIN_NUMBER).fullmatch, int, _PLAIN_NUMBER)],
}

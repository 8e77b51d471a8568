"""YAML text to Python values, as Kubernetes turns it into JSON.

The parser is PyYAML's (libyaml where it is there; Kubernetes uses a Go port of the same libyaml). What
its events mean is decided here, one event at a time without recursion, so that depth, aliases and
lengths are bounded before they cost anything.

Facts measured with kubectl 1.32.4 (sigs.k8s.io/yaml over go-yaml v2): keys that are numbers or
booleans become their text, null and collections cannot be keys; an unknown tag makes a scalar a
string; a merge (``<<``) overrides keys that stand before it and gives way to those after it. A
repeated key is refused, as ``kubectl apply`` with strict validation refuses it; and so is a document
that is mostly aliases, by go-yaml's own figures.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from functools import cache
from math import isfinite
from typing import Any

from natc.kube.fields import shorten
from natc.kube.yaml_scalars import Scalar, resolve
from natc.values import define, field, frozen

#: Deepest nesting read. Kubernetes objects nest some twenty deep.
MAX_DEPTH = 500
#: Longest scalar read, in characters: an API server takes no request above 3 MiB.
MAX_SCALAR = 3 * 1024 * 1024

_TAG = "tag:yaml.org,2002:"
_RESOLVED_TAGS = {_TAG + "bool": bool, _TAG + "int": int, _TAG + "float": float, _TAG + "null": type(None)}


@frozen
class Mark:
    """A place in a text: line and column from 0, and how many characters are meant."""

    line: int
    column: int
    width: int = 1


@frozen
class YamlError(Exception):
    """The text is not YAML that Kubernetes reads."""

    message: str
    mark: Mark
    expected: str | None = None


def load(text: str) -> Any:
    """Return the value of the first document in ``text``; None when there is none.

    Raises :class:`YamlError`.
    """
    _check_lines(text)
    return _Composer().compose(events(text))


def _check_lines(text: str) -> None:
    """Refuse a line that is longer than any scalar may be before the parser makes copies of it."""
    start = number = 0
    while len(text) - start > MAX_SCALAR:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > MAX_SCALAR:
            raise YamlError(
                f"is a line of {end - start} characters", Mark(number, 0), f"at most {MAX_SCALAR}"
            )
        start, number = end + 1, number + 1


@cache
def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def events(text: str) -> Iterator[Any]:
    """Yield the parser's events inside the first document of ``text``."""
    import yaml

    try:
        for event in yaml.parse(text, Loader=_loader()):
            if isinstance(event, yaml.DocumentEndEvent):
                return
            if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent | yaml.StreamEndEvent):
                yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "is not YAML"
        raise YamlError(message, Mark(mark.line, mark.column) if mark else Mark(0, 0)) from None
    except yaml.reader.ReaderError as error:
        raise YamlError(*_unreadable(text)) from error


def _unreadable(text: str) -> tuple[str, Mark]:
    """Name the first character YAML does not allow at all."""
    from yaml.reader import Reader

    found = Reader.NON_PRINTABLE.search(text)
    at = found.start() if found else 0
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    return f"has the control character U+{ord(text[at]):04X}", Mark(line, column)


@define
class _Frame:
    """A collection being read: its value so far, and the key the next value belongs to."""

    value: Any
    start: Mark
    anchor: str | None
    nodes_before: int
    key: Any = None
    has_key: bool = False
    written: set[str] = field(factory=set)
    """Keys of this mapping that were written out, not merged."""


_MERGE = object()


class _Composer:
    """Builds values from events."""

    def __init__(self) -> None:
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open_anchors: set[str] = set()
        self._nodes = 0
        self._aliased = 0
        self._result: Any = None

    def compose(self, events: Iterable[Any]) -> Any:
        import yaml

        actions = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
        }
        for event in events:
            actions[type(event)](event)
        return self._result

    def _open(self, event: Any) -> None:
        mark = mark_of(event)
        if len(self._stack) >= MAX_DEPTH:
            raise YamlError(f"is nested more than {MAX_DEPTH} deep", mark)
        if event.anchor:
            self._open_anchors.add(event.anchor)
        value: Any = {} if type(event).__name__ == "MappingStartEvent" else []
        self._stack.append(_Frame(value, mark, event.anchor, self._nodes))
        self._nodes += 1

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        if frame.anchor:
            self._open_anchors.discard(frame.anchor)
            self._anchors[frame.anchor] = (frame.value, self._nodes - frame.nodes_before)
        self._place(frame.value, frame.start)

    def _scalar(self, event: Any) -> None:
        self._nodes += 1
        mark = mark_of(event)
        value = scalar_value(event, mark)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        frame = self._stack[-1] if self._stack else None
        if frame and not frame.has_key and _is_merge(event) and isinstance(frame.value, dict):
            frame.key, frame.has_key = _MERGE, True
            return
        self._place(value, mark)

    def _alias(self, event: Any) -> None:
        mark = mark_of(event)
        if event.anchor in self._open_anchors:
            raise YamlError(f"the anchor {shorten(event.anchor)} contains itself", mark)
        if event.anchor not in self._anchors:
            raise YamlError(f"unknown anchor {shorten(event.anchor)}", mark)
        value, nodes = self._anchors[event.anchor]
        self._nodes += nodes
        self._aliased += nodes
        if (
            self._aliased > 100
            and self._nodes > 1000
            and self._aliased / self._nodes > _allowed_aliases(self._nodes)
        ):
            raise YamlError("the document is mostly aliases of itself", mark)
        self._place(value, mark)

    def _place(self, value: Any, mark: Mark) -> None:
        """Put a finished value where it belongs: a key, a value, an item, or the whole document."""
        if not self._stack:
            self._result = value
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif not frame.has_key:
            frame.key, frame.has_key = key_of(value, mark), True
            if frame.key in frame.written:
                raise YamlError(f'the key "{shorten(frame.key)}" is given twice', mark, "each key once")
            frame.written.add(frame.key)
        elif frame.key is _MERGE:
            frame.has_key = False
            _merge(frame.value, value, mark)
        else:
            frame.has_key = False
            frame.value[frame.key] = value


def _allowed_aliases(nodes: int) -> float:
    """Return the part of a document's nodes that may come from aliases (go-yaml v2, decode.go)."""
    if nodes <= 400_000:
        return 0.99
    if nodes >= 4_000_000:
        return 0.10
    return 0.99 - 0.89 * (nodes - 400_000) / 3_600_000


def mark_of(event: Any) -> Mark:
    """Return where an event of the parser stands."""
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Mark(start.line, start.column, max(1, width))


def _is_merge(event: Any) -> bool:
    return event.value == "<<" and bool(event.implicit[0] or event.tag == _TAG + "merge")


def scalar_value(event: Any, mark: Mark) -> Scalar:
    """Return the value of a scalar's event; raises YamlError for one that Kubernetes does not read."""
    text: str = event.value
    if len(text) > MAX_SCALAR:
        raise YamlError(f"is a scalar of {len(text)} characters", mark, f"at most {MAX_SCALAR}")
    tag = event.tag
    if tag is None:
        value = resolve(text) if event.implicit[0] else text
    elif tag in _RESOLVED_TAGS:
        value = _as_tagged(resolve(text), _RESOLVED_TAGS[tag], text, mark)
    elif tag == _TAG + "binary":
        return _from_base64(text, mark)
    else:
        return text
    if isinstance(value, float) and not isfinite(value):
        raise YamlError(
            f"is {shorten(text)}, which JSON does not have", mark, "a finite number, or quotes around it"
        )
    return value


def _as_tagged(value: Scalar, wanted: type, text: str, mark: Mark) -> Scalar:
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise YamlError(f'"{shorten(text)}" is not what its tag says', mark)
    return value


def _from_base64(text: str, mark: Mark) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise YamlError("is tagged !!binary but is not base64", mark) from None


def key_of(value: Any, mark: Mark) -> str:
    """Return the JSON key a YAML key becomes."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case _:
            raise YamlError("cannot be a key", mark, "a string, a number or a boolean")


def _merge(target: dict[str, Any], value: Any, mark: Mark) -> None:
    sources = value if isinstance(value, list) else [value]
    for source in reversed(sources):  # the first of several has the last word
        if not isinstance(source, dict):
            raise YamlError("cannot be merged", mark, "a mapping, or a list of mappings")
        target.update(source)

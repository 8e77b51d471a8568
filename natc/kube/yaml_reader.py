"""One YAML document to its value, by the fastest way that is sure of it.

An object of a known shape is read by :mod:`natc.kube.object_shapes`. Any other document goes to
:mod:`natc.kube.yaml_shapes` (which asks :mod:`natc.kube.yaml_lines`), and what those give up to
:mod:`natc.kube.yaml_source`, the judge. A kind List as ``kubectl get -o yaml`` writes it is one huge
document; its items are read one by one, as if each were a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from natc.kube import yaml_lines, yaml_source
from natc.kube.object_shapes import ObjectShapes, Read
from natc.kube.yaml_lines import GIVEN_UP, LONGEST_TEXT
from natc.kube.yaml_shapes import Shapes, scalars

_ITEMS = "\nitems:\n- "
_ITEM = "\n- "
#: Fewer than it takes :mod:`natc.kube.yaml_shapes` to learn a shape that would not be needed then.
_ENOUGH = 12
_find_outside = re.compile(r"\n(?=[^ \n-])").search


class YamlReader:
    """Reads the documents of one text, and learns their shapes on the way."""

    def __init__(self, readers: Mapping[tuple[str, str], Read]) -> None:
        self._objects = ObjectShapes(readers, _ENOUGH, end=r"\Z")
        self._shapes = Shapes()

    def load(self, text: str) -> Any:
        """Return the value of a document; None when it is empty. Raises :class:`yaml_source.YamlError`.

        The value is as decoded, with model values in place of objects whose shape is known.
        """
        value = self._load_items(text) if _ITEMS in text else GIVEN_UP
        return self._load_one(text) if value is GIVEN_UP else value

    def _load_one(self, text: str) -> Any:
        return self._load(text, _same)

    def _load(self, text: str, unwrapped: Callable[[Any], Any]) -> Any:
        read = self._objects.read(text, 0) if len(text) <= LONGEST_TEXT else None
        if read is not None:
            return read[0]
        value = self._shapes.load(text)
        if value is GIVEN_UP:
            return unwrapped(yaml_source.load(text))
        self._objects.missed(
            (text.count("\n"), text[:24]), text, lambda text: unwrapped(yaml_lines.load(text)), scalars
        )
        return unwrapped(value)

    def _load_items(self, text: str) -> Any:
        """Return the value of a document with a long sequence ``items``, read item by item, or GIVEN_UP.

        A dash in the first column begins an item unless it stands in a quoted or bracketed text; a
        piece cut there is not whole, and an alias is unknown in a piece without its anchor, so the
        parser refuses such pieces and the document is read in one.
        """
        head, _, rest = text.partition(_ITEMS)
        outside = _find_outside(rest)
        end = outside.start() + 1 if outside else len(rest)
        whole = yaml_lines.load(f"{head}\nitems: []\n{rest[end:]}")
        if whole is GIVEN_UP:
            return GIVEN_UP
        try:
            whole["items"] = [self._load_item(item) for item in rest[:end].removesuffix("\n").split(_ITEM)]
        except yaml_source.YamlError:
            return GIVEN_UP
        return whole

    def _load_item(self, item: str) -> Any:
        """Read an item, whose lines after the first are indented by two: below a key, all of them are."""
        return self._load(f"item:\n  {item}\n", itemgetter("item"))


def _same(value: Any) -> Any:
    return value

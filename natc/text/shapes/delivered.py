"""The blueprints natc is delivered with: of lines that nodes usually have, parsed by Lark beforehand.

Importing Lark and building a parser took 0.25 s of CPU of the 0.4 s in which a question about a dump of 30
rules was answered, measured. So ``delivered_shapes.json`` holds what Lark made of the golden kube-proxies'
lines and of those in ``tests/node_lines.txt``. ``make shapes`` writes it; ``test_delivered.py``
holds it against Lark. It names the blocks of the grammar it was made with by their checksums: with
others it is not used. All other lines are Lark's, or the user's cache's (:mod:`natc.text.shapes.cache`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from natc.inputs import NO_CACHE
from natc.netfilter.opaque import OPAQUE_TARGETS
from natc.text import grammar
from natc.text.shapes.blueprints import Blueprint, from_kept, key_of
from natc.values import define

if TYPE_CHECKING:
    from natc.text.good_dumps import GoodDumps
    from natc.text.shapes.cache import ShapeCache, Shelf

FILE = os.path.join(os.path.dirname(__file__), "delivered_shapes.json")
#: Stands for the names of all targets, so that a new one needs no new file.
_NO_TARGET = "<no target>"


@define(eq=False)
class DeliveredShapes:
    """The delivered blueprints and, with ``cached``, the user's cache behind them, opened when needed."""

    cached: bool = False
    _further: ShapeCache | None = None

    @property
    def further(self) -> ShapeCache | None:
        """The user's cache. Importing what it needs takes a twentieth of a question about a small dump."""
        if self.cached and self._further is None:
            from natc.text.shapes.cache import ShapeCache

            self._further = ShapeCache()
        return self._further

    @property
    def dumps(self) -> GoodDumps | None:
        return self.further.dumps if self.further else None

    def sources(self) -> Iterator[Shelf]:
        yield self
        if self.further:
            yield self.further

    def find(self, family: int, words: tuple[str, ...]) -> list[Blueprint]:
        return [from_kept(_spelled_out(kept)) for kept in _delivered(key_of(family, words))]

    def add(self, words: tuple[str, ...], blueprint: Blueprint) -> None:
        if self.further:
            self.further.add(words, blueprint)

    def save(self) -> None:
        if self._further:
            self._further.save()


def known_shapes() -> DeliveredShapes:
    """Return all blueprints there are without asking Lark: with the user's cache, unless it is turned off."""
    return DeliveredShapes(cached=not os.environ.get(NO_CACHE))


def _delivered(key: str) -> list[Any]:
    """Return the blueprints that are delivered under a key, as they are kept.

    Each key has a line of the file. A dump has twenty of 300 keys: decoding these takes 0.2 ms, all 1.1.
    """
    text, words = _file(), json.dumps(key)
    start = text.find(f"\n{words}: ")
    if start < 0:
        return []
    line = text[start + len(words) + 3 : text.index("\n", start + 1)]
    found: list[Any] = json.loads(line.rstrip(",}"))
    return found


@lru_cache(maxsize=1)
def _file() -> str:
    """Return the text of the file; nothing when the grammar has changed."""
    with open(FILE, encoding="utf-8") as file:
        text = file.read()
    made_with = json.loads(text[text.index("{", 1) : text.index("\n")].removesuffix(","))
    return text if made_with == checksums(made_with) else ""


def checksums(blocks: Iterable[str]) -> dict[str, int]:
    """Return the checksum of each of the grammar's blocks among ``blocks``."""
    known = {grammar.FRAME, *grammar.all_blocks()}
    return {block: crc32(grammar.text_of(block)) for block in sorted(blocks) if block in known}


def shortened(kept: list[Any]) -> list[Any]:
    """Return a blueprint as it stands in the file."""
    return _with_literals(kept, grammar.no_target(OPAQUE_TARGETS), _NO_TARGET)


def _spelled_out(kept: list[Any]) -> list[Any]:
    return _with_literals(kept, _NO_TARGET, grammar.no_target(OPAQUE_TARGETS))


def _with_literals(kept: list[Any], old: str, new: str) -> list[Any]:
    kind, family, fixed, literals, *rest = kept
    return [kind, family, fixed, [literal.replace(old, new) for literal in literals], *rest]

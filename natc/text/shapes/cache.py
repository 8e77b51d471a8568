"""The blueprints of lines that Lark has parsed, kept between runs.

The shapes of a dump are those of nearly every dump of the same program, so with them Lark is not even
imported. They lie in ``shapes.json`` of natc's cache (:mod:`natc.text.cache_file`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from natc.text.cache_file import CacheFile, default_folder
from natc.text.good_dumps import GoodDumps
from natc.text.shapes.blueprints import Blueprint, as_kept, from_kept, key_of
from natc.values import define, field


class Shelf(Protocol):
    """Where blueprints are kept."""

    def find(self, family: int, words: tuple[str, ...]) -> list[Blueprint]:
        """Return what is known of lines with these option words."""


class Kept(Protocol):
    """The blueprints of earlier runs, and a place for those of this one."""

    @property
    def dumps(self) -> GoodDumps | None:
        """The large dumps that earlier runs found good, if they are kept."""

    def sources(self) -> Iterable[Shelf]:
        """Where to look, the best first; what comes later is asked for only if it is needed."""

    def add(self, words: tuple[str, ...], blueprint: Blueprint) -> None:
        """Note a blueprint that Lark has just made."""

    def save(self) -> None:
        """Write what is new, if there is any."""


@define(eq=False)
class ShapeCache:
    """The blueprints of lines by family and option words, and where they are kept."""

    folder: Path = field(factory=default_folder)
    _known: dict[str, list[Any]] | None = None
    _new: dict[str, list[Any]] = field(factory=dict)

    @property
    def _file(self) -> CacheFile:
        return CacheFile(self.folder, "shapes")

    @property
    def dumps(self) -> GoodDumps:
        return GoodDumps(self.folder)

    def sources(self) -> Iterable[Shelf]:
        return (self,)

    def find(self, family: int, words: tuple[str, ...]) -> list[Blueprint]:
        """Return what is known of lines with these option words; nothing if the cache cannot be trusted."""
        if self._known is None:
            self._known = self._file.load()
        try:
            return [from_kept(kept) for kept in self._known.get(key_of(family, words), ())]
        except (TypeError, ValueError, KeyError):
            self._known = {}
            return []

    def add(self, words: tuple[str, ...], blueprint: Blueprint) -> None:
        """Note a blueprint that Lark has just made."""
        self._new.setdefault(key_of(blueprint.family, words), []).append(as_kept(blueprint))

    def save(self) -> None:
        """Write what is new, if there is any; a folder that cannot be written is no error."""
        if not self._new:
            return
        known = self._file.load()
        for key, blueprints in self._new.items():
            known.setdefault(key, []).extend(b for b in blueprints if b not in known.get(key, ()))
        self._new = {}
        self._file.store(known)

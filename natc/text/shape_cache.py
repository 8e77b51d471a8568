"""The one thing natc keeps between runs: the blueprints of lines that Lark has parsed.

The shapes of a dump are those of nearly every dump of the same program, so with them Lark is not even
imported. They lie in one file, ``shapes.json`` in natc's folder of the user's cache directory (below
``XDG_CACHE_HOME``, by default ``~/.cache``; on macOS ``~/Library/Caches``). Deleting it costs nothing
but time.

* The file names the natc, the grammar and the Lark it was made with; with others it is not read.
* It is replaced as a whole by renaming, so a reader sees the old one or the new one. When two write
  at once one of them loses what it had learnt, and learns it again.
* ``NATC_NO_CACHE`` in the environment, set to anything, leaves it alone; ``--no-cache`` sets it.
* It is read and written only if it and its folder belong to the user and nobody else may write them:
  who can change a blueprint can change natc's answers. It holds words and numbers, nothing that is run.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from attrs import field

from natc import __version__
from natc.inputs import NO_CACHE
from natc.text import grammar
from natc.text.blueprints import Blueprint, as_kept, from_kept, key_of
from natc.values import define

_FILE = "shapes.json"
#: A file larger than this is not read, and one that would become so is begun anew.
_LARGEST = 4 * 1024 * 1024


class Shelf(Protocol):
    """Where blueprints are kept."""

    def find(self, family: int, words: tuple[str, ...]) -> list[Blueprint]:
        """Return what is known of lines with these option words."""


class Kept(Protocol):
    """The blueprints of earlier runs, and a place for those of this one."""

    def sources(self) -> Sequence[Shelf]:
        """Where to look, the best first."""

    def add(self, words: tuple[str, ...], blueprint: Blueprint) -> None:
        """Note a blueprint that Lark has just made."""

    def save(self) -> None:
        """Write what is new, if there is any."""


def usual_cache() -> ShapeCache | None:
    """Return the user's cache, None where the environment says to do without."""
    return None if os.environ.get(NO_CACHE) else ShapeCache()


def default_folder() -> Path:
    """Return the folder natc's cache lies in by the platform's convention."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "natc"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "natc"


def maker() -> str:
    """Name what blueprints depend on: natc, the text of the grammar, and Lark."""
    from importlib.util import find_spec

    checksum = 0
    for block in sorted(grammar.all_blocks()):
        checksum = crc32(grammar.text_of(block), checksum)
    checksum = crc32(grammar.text_of(grammar.FRAME), checksum)
    lark = find_spec("lark")
    version = Path(lark.origin).read_bytes() if lark and lark.origin else b""
    return f"natc {__version__}, grammar {checksum:08x}, Lark {crc32(version):08x}"


@define(eq=False)
class ShapeCache:
    """The blueprints of lines by family and option words, and where they are kept."""

    folder: Path = field(factory=default_folder)
    _known: dict[str, list[Any]] | None = None
    _new: dict[str, list[Any]] = field(factory=dict)

    def sources(self) -> Sequence[Shelf]:
        return (self,)

    def find(self, family: int, words: tuple[str, ...]) -> list[Blueprint]:
        """Return what is known of lines with these option words; nothing if the cache cannot be trusted."""
        if self._known is None:
            self._known = self._load()
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
        known = self._load()
        for key, blueprints in self._new.items():
            known.setdefault(key, []).extend(b for b in blueprints if b not in known.get(key, ()))
        self._new = {}
        try:
            self._write(known)
        except OSError:
            return

    # ---- the file

    def _load(self) -> dict[str, list[Any]]:
        """Return what the file holds; nothing when it is missing, strange, or not the user's own."""
        import json

        try:
            if not _is_ours(os.lstat(self.folder), stat.S_IFDIR):
                return {}
            with os.fdopen(os.open(self.folder / _FILE, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                if not _is_ours(os.fstat(file.fileno()), stat.S_IFREG):
                    return {}
                content = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("made by") != maker():
            return {}
        shapes = content.get("shapes")
        return (
            shapes if isinstance(shapes, dict) and all(isinstance(s, list) for s in shapes.values()) else {}
        )

    def _write(self, shapes: dict[str, list[Any]]) -> None:
        import json
        import tempfile

        text = json.dumps({"made by": maker(), "shapes": shapes})
        if len(text) > _LARGEST:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(os.lstat(self.folder), stat.S_IFDIR):
            return
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=_FILE)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
            Path(name).replace(self.folder / _FILE)
        except OSError:
            Path(name).unlink()
            raise


def _is_ours(found: os.stat_result, kind: int) -> bool:
    """Tell whether a file is of this kind, the user's own, and closed to other writers."""
    return (
        stat.S_IFMT(found.st_mode) == kind
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )

"""What natc keeps between runs: two files in the user's cache directory.

They lie in natc's folder below ``XDG_CACHE_HOME``, by default ``~/.cache``; on macOS ``~/Library/Caches``:
``shapes.json`` (:mod:`natc.text.shapes.cache`) and ``dumps.json`` (:mod:`natc.text.good_dumps`). Deleting
them costs nothing but time.

* A file names the natc, the grammar and the Lark it was made with; with others it is not read.
* It is replaced as a whole by renaming, so a reader sees the old one or the new one. When two write
  at once one of them loses what it had learnt, and learns it again.
* ``NATC_NO_CACHE`` in the environment, set to anything, leaves them alone; ``--no-cache`` sets it.
* They are read and written only if they and their folder belong to the user and nobody else may write them:
  who can change them can change natc's answers. They hold words and numbers, nothing that is run.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

from natc import __version__
from natc.text import grammar
from natc.values import frozen

#: A file larger than this is not read, and one that would become so is begun anew.
_LARGEST = 4 * 1024 * 1024


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


@frozen
class CacheFile:
    """Lists by name, in one file of the cache."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.folder / f"{self.name}.json"

    def load(self) -> dict[str, list[Any]]:
        """Return what the file holds; nothing when it is missing, strange, or not the user's own."""
        import json

        try:
            if not _is_ours(os.lstat(self.folder), stat.S_IFDIR):
                return {}
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                if not _is_ours(os.fstat(file.fileno()), stat.S_IFREG):
                    return {}
                content = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("made by") != maker():
            return {}
        found = content.get(self.name)
        return found if isinstance(found, dict) and all(isinstance(s, list) for s in found.values()) else {}

    def store(self, content: dict[str, list[Any]]) -> None:
        """Replace the file; a folder that cannot be written is no error."""
        import json

        text = json.dumps({"made by": maker(), self.name: content})
        try:
            if len(text) <= _LARGEST:
                self._replace(text)
        except OSError:
            return

    def _replace(self, text: str) -> None:
        import tempfile

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(os.lstat(self.folder), stat.S_IFDIR):
            return
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=self.path.name)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
            Path(name).replace(self.path)
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

"""Writing results: to standard output, or to a file as a whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from natc.errors import Span, UsageError
from natc.text.files import ENCODING


def emit(text: str | Iterable[str], path: str | None = None) -> None:
    """Write a text or its pieces; with ``path`` to that file, which is replaced only once all is written.

    A device or a pipe is written to as it is. Pieces save the memory of a whole: 4 % of the time to compile
    19 MB of rules. Raises :class:`~natc.errors.UsageError` when the file cannot be written.
    """
    pieces = (text,) if isinstance(text, str) else text
    data = (piece.encode(**ENCODING) for piece in pieces)
    if path is None or path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(data)
        sys.stdout.buffer.flush()
        return
    try:
        _write(Path(path), data)
    except OSError as problem:
        raise UsageError(f"cannot be written: {problem.strerror}", Span(path)) from None


def _write(path: Path, data: Iterable[bytes]) -> None:
    if not path.exists() or path.is_file() or path.is_dir():
        _replace(path.resolve(), data)  # what a link leads to, not the link
        return
    with path.open("wb") as file:  # to replace it would take /dev/null from everybody
        file.writelines(data)


def _replace(path: Path, data: Iterable[bytes]) -> None:
    import tempfile

    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

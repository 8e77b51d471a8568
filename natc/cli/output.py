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

    Pieces save the memory of a whole: 4 % of the time to compile 19 MB of rules. Raises
    :class:`~natc.errors.UsageError` when the file cannot be written.
    """
    pieces = (text,) if isinstance(text, str) else text
    data = (piece.encode(**ENCODING) for piece in pieces)
    if path is None or path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(data)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(Path(path), data)
    except OSError as problem:
        raise UsageError(f"cannot be written: {problem.strerror}", Span(path)) from None


def _replace(path: Path, data: Iterable[bytes]) -> None:
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Writing results: to standard output, or to a file as a whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from natc.errors import Span, UsageError
from natc.text.files import ENCODING


def emit(text: str, path: str | None = None) -> None:
    """Write ``text``; with ``path`` to that file, which is replaced only once all is written.

    Raises :class:`~natc.errors.UsageError` when the file cannot be written.
    """
    data = text.encode(**ENCODING)
    if path is None or path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(Path(path), data)
    except OSError as problem:
        raise UsageError(f"cannot be written: {problem.strerror}", Span(path)) from None


def _replace(path: Path, data: bytes) -> None:
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

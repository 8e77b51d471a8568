"""Bytes from a file, from standard input, or from either packed with gzip."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakSet

from natc.errors import NatcError, Span

if TYPE_CHECKING:
    from pathlib import Path

#: Most bytes of one input, unpacked. 100,000 services make a dump of about 190 MB.
MAX_BYTES = 1024 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
STDIN = "-"
#: The environment variable that turns natc's cache off, for a process and those it starts.
NO_CACHE = "NATC_NO_CACHE"
#: Fewest bytes asked for in one read.
_STEP = 1 << 20

#: Standard inputs that were read.
_TAKEN = WeakSet[BinaryIO]()


def read_bytes(path: str | Path, *, error: type[NatcError] = NatcError, limit: int = MAX_BYTES) -> bytes:
    """Return what ``path`` holds, unpacked when it begins as gzip does; ``-`` is standard input.

    Raises ``error`` when it cannot be read, is not whole, or holds more than ``limit`` bytes.
    """
    name = name_of(path)
    return unpacked(_raw(path, name, error, limit), name, error=error, limit=limit)


def read_json(path: str | Path, *, error: type[NatcError] = NatcError) -> Any:
    """Return what a file of JSON holds. Raises as :func:`read_bytes` and :func:`parse_json` do."""
    return parse_json(read_bytes(path, error=error), name_of(path), error=error)


def parse_json(content: bytes, name: str, *, error: type[NatcError] = NatcError) -> Any:
    """Return what JSON in UTF-8 (RFC 8259) says; raise ``error`` for anything else."""
    import json

    text = text_of_json(content)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as problem:
        line = text.split("\n")[problem.lineno - 1]
        at = Span(name, problem.lineno, problem.colno, line)
        raise error(f"is no JSON: {problem.msg}", at) from None
    except ValueError as problem:  # a constant, or a number of more digits than Python converts
        raise error(f"is no JSON: {problem}", Span(name)) from None
    except RecursionError:
        raise error("is nested too deeply", Span(name)) from None


def text_of_json(content: bytes) -> str:
    """Return text in UTF-8, a byte order mark taken off; what is no UTF-8 is no JSON in that text either."""
    return content.decode("utf-8-sig", "replace")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def unpacked(
    content: bytes, name: str, *, error: type[NatcError] = NatcError, limit: int = MAX_BYTES
) -> bytes:
    """Return ``content``, unpacked when it begins as gzip does. Raises as :func:`read_bytes`."""
    if content.startswith(_GZIP_MAGIC):
        content = _unpack(content, name, error, limit)
    if len(content) > limit:
        raise error("is too large", Span(name), f"at most {limit // 1024 // 1024} MiB")
    return content


def name_of(path: str | Path) -> str:
    """Return the name under which errors speak of ``path``."""
    return "<stdin>" if str(path) == STDIN else str(path)


def _raw(path: str | Path, name: str, error: type[NatcError], limit: int) -> bytes:
    if str(path) == STDIN:
        return _whole(_standard_input(name, error), limit, _STEP)
    try:
        with open(path, "rb") as file:
            return _whole(file, limit, os.fstat(file.fileno()).st_size + 1)
    except IsADirectoryError:
        raise error("is a directory", Span(name), "a file") from None
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        raise error(getattr(problem, "strerror", None) or str(problem), Span(name)) from None


def _standard_input(name: str, error: type[NatcError]) -> BinaryIO:
    """Return standard input the first time it is asked for: the second would find it empty."""
    file = sys.stdin.buffer
    if file in _TAKEN:
        raise error("is given for two inputs", Span(name), "- for one of them")
    _TAKEN.add(file)
    return file


def _whole(file: BinaryIO, limit: int, step: int) -> bytes:
    """Read to the end, or one byte past ``limit``; a read of that many at once would claim the memory."""
    parts, left = list[bytes](), limit + 1
    while left > 0 and (part := file.read(min(max(step, _STEP), left))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _unpack(content: bytes, name: str, error: type[NatcError], limit: int) -> bytes:
    import gzip
    import zlib
    from io import BytesIO

    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            return file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise error(f"is not a whole gzip file: {problem}", Span(name)) from None

"""Where manifests come from: files, standard input, gzip or not; always text in the end."""

from __future__ import annotations

from pathlib import Path

from natc.errors import ManifestError, Span
from natc.inputs import name_of, read_bytes, unpacked
from natc.values import frozen

#: Most bytes of one file, unpacked. 100,000 services are about 110 MB of JSON.
MAX_BYTES = 256 * 1024 * 1024


@frozen
class Source:
    """A manifest text and the name its errors carry."""

    name: str
    content: str | bytes


def read_path(path: str | Path) -> Source:
    """Read a file; ``-`` is standard input. Raises :class:`ManifestError` when it cannot be read."""
    return Source(name_of(path), read_bytes(path, error=ManifestError, limit=MAX_BYTES))


def text_of(source: Source) -> str:
    """Return a source's text: unpacked, decoded, without a byte order mark.

    Raises :class:`ManifestError` when it is no text or too large.
    """
    content = source.content
    if isinstance(content, bytes):
        content = unpacked(content, source.name, error=ManifestError, limit=MAX_BYTES)
        content = _decode(content, source.name)
    if len(content) > MAX_BYTES:
        raise _too_large(source.name)
    if "\0" in content:
        raise ManifestError("is a binary file", Span(source.name), "YAML or JSON")
    return content.removeprefix("\ufeff")


def _decode(content: bytes, name: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ManifestError("is UTF-16 text", Span(name), "UTF-8")
    if b"\0" in content[:65536]:
        raise ManifestError("is a binary file", Span(name), "YAML or JSON")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        first = content.rfind(b"\n", 0, error.start) + 1
        before = content[first : error.start].decode("utf-8")
        text = content[first : first + 2000].split(b"\n")[0].decode("utf-8", "surrogateescape")
        span = Span(name, line, len(before) + 1, text)
        raise ManifestError(f"byte 0x{content[error.start]:02x} is not UTF-8 text", span, "UTF-8") from None


def _too_large(name: str) -> ManifestError:
    return ManifestError("is too large", Span(name), f"at most {MAX_BYTES // 1024 // 1024} MiB")

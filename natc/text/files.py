"""Dumps from files: decoded so that every byte comes back when it is written."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from natc.errors import DumpError, NodeError, Span
from natc.inputs import name_of, read_bytes
from natc.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from natc.netfilter.conntrack.tracker import Connections
    from natc.netfilter.ipset.all_sets import Sets
    from natc.netfilter.ruleset import Ruleset
    from natc.text.node.bundle import Bundle
    from natc.text.node.recent import Seen as SeenAddress
    from natc.text.revised import Seen

#: How dumps are decoded and encoded: bytes that are not UTF-8 survive as lone surrogates.
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}
#: What a tar's first header has, and where (POSIX.1-2017, pax, "ustar Interchange Format").
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"


@frozen
class Source:
    """The text of a dump, for those who need what it came with, too."""

    text: str
    name: str
    bundle: Bundle | None = None
    """What ``natc collect`` brought from the node beside the rules."""


def read_source(path: str | Path) -> Source:
    """Read a dump's text, and the bundle it is in; every function here that reads a dump takes it.

    Raises :class:`~natc.errors.DumpError` when the file cannot be read or is no text.
    """
    return source_of(read_bytes(path, error=DumpError), name_of(path))


def source_of(content: bytes, name: str) -> Source:
    """Return what a file that holds ``content`` brings. Raises as :func:`read_source`."""
    bundle = _bundle_in(content, name)
    return Source(bundle.rules if bundle else text_of(content, name), name, bundle)


def read_dump(
    path: str | Path | Source,
    *,
    family: int | None = None,
    problems: list[DumpError] | None = None,
    cache: bool = True,
    table: str | None = None,
    parts: list[str] | None = None,
    lazy: bool = False,
) -> Ruleset:
    """Read the dump in a file, packed or not; ``-`` is standard input.

    ``family``, ``problems``, ``table``, ``parts`` and ``lazy`` are those of :func:`natc.text.reader.read`.
    With ``cache`` the shapes of lines are kept for the next dump (:mod:`natc.text.shapes.cache`). Raises
    :class:`~natc.errors.DumpError` when the file cannot be read or is no ruleset.
    """
    from natc.text.reader import read  # here, so that writing a text does not pay for reading one
    from natc.text.shapes.delivered import known_shapes

    text, name = _text_of(path)
    kept = known_shapes() if cache else None
    return read(
        text, file=name, family=family, problems=problems, cache=kept, table=table, parts=parts, lazy=lazy
    )


def read_pasted_dump(
    path: str | Path | Source,
    *,
    family: int | None = None,
    table: str | None = None,
    cache: bool = True,
    problems: list[DumpError] | None = None,
    seen: Seen | None = None,
) -> tuple[Ruleset, list[str]]:
    """Read a file as people send it, with prompts and other lines around the rules.

    Returns the ruleset and notes on what was passed over (:func:`natc.text.pasted.read_pasted`). ``seen`` is
    that of :func:`natc.text.reader.read`.
    """
    from natc.text.pasted import read_pasted
    from natc.text.shapes.delivered import known_shapes

    text, name = _text_of(path)
    kept = known_shapes() if cache else None
    return read_pasted(text, file=name, family=family, table=table, cache=kept, problems=problems, seen=seen)


def _text_of(path: str | Path | Source) -> tuple[str, str]:
    """Return the text of a dump and the name to speak of it by."""
    if isinstance(path, Source):
        return path.text, path.name
    name = name_of(path)
    return text_of(read_bytes(path, error=DumpError), name), name


def text_of(content: bytes, name: str) -> str:
    """Return the text of a dump, or of the one in a bundle of ``natc collect``.

    Raises :class:`~natc.errors.DumpError` for what is no text and no such bundle.
    """
    if bundle := _bundle_in(content, name):
        return bundle.rules
    if not content or content.isspace():
        raise DumpError("is empty", Span(name), "the text of iptables-save")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DumpError(
            "is text in UTF-16, as PowerShell writes it", Span(name), "UTF-8: iconv -f UTF-16 -t UTF-8"
        )
    if b"\0" in content:
        raise DumpError("is a binary file", Span(name), "the text of iptables-save")
    return content.decode(**ENCODING)


def _bundle_in(content: bytes, name: str) -> Bundle | None:
    """Return the bundle that some bytes are, or None when they do not begin as a tar does."""
    if not content.startswith(_TAR_MAGIC, _TAR_MAGIC_AT):
        return None
    from natc.text.node.bundle import Bundle

    return Bundle.of(content, name)


def read_set_file(path: str | Path) -> Sets:
    """Read the text of ``ipset save`` in a file; raise :class:`~natc.errors.NodeError` for what is none."""
    from natc.text.node.ipset import read_sets

    return read_sets(read_bytes(path, error=NodeError).decode(**ENCODING), name_of(path))


def read_connection_file(path: str | Path) -> Connections:
    """Read the text of ``conntrack -L`` in a file; raise :class:`~natc.errors.NodeError` for what is none."""
    from natc.text.node.conntrack import read_connections

    return read_connections(read_bytes(path, error=NodeError).decode(**ENCODING), file=name_of(path))


def read_recent_file(path: str | Path) -> tuple[SeenAddress, ...]:
    """Read a file of /proc/net/xt_recent; raise :class:`~natc.errors.NodeError` for what is none."""
    from natc.text.node.recent import read_recent

    return read_recent(read_bytes(path, error=NodeError).decode(**ENCODING), name_of(path))

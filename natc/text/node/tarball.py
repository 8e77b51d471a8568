"""Files of a tar that somebody sent, in memory: nothing is written, and nothing but plain files is taken."""

from __future__ import annotations

import tarfile
from io import BytesIO

from natc.errors import NatcError, Span, printable

#: Most members of a tar: two dozen, and one for each list of ``-m recent``, of which a service can have some.
MAX_MEMBERS = 20_000
#: Two blocks of zeros are the end of a tar (POSIX.1-2017, pax, "ustar Interchange Format").
_END = bytes(1024)
#: What tarfile raises; RecursionError where headers that carry a long name follow each other.
_BROKEN = (tarfile.TarError, ValueError, OverflowError, OSError, EOFError, RecursionError)


def files_of(content: bytes, name: str, folder: str, error: type[NatcError]) -> dict[str, bytes]:
    """Return the files in ``folder`` of a tar by their path in it. ``name`` is what errors speak of.

    Raises ``error`` for a tar that is not whole, and for one with anything else in it than plain files in
    that folder: links, devices, other paths, a file twice. What a header claims of a size is never
    claimed of memory: a file is a part of ``content``.
    """
    if not content.endswith(_END):  # tarfile takes a cut between two files for the end
        raise error("is not a whole tar: its end is missing", Span(name))
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= MAX_MEMBERS:
                    raise error(f"has more than {MAX_MEMBERS} members", Span(name))
                path = _path_in(member, name, folder, error)
                if not member.isfile():
                    continue
                if path in files:
                    raise _refused(member, "comes twice", name, error)
                files[path] = _content_of(archive, member, name, error)
            end = archive.offset
    except _BROKEN as problem:
        raise error(f"is not a whole tar: {problem}", Span(name)) from None
    if content.count(0, end) != len(content) - end:  # tarfile stops without a word at a broken header
        raise error(f"is not a whole tar: no header at byte {end}", Span(name))
    return files


def _path_in(member: tarfile.TarInfo, name: str, folder: str, error: type[NatcError]) -> str:
    """Return the path of a member below ``folder``; refuse a member that is no plain file or folder."""
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise _refused(member, "is no plain file", name, error)
    parts = member.name.removeprefix("./").rstrip("/").split("/")
    if parts[0] != folder or any(part in ("", ".", "..") for part in parts):
        raise _refused(member, f"is not in {folder}/", name, error)
    return "/".join(parts[1:])


def _content_of(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, error: type[NatcError]
) -> bytes:
    file = archive.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise _refused(member, "is cut off", name, error)
    return content


def _refused(member: tarfile.TarInfo, why: str, name: str, error: type[NatcError]) -> NatcError:
    return error(f"its member {printable(member.name[:200])!r} {why}", Span(name), "a tar of natc collect")

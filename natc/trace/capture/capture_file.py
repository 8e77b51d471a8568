"""Frames out of capture files, one at a time: pcap and pcapng, packed with gzip or not.

scapy's own readers take ten times as long, since they look at every frame; a capture of a million
packets is ordinary. Facts: the pcap and pcapng drafts of the IETF's opsawg.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO

from natc.errors import NatcError
from natc.values import define, frozen, value

_GZIP_MAGIC = b"\x1f\x8b"
#: The first four bytes of a pcap file: byte order, and how many parts a second's fraction counts.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAPNG_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _SIMPLE, _ENHANCED = 1, 3, 6
_TIME_RESOLUTION = 9
#: More than any frame, or block of frames, may hold (tcpdump's own limit).
_MOST_BYTES = 256 * 1024

Source = BinaryIO | gzip.GzipFile


@value
class Frame:
    """One frame as captured."""

    time: float
    """Seconds since 1970."""
    link: int
    """The kind of its link layer, a LINKTYPE number."""
    data: bytes
    interface: int = -1
    """Which one of a pcapng file that was taken on several; -1 in any other."""


class _CutError(Exception):
    """The file ends inside a record."""


def frames(path: str, *, every: int = 0, told: Callable[[int], None] | None = None) -> Iterator[Frame]:
    """Yield the frames of a capture file, reading no further than asked.

    ``told`` hears, after ``every`` so many frames, at which byte of the file the reader is. Raises
    :class:`NatcError` when the file cannot be read, is no capture, or is cut off.
    """
    try:
        with Path(path).open("rb") as raw:
            start = raw.read(2)
            raw.seek(0)
            found = _frames(gzip.GzipFile(fileobj=raw) if start == _GZIP_MAGIC else raw)
            if told is None:
                yield from found
                return
            for number, frame in enumerate(found):
                if number % every == 0:
                    told(raw.tell())
                yield frame
    except (OSError, EOFError, struct.error, zlib.error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise NatcError(f"{path} is no capture that can be read: {reason}") from None
    except _CutError as problem:
        raise NatcError(f"{path} is no capture that can be read: {problem}") from None


def _frames(file: Source) -> Iterator[Frame]:
    magic = file.read(4)
    if magic == _PCAPNG:
        return _Blocks(file).frames()
    if magic not in _PCAP:
        raise _CutError("it begins as neither pcap nor pcapng does")
    return _records(file, *_PCAP[magic])


def _records(file: Source, order: str, parts: int) -> Iterator[Frame]:
    """Yield the frames of a pcap file behind its magic number."""
    link = Struct(order + "16xI").unpack(_exactly(file, 20))[0] & 0x0FFFFFFF
    record = Struct(order + "IIII")
    while head := file.read(16):
        if len(head) < 16:
            raise _CutError("it ends inside a record")
        seconds, fraction, size, _ = record.unpack(head)
        yield Frame(seconds + fraction / parts, link, _exactly(file, size))


def _exactly(file: Source, size: int) -> bytes:
    if not 0 <= size <= _MOST_BYTES:
        raise _CutError(f"a record of {size:,} bytes")
    data = file.read(size)
    if len(data) < size:
        raise _CutError("it ends inside a record")
    return data


@frozen
class _Interface:
    link: int
    parts: int
    """How many parts of a second its times count."""


@define
class _Blocks:
    """A pcapng file behind the first four bytes."""

    file: Source
    order: str = "<"

    def frames(self) -> Iterator[Frame]:
        interfaces: list[_Interface] = []
        kind: bytes = _PCAPNG
        while len(kind) == 4:
            if kind == _PCAPNG:
                self._section()
                interfaces = []
            else:
                number, body = Struct(self.order + "I").unpack(kind)[0], self._body()
                if number == _INTERFACE:
                    interfaces.append(self._interface(body))
                elif number == _ENHANCED:
                    yield self._enhanced(body, interfaces)
                elif number == _SIMPLE:
                    yield self._simple(body, interfaces)
            kind = self.file.read(4)
        if kind:
            raise _CutError("it ends inside a block")

    def _section(self) -> None:
        """Pass by the head of a section; the byte order holds from here on."""
        head = _exactly(self.file, 8)
        if head[4:] not in _PCAPNG_ORDER:
            raise _CutError("a section of no known byte order")
        self.order = _PCAPNG_ORDER[head[4:]]
        _exactly(self.file, Struct(self.order + "I").unpack(head[:4])[0] - 12)

    def _body(self) -> bytes:
        """Return a block's content without the length before and behind it."""
        size = Struct(self.order + "I").unpack(_exactly(self.file, 4))[0]
        if size < 12:
            raise _CutError(f"a block of {size} bytes")
        return _exactly(self.file, size - 8)[:-4]

    def _interface(self, body: bytes) -> _Interface:
        parts, place = 1_000_000, 8
        while place + 4 <= len(body):
            code, size = Struct(self.order + "HH").unpack_from(body, place)
            if code == _TIME_RESOLUTION:
                resolution = body[place + 4]
                parts = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
            place += 4 + (size + 3) // 4 * 4
        return _Interface(Struct(self.order + "H").unpack_from(body)[0], parts)

    def _enhanced(self, body: bytes, interfaces: list[_Interface]) -> Frame:
        number, high, low, size = Struct(self.order + "IIII").unpack_from(body)
        interface = _nth(interfaces, number)
        time, several = (high << 32 | low) / interface.parts, len(interfaces) > 1
        return Frame(time, interface.link, body[20 : 20 + size], number if several else -1)

    def _simple(self, body: bytes, interfaces: list[_Interface]) -> Frame:
        """A simple block has no time: 1970, as scapy has it."""
        size = Struct(self.order + "I").unpack_from(body)[0]
        return Frame(0.0, _nth(interfaces, 0).link, body[4 : 4 + size])


def _nth(interfaces: list[_Interface], number: int) -> _Interface:
    if number >= len(interfaces):
        raise _CutError(f"a packet of interface {number}, which was not described")
    return interfaces[number]

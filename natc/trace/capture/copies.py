"""Packets that a capture shows more than once, because it was taken on several interfaces.

``tcpdump -i any`` sees a forwarded packet where it arrives and where it leaves, and one of a pod also on
the bridge: the same packet but for its time to live. What nat changed on the way looks different and is
recognised by its connection (:mod:`natc.trace.capture.departures`). A capture of one interface has no such
copies.

Facts: LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 of tcpdump.org; RFC 791, 8200.
"""

from __future__ import annotations

from collections import OrderedDict

from natc.trace.capture.capture_file import Frame
from natc.trace.capture.frames import COOKED, COOKED_2, network_layer
from natc.values import define, field, value

#: How many packets, and for how many seconds, a copy is looked for: it comes within milliseconds, behind
#: an ARP question within a second.
_KEPT, _SECONDS = 1024, 1.0
#: Within how many seconds the same packet at what may be the same place is still a copy: cooked frames of
#: the first version do not tell interfaces apart, and a sender does not repeat itself that fast.
_AT_ONCE = 0.001

#: Where a frame was seen: the interface, -1 where that is not told, and the kind of packet (4: it leaves).
Place = tuple[int, int]


@value
class _Seen:
    number: int
    time: float
    ttl: int
    places: tuple[Place, ...]


@define(eq=False)
class Copies:
    """The last packets of a capture of several interfaces."""

    _last: OrderedDict[bytes, _Seen] = field(factory=OrderedDict)

    def first_of(self, frame: Frame, number: int) -> int | None:
        """Return the number of the packet that a frame shows once more; None, and note it, if it is new."""
        found = _unchanging(frame)
        if found is None:
            return None
        content, ttl = found
        place, seen = _place(frame), self._last.get(content)
        if (
            seen is not None
            and 0 <= frame.time - seen.time <= _SECONDS
            and _is_copy(seen, place, ttl, frame.time)
        ):
            self._last[content] = _Seen(seen.number, seen.time, ttl, (*seen.places, place))
            return seen.number
        self._last[content] = _Seen(number, frame.time, ttl, (place,))
        self._last.move_to_end(content)
        if len(self._last) > _KEPT:
            self._last.popitem(last=False)
        return None


def tells_places(frame: Frame) -> bool:
    """Tell whether a frame is of a capture of several interfaces."""
    return frame.interface >= 0 or frame.link in (COOKED, COOKED_2)


def _is_copy(seen: _Seen, place: Place, ttl: int, time: float) -> bool:
    if ttl > seen.ttl:
        return False
    return ttl < seen.ttl or place not in seen.places or (place[0] < 0 and time - seen.time <= _AT_ONCE)


def _place(frame: Frame) -> Place:
    data = frame.data
    if frame.link == COOKED:
        return frame.interface, data[1]
    if frame.link == COOKED_2:
        return int.from_bytes(data[4:8], "big"), data[10]
    return frame.interface, 0


def _unchanging(frame: Frame) -> tuple[bytes, int] | None:
    """Return what routing leaves as it is of a packet, and its time to live."""
    data = frame.data
    family, start = network_layer(frame.link, data)
    if family == 4 and len(data) >= start + 20:
        end = start + (data[start + 2] << 8 | data[start + 3])
        return data[start + 2 : start + 8] + data[start + 9 : start + 10] + data[start + 12 : end], data[
            start + 8
        ]
    if family == 6 and len(data) >= start + 40:
        end = start + 40 + (data[start + 4] << 8 | data[start + 5])
        return data[start + 1 : start + 7] + data[start + 8 : end], data[start + 7]
    return None

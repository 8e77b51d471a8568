"""Of which kind a captured packet is: packets of a kind differ in nothing that most rules look at."""

from __future__ import annotations

from natc.trace.capture.capture_file import Frame
from natc.trace.capture.frames import network_layer

_TCP, _UDP, _ECHOES = 6, 17, (1, 58)

#: Addresses and ports (of an echo: type, code and identifier), protocol, time to live, TOS, TCP flags.
Kind = tuple[bytes, int, int, int, int]


def kind_of(frame: Frame) -> tuple[Kind | None, int, int]:
    """Return the kind of the packet in a frame, if any, and where its transport begins and ends."""
    data = frame.data
    family, start = network_layer(frame.link, data)
    size = len(data)
    if family == 4 and size >= start + 28 and data[start] == 0x45:
        if data[start + 6] & 0x3F or data[start + 7]:
            return None, 0, 0
        proto, ttl, tos, place = data[start + 9], data[start + 8], data[start + 1], start + 20
        end = start + (data[start + 2] << 8 | data[start + 3])
        addresses = data[start + 12 : start + 24]
    elif family == 6 and size >= start + 48:
        proto, ttl, place = data[start + 6], data[start + 7], start + 40
        tos = (data[start] << 4 | data[start + 1] >> 4) & 0xFF
        end = place + (data[start + 4] << 8 | data[start + 5])
        addresses = data[start + 8 : start + 44]
    else:
        return None, 0, 0
    if proto == _TCP and size >= place + 20 and end >= place + 20:
        return (addresses, proto, ttl, tos, data[place + 13]), place, end
    if proto == _UDP and 8 <= data[place + 4] << 8 | data[place + 5] <= end - place:
        return (addresses, proto, ttl, tos, 0), place, end
    if proto in _ECHOES and data[place] in (0, 8, 128, 129) and end >= place + 8:
        return (addresses[:-2] + data[place + 4 : place + 6], proto, ttl, tos, 0), place, end
    return None, 0, 0

"""What ``hashlimit`` measures besides packets in a bucket: bytes, and rates (net/netfilter/xt_hashlimit.c).

Both are values that one more packet turns into others. Times are in seconds, rates of bytes as the cost of
sixteen bytes in parts of 2 ** 32 of what a second earns.
"""

from __future__ import annotations

from natc.values import frozen

#: What a second earns, and the most a bucket of bytes holds: ticks a second times a power of two
#: (CREDITS_PER_JIFFY_BYTES). The same for 250 and for 1,000 ticks; other kernels round a little differently.
_SECOND = 250 * 2**24
_CHUNK_SHIFT = 4


@frozen
class ByteBucket:
    """What is left of a second's worth of bytes, and how often it may still be filled at once."""

    credit: int
    fills: int
    seen: float

    @classmethod
    def full(cls, fills: int, now: float) -> ByteBucket:
        """Return the bucket before its first packet."""
        return cls(_SECOND, fills, now)

    def taken(self, cost: int, length: int, now: float) -> tuple[bool, ByteBucket]:
        """Take a packet of so many bytes; return whether there was enough, and what is left.

        No packet costs more than a second's worth.
        """
        credit = min(self.credit + int((now - self.seen) * _SECOND), _SECOND)
        price = min(((length >> _CHUNK_SHIFT) + 1) * (cost * _SECOND >> 32), _SECOND)
        fills = self.fills
        if credit < price and fills:
            fills, credit = fills - 1, _SECOND
        if credit < price:
            return False, ByteBucket(credit, fills, now)
        return True, ByteBucket(credit - price, fills, now)


@frozen
class Window:
    """What came since an interval began, and whether the one before was over the rate."""

    began: float
    seen: float
    count: int = 0
    was_over: bool = False

    def taken(self, rate: int, burst: int, interval: int, amount: int, now: float) -> tuple[bool, Window]:
        """Count a packet, as one or by its bytes; return whether the rate is kept, and the window.

        ``rate`` is what may come in a second, ``burst`` in an interval that follows none over the rate.
        """
        window, elapsed = self, now - self.began
        if elapsed >= interval:
            window = Window(now, now, 0, self.count * interval > elapsed * rate)
        count = window.count + amount
        within = not window.was_over and count <= burst
        return within, Window(window.began, now, count, window.was_over)

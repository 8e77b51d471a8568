"""The text of /proc/net/xt_recent/NAME: the addresses a list of ``-m recent`` holds, and when they were seen.

A line is ``src=ADDRESS ttl: N last_seen: N oldest_pkt: N N, N, ...``. Times are jiffies of the kernel, whose
number in a second (CONFIG_HZ) the file does not tell, nor what time it is now. ``oldest_pkt`` is the place
in the ring of times where the next one goes.

Facts: recent_seq_show of net/netfilter/xt_recent.c. The file's order is that of a hash; in a list
addresses stand by when they were last seen.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from natc.errors import NodeError, Span
from natc.values import frozen

_LINE = re.compile(
    r"src=(?P<src>\S+) ttl: (?P<ttl>\d+) last_seen: (?P<last>\d+) oldest_pkt: (?P<place>\d+)"
    r"(?P<times>( \d+,?)*)"
)
#: What a line looks like, for whoever gave another file.
_FORM = "src=10.0.0.1 ttl: 64 last_seen: 4295000000 oldest_pkt: 1 4295000000"


@frozen
class Seen:
    """One line: an address, and the jiffies at which it was seen."""

    family: int
    address: int
    ttl: int
    last: int
    place: int
    """Where in the ring of times the next one goes."""
    times: tuple[int, ...]


def read_recent(text: str, file: str = "<xt_recent>") -> tuple[Seen, ...]:
    """Read a list, the least recent address first; raise :class:`NodeError` where a line is none."""
    found = [
        _seen(line, Span(file, number, 1, line, len(line)))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    return tuple(sorted(found, key=lambda seen: seen.last))


def _seen(line: str, span: Span) -> Seen:
    match = _LINE.fullmatch(line.rstrip())
    try:
        if match is None:
            raise ValueError("no line of a list of -m recent")
        address = ip_address(match["src"])
        times = tuple(int(word.rstrip(",")) for word in match["times"].split())
        if not times or int(match["place"]) > len(times):
            raise ValueError("its times are not all there")
        last = int(match["last"])
        return Seen(address.version, int(address), int(match["ttl"]), last, int(match["place"]), times)
    except ValueError as problem:
        raise NodeError(str(problem), span, _FORM) from None

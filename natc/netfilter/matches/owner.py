"""``-m owner``: the process that sends the packet (net/netfilter/xt_owner.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, In, Unknown, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import Number, number
from natc.netfilter.kinds.words import Name
from natc.netfilter.matches import register_match
from natc.values import frozen

#: The largest user or group number: one less is taken because the kernel keeps -1 for "none".
LARGEST_ID = 0xFFFFFFFE


@frozen
class IdRange:
    """The user or group numbers from ``low`` to ``high``, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"

    def __contains__(self, number: int) -> bool:
        return self.low <= number <= self.high


class _Ids(Kind[IdRange | str]):
    """``ID``, ``ID-ID`` or a name; the name stays one, for only the node knows its number."""

    def parse(self, words: Sequence[str]) -> IdRange | str:
        text = words[0]
        if not text[:1].isdecimal():
            return IdRange(0, 0) if text == "root" else text
        ends = [number(part) for part in re.split("[-:]", text, maxsplit=1)]
        if max(ends) > LARGEST_ID:
            raise ValueError(f"{text} is larger than {LARGEST_ID}")
        return IdRange(ends[0], ends[-1])

    def words(self, value: IdRange | str) -> tuple[str, ...]:
        return (str(value),)


@register_match("owner")
@frozen
class Owner(Match):
    """The user and group that the packet's socket belongs to, and whether there is one.

    The process, session and command were looked at by kernels before 2.6.14 only.
    """

    hooks: ClassVar[frozenset[str] | None] = frozenset({"OUTPUT", "POSTROUTING"})
    one_of: ClassVar[tuple[str, ...]] = ("socket_exists", "uid", "gid", "pid", "sid", "command")
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"suppl_groups": ("gid",)}

    socket_exists: Term[bool] | None = option("--socket-exists", Flag(), negatable=True)
    uid: Term[IdRange | str] | None = option("--uid-owner", _Ids(), negatable=True)
    gid: Term[IdRange | str] | None = option("--gid-owner", _Ids(), negatable=True)
    suppl_groups: bool = option("--suppl-groups", Flag(), default=False)
    pid: Term[int] | None = option("--pid-owner", Number(0, 0x7FFFFFFF), negatable=True)
    sid: Term[int] | None = option("--sid-owner", Number(0, 0x7FFFFFFF), negatable=True)
    command: Term[str] | None = option("--cmd-owner", Name(15), negatable=True)

    def condition(self) -> Condition:
        """A packet that no process here sent satisfies only what is inverted."""
        return both(
            term(self.socket_exists, lambda _: _HAS_SOCKET),
            term(self.uid, lambda wanted: _owned("uid", wanted)),
            term(self.gid, lambda wanted: _owned("gid", wanted)),
            None if (self.pid, self.sid, self.command) == (None, None, None) else self._of_old(),
            self._supplementary(),
        )

    def _of_old(self) -> Condition:
        return Unknown(f"-m owner {' '.join(self.words())}: asks what kernels no longer know")

    def _supplementary(self) -> Condition | None:
        if not self.suppl_groups:
            return None
        return Unknown(
            f"-m owner {' '.join(self.words())}: further groups of the process", same_everywhere=True
        )


_HAS_SOCKET = Computed((), lambda packet: packet.uid is not None, "a socket here sent the packet")


def _owned(field: str, wanted: IdRange | str) -> Condition:
    if isinstance(wanted, str):
        return Unknown(f"the sender's {field} is that of {wanted}", same_everywhere=True)
    return In(field, numbers(wanted.low, wanted.high))

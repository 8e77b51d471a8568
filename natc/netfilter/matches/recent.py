"""``-m recent``: lists of addresses seen lately (net/netfilter/xt_recent.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from natc.netfilter.condition import ALWAYS, NEVER, Condition, In, Remembered, Unknown
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.intervals import Intervals, masked, union
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.addresses import Address, Host, address
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import FileName
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Open, Packet
from natc.netfilter.recent import DEFAULT_STAMPS, Entry, RecentList
from natc.values import frozen


@register_match("recent")
@frozen
class Recent(Match):
    """Looks an address up in a list, or changes the list; times in seconds."""

    completes_words: ClassVar[bool] = False

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("set", "rcheck", "update", "remove"),
        ("rttl", "set"),
        ("rttl", "remove"),
    )
    one_of: ClassVar[tuple[str, ...]] = ("set", "rcheck", "update", "remove")
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"reap": ("seconds",)}

    set: Term[bool] | None = option("--set", Flag(), negatable=True)
    rcheck: Term[bool] | None = option("--rcheck", Flag(), negatable=True)
    update: Term[bool] | None = option("--update", Flag(), negatable=True)
    remove: Term[bool] | None = option("--remove", Flag(), negatable=True)
    seconds: int | None = option("--seconds", Number(1))
    reap: bool = option("--reap", Flag(), default=False)
    hitcount: int | None = option("--hitcount", Number(1, 65535))
    rttl: bool = option("--rttl", Flag(), default=False)
    list_name: str = option("--name", FileName(199), default="DEFAULT")
    mask: Address | None = option("--mask", Host())
    rsource: bool = option("--rsource", Flag(), default=False)
    rdest: bool = option("--rdest", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """The whole source address in the list DEFAULT unless said; only a look has limits."""
        for name in ("set", "remove"):
            if name in values and ("seconds" in values or "hitcount" in values):
                raise OptionError(f"--{name} takes neither --seconds nor --hitcount")
        values.setdefault("mask", address("255.255.255.255" if family == 4 else "ffff:" * 7 + "ffff"))
        for side in [name for name in values if name in ("rsource", "rdest")][:-1]:
            del values[side]
        values.setdefault("rsource", not values.get("rdest", False))
        return values

    def condition(self) -> Condition:
        """Whether the address is in the list as asked; ``--set`` is always true and enters it."""
        if self.set is not None:
            certain = NEVER if self.set.inverted else ALWAYS
            return Remembered(self, certain, key=self.kept_at, spread=self._spread)
        within = f" within {self.seconds} s" if self.seconds else ""
        hits = f", {self.hitcount} times" if self.hitcount else ""
        who = "destination" if self.rdest else "source"
        seen = Unknown(f"the {who} was seen by list {self.list_name}{within}{hits}", "recent", True)
        return Remembered(self, ~seen if self._inverted else seen, key=self.kept_at, spread=self._spread)

    @property
    def kept_at(self) -> tuple[str, str]:
        return ("recent", self.list_name)

    def _spread(self, memory: Memory, packet: Packet) -> Condition | None:
        """Return which addresses the list has as asked, for a packet whose address is open."""
        field = "dst" if self.rdest else "src"
        if not isinstance(getattr(packet, field), Open):
            return None
        if self.set is not None:
            return NEVER if self.set.inverted else ALWAYS
        known: RecentList = memory.get(self.kept_at)
        same = [e for e in known.entries if not self.rttl or e.ttl in (0, packet.ttl)]
        found = [
            masked(entry.address, known.mask, packet.bits) or Intervals()
            for entry in same
            if self._looked_up(known, entry, memory.now)[0]
        ]
        seen = In(field, union(span for part in found for span in part))
        return ~seen if self._inverted else seen

    @property
    def _inverted(self) -> bool:
        given = self.set or self.rcheck or self.update or self.remove
        return given is not None and given.inverted

    def loaded(self, memory: Memory) -> Memory:
        """Return the memory once the rule is loaded: its list exists and keeps enough times."""
        assert self.mask is not None
        wanted = 1 << (self.hitcount - 1).bit_length() if self.hitcount else DEFAULT_STAMPS
        found = memory.get(self.kept_at)
        if found is None:
            return memory.with_value(self.kept_at, RecentList(int(self.mask), stamps=wanted))
        return memory.with_value(self.kept_at, found.grown(wanted))

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool, Memory]:
        """Look the address up and change the list (xt_recent.c, recent_mt)."""
        before: RecentList = self.loaded(memory).get(self.kept_at)
        address = packet.dst if self.rdest else packet.src
        assert isinstance(address, int) and isinstance(packet.ttl, int)
        address &= before.mask
        forwarded = bool(packet.out_interface) and packet.uid is None  # the hop was counted before
        ttl = packet.ttl + forwarded
        found = before.find(address, ttl if self.rttl else None)
        seen, after = self._looked_up(before, found, memory.now)
        truth = (seen or self.set is not None) is not self._inverted
        if found is None and self.set is not None:
            after = before.with_new(address, ttl, memory.now)
        elif found is not None and (self.set is not None or (self.update is not None and truth)):
            after = after.updated(found, ttl, memory.now)  # --update also where ``!`` made it true
        return truth, memory.with_value(self.kept_at, after)

    def _looked_up(self, before: RecentList, found: Entry | None, now: float) -> tuple[bool, RecentList]:
        """Return whether the entry satisfies the rule, before inversion, and the list without what goes."""
        if found is None:
            return False, before
        if self.set is not None:
            return True, before
        if self.remove is not None:
            return True, before.without(found)
        since = now - self.seconds if self.seconds else None
        hits = sum(1 for stamp in found.stamps if since is None or stamp >= since)
        after = before.reaped(since) if self.reap and since is not None else before
        return hits >= (self.hitcount or 1), after

"""``-j CT``: decides how the packet is tracked (net/netfilter/xt_CT.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.conntrack.zone import MARK_ZONE, Zone
from natc.netfilter.effect import Effect, Track
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.kinds.words import Name, WordSet
from natc.netfilter.targets import register_target
from natc.values import frozen

#: The events of connections and of expectations, in the order they are printed.
EVENTS = (
    "new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark",
)  # fmt: skip
EXPECTATION_EVENTS = ("new",)
_EVENTS, _EXPECTATION_EVENTS = (WordSet(each, any_case=False) for each in (EVENTS, EXPECTATION_EVENTS))


class _Zone(Kind[int]):
    """A zone from 0 to 65535, or ``mark`` for the packet's mark, kept as -1."""

    def parse(self, words: Sequence[str]) -> int:
        if words[0].lower() == "mark":
            return MARK_ZONE
        zone = number(words[0])
        if zone > 0xFFFF:
            raise ValueError(f"zone {zone} is not between 0 and 65535")
        return zone

    def words(self, value: int) -> tuple[str, ...]:
        return ("mark" if value == MARK_ZONE else str(value),)


@register_target("CT")
@frozen
class Ct(Target):
    """Whether to track, and with which helper, timeouts, events and zone (for one direction, or both)."""

    protocols: ClassVar[frozenset[int] | None] = frozenset(range(1, 256))
    tables: ClassVar[frozenset[str] | None] = frozenset({"raw"})

    notrack: bool = option("--notrack", Flag(), default=False)
    helper: str | None = option("--helper", Name(15))
    timeout: str | None = option("--timeout", Name(31))
    events: frozenset[str] | None = option("--ctevents", _EVENTS)
    expectation_events: frozenset[str] | None = option(
        "--expevents", WordSet(EXPECTATION_EVENTS, any_case=False)
    )
    zone: int = option("--zone", _Zone(), default=0, omit=0)
    zone_orig: int = option("--zone-orig", _Zone(), default=0, omit=0)
    zone_reply: int = option("--zone-reply", _Zone(), default=0, omit=0)

    def needs_protocol(self, family: int) -> bool:
        return self.helper is not None or self.timeout is not None

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """There is one zone, and mark beats numbers: the last one given, for every direction given."""
        given = [name for name in ("zone", "zone_orig", "zone_reply") if name in values]
        if len(given) > 1:
            zones = [values.pop(name) for name in list(values) if name in given]
            sides = [name for name in given if name != "zone"]
            values["zone" if len(sides) > 1 else sides[0]] = MARK_ZONE if MARK_ZONE in zones else zones[-1]
        return values

    def effect(self) -> Effect:
        zones = (self.zone, self.zone_orig, self.zone_reply)
        chosen = next((zone for zone in zones if zone), 0)
        zone = Zone(chosen, not self.zone_reply, not self.zone_orig) if chosen else None
        return Track(zone, untracked=self.notrack, helper=self.helper)

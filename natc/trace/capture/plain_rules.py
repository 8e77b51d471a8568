"""Rules that do the same with all packets of a kind, whenever they come.

Kinds are those of :mod:`natc.trace.capture.frame_kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from natc.netfilter.condition import All, Bits, Computed, Condition, In, Not, Remembered, Some
from natc.netfilter.effect import Answer, Change, Effect, Remember
from natc.netfilter.matches.recent import Recent
from natc.netfilter.memory import Memory
from natc.netfilter.rule import Jump
from natc.trace.chain.program import ReadyRule
from natc.values import define, field

#: The fields in which packets of a kind may differ.
FREE = frozenset(
    {
        "sequence", "acknowledgement", "window", "tcp_options", "payload", "length", "ident", "fragment",
        "link_source", "link_destination", "link_type", "bad_checksum", "inner",
    }
)  # fmt: skip


@define(eq=False)
class PlainRules:
    """Remembers which rules are plain."""

    _known: dict[ReadyRule, bool] = field(factory=dict)

    def all(self, rules: Iterable[ReadyRule]) -> bool:
        """Tell whether all of some rules do the same with all packets of a kind."""
        return all(map(self._is_plain, rules))

    def _is_plain(self, ready: ReadyRule) -> bool:
        found = self._known.get(ready)
        if found is None:
            found = self._known[ready] = _asks_plainly(ready.condition) and _does_the_same(ready.action)
        return found


def empty_lists(rules: Iterable[ReadyRule], memory: Memory) -> tuple[tuple[Any, Any], ...] | None:
    """Return the recent lists that rules look at; None when there is something in one."""
    found: dict[Any, Any] = {}
    for ready in rules:
        for part in _parts(ready.condition):
            if isinstance(part, Remembered) and isinstance(part.probe, Recent):
                key = ("recent", part.probe.list_name)
                found[key] = memory.get(key)
                if found[key] is not None and found[key].entries:
                    return None
    return tuple(found.items())


def _parts(condition: Condition) -> Iterator[Condition]:
    """Yield the forms that a condition consists of."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from _parts(part)
    elif isinstance(condition, Not):
        yield from _parts(condition.body)
    else:
        yield condition


def _asks_plainly(condition: Condition) -> bool:
    """Tell whether a condition looks at no free field, and of memory only at lists of ``-m recent``."""
    for part in _parts(condition):
        if isinstance(part, In | Bits) and part.field in FREE:
            return False
        if isinstance(part, Computed) and not FREE.isdisjoint(part.needs):
            return False
        if isinstance(part, Remembered) and not isinstance(part.probe, Recent):
            return False
    return True


def _does_the_same(action: Jump | Effect | None) -> bool:
    """Tell whether a rule that matches does the same with all packets of a kind and leaves nothing behind."""
    if isinstance(action, Change):
        return FREE.isdisjoint(action.needs)
    return not isinstance(action, Remember | Answer)

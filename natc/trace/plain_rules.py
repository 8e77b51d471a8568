"""Rules that do the same with all packets of a kind (:mod:`natc.trace.frame_kinds`), whenever they come."""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.condition import All, Bits, Computed, Condition, In, Not, Remembered, Some
from natc.netfilter.effect import Answer, Change, Effect, Remember
from natc.netfilter.matches.recent import Recent
from natc.netfilter.rule import Jump

#: The fields in which packets of a kind may differ.
FREE = frozenset(
    {
        "sequence", "acknowledgement", "window", "tcp_options", "payload", "length", "ident", "fragment",
        "link_source", "link_destination", "link_type", "bad_checksum", "inner",
    }
)  # fmt: skip


def parts(condition: Condition) -> Iterator[Condition]:
    """Yield the forms that a condition consists of."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from parts(part)
    elif isinstance(condition, Not):
        yield from parts(condition.body)
    else:
        yield condition


def asks_plainly(condition: Condition) -> bool:
    """Tell whether a condition looks at no free field, and of memory only at lists of ``-m recent``."""
    for part in parts(condition):
        if isinstance(part, In | Bits) and part.field in FREE:
            return False
        if isinstance(part, Computed) and not FREE.isdisjoint(part.needs):
            return False
        if isinstance(part, Remembered) and not isinstance(part.probe, Recent):
            return False
    return True


def does_the_same(action: Jump | Effect | None) -> bool:
    """Tell whether a rule that matches does the same with all packets of a kind and leaves nothing behind."""
    if isinstance(action, Change):
        return FREE.isdisjoint(action.needs)
    return not isinstance(action, Remember | Answer)

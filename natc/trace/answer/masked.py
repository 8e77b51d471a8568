"""Sets of addresses that a mask with holes stands for, such as ``0:babe::/0:ffff::``, in few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from natc.netfilter.intervals import Intervals, union
from natc.netfilter.kinds.addresses import text_of

#: No more than so many networks are named beside a mask.
_FEW = 8

Networks = Callable[[Intervals], list[str]]


def masked_words(domain: Intervals, whole: Intervals, bits: int, networks: Networks) -> str | None:
    """Return a set of very many blocks as what a mask stands for, None where that is not it.

    ``networks`` names the networks of a set; ``whole`` are all the addresses there are.
    """
    inside, outside = _named(domain, bits, networks), _named(whole - domain, bits, networks)
    words = [] if inside is None else [f"in {inside}"]
    if outside is not None and " except " not in outside:
        words.append(f"outside {outside}")
    return min(words, key=len, default=None)  # what is outside a mask may be one, but for its ends


def _named(domain: Intervals, bits: int, networks: Networks) -> str | None:
    """Return the blocks of one size as a mask, with what there is besides and what is left out."""
    size, _ = Counter(high - low for low, high in domain).most_common(1)[0]
    lows = [low for low, high in domain if high - low == size]
    if len(lows) < 2 or size & size - 1 or any(low & size - 1 for low in lows):
        return None
    first, varying = lows[0], 0
    for low in lows:
        varying |= low ^ first
    if (1 << varying.bit_count()) - len(lows) > _FEW:  # 5,000 endpoints are no mask
        return None
    blocks = union((low, low + size) for low in _all_of(first & ~varying, varying))
    more = networks(union(span for span in domain if span[1] - span[0] != size))
    missing = networks(blocks - domain)
    if len(more) + len(missing) > _FEW:
        return None
    mask = (1 << bits) - 1 & ~varying & ~(size - 1)
    named = " and ".join([f"{text_of(first & mask, bits)}/{text_of(mask, bits)}", *more])
    return f"{named} except {' and '.join(missing)}" if missing else named


def _all_of(value: int, varying: int) -> list[int]:
    """Return all numbers that are ``value`` but for bits of ``varying``."""
    found = [value]
    while varying:
        bit = varying & -varying
        varying ^= bit
        found += [number | bit for number in found]
    return found

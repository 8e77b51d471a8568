"""Rules and odds as a person reads them."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from natc.netfilter.rule import Rule
from natc.probability import Odds

if TYPE_CHECKING:
    from natc.trace.answer.outcome import Endpoint

#: Bits of odds whose numbers a line has room for: four draws of 31, and 38 digits.
_WRITTEN_OUT = 124
_COMMENT = re.compile(r'-m comment --comment ("(?:[^"\\]|\\.)*"|\S+)')


def words_of(rule: Rule) -> str:
    """Return a rule without its chain, its comment shortened to the text."""
    words = rule.save().removeprefix(f"-A {rule.chain}").strip()
    return _COMMENT.sub(r"\1", words) or "counts only"


def by_address(target: Endpoint) -> tuple[int, str, str]:
    """Return what sorts targets of the same part: their address, behind them what is none."""
    with suppress(ValueError):
        return int(ip_address(target.ip)), "", str(target.port)
    return 1 << 128, target.ip, str(target.port)


def exact(odds: Odds) -> str:
    """Return odds as num / 2^exp, rounded where the numbers would fill the line: JSON has them whole."""
    return str(odds) if odds.exp <= _WRITTEN_OUT else f"about {float(odds):.12g}"


def percent(odds: Odds | float) -> str:
    """Return odds in percent, with as many digits as tell them from nothing."""
    value = 100 * float(odds)
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{text if text != '0' else f'{value:.3g}'} %"

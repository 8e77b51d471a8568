"""Rules and odds as a person reads them."""

from __future__ import annotations

import re

from natc.netfilter.rule import Rule
from natc.probability import Odds

_COMMENT = re.compile(r'-m comment --comment ("(?:[^"\\]|\\.)*"|\S+)')


def words_of(rule: Rule) -> str:
    """Return a rule without its chain, its comment shortened to the text."""
    words = rule.save().removeprefix(f"-A {rule.chain}").strip()
    return _COMMENT.sub(r"\1", words) or "counts only"


def percent(odds: Odds) -> str:
    """Return odds in percent, with as many digits as tell them from nothing."""
    value = 100 * float(odds)
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{text if text != '0' else f'{value:.3g}'} %"

"""``-m comment``: a remark for people; matches every packet (net/netfilter/xt_comment.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.netfilter.condition import ALWAYS, Condition
from natc.netfilter.extension import Match, option
from natc.netfilter.kinds.words import Text
from natc.netfilter.matches import register_match
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.rule import Rule


@register_match("comment")
@frozen
class Comment(Match):
    """A remark of up to 255 bytes."""

    asks_nothing = True

    comment: str = option("--comment", Text(255, cut=True), required=True)

    def condition(self) -> Condition:
        return ALWAYS


def comment_of(rule: Rule) -> str:
    """Return a rule's comment, of several the first, empty without one; no other match of it is made."""
    for part in rule.shape.matches:
        if part.kind is Comment:
            read = rule.shape.read(part, rule.values)
            assert isinstance(read, Comment)
            return read.comment
    return ""

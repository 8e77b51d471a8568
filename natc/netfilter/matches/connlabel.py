"""``-m connlabel``: the connection's labels (net/netfilter/xt_connlabel.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.condition import Condition, OfConnection, Unknown
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.kinds.words import unquoted
from natc.netfilter.matches import register_match
from natc.values import frozen

#: The largest label (XT_CONNLABEL_MAXBIT).
LARGEST_LABEL = 127


class _Label(Kind[int | str]):
    """A label by number, or by a name that only the node's connlabel.conf knows; quoted in a save."""

    def parse(self, words: Sequence[str]) -> int | str:
        text = unquoted(words[0])
        if not text:
            raise ValueError("needs a label")
        if not text.isdecimal() and not text.lower().startswith("0x"):
            return text
        if number(text) > LARGEST_LABEL:
            raise ValueError(f"label {text} is larger than {LARGEST_LABEL}")
        return number(text)

    def words(self, value: int | str) -> tuple[str, ...]:
        return (f'"{value}"',)


@register_match("connlabel")
@frozen
class Connlabel(Match):
    """True when the connection has the label, and, with ``set``, gives it one first."""

    label: Term[int | str] | None = option("--label", _Label(), negatable=True, required=True)
    set: bool = option("--set", Flag(), default=False)

    def condition(self) -> Condition:
        """A packet without a connection has no label, so the inverted match holds."""
        assert self.label is not None
        label, inverted = self.label.value, self.label.inverted
        text = f"the connection has label {label}"
        if isinstance(label, str) or self.set:
            return Unknown(text)
        return OfConnection(
            lambda connection, _: (label in connection.labels) is not inverted, text, without=inverted
        )

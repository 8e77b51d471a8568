"""``-m connlimit``: how many connections one network has (net/netfilter/xt_connlimit.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag, Number, PrefixLength
from natc.netfilter.matches import register_match


@register_match("connlimit")
@frozen
class Connlimit(Match):
    """At most ``upto`` or more than ``above`` connections of the source's or destination's network."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("upto", "above"), ("saddr", "daddr"))
    one_of: ClassVar[tuple[str, ...]] = ("upto", "above")

    upto: Term[int] | None = option("--connlimit-upto", Number(), negatable=True)
    above: Term[int] | None = option("--connlimit-above", Number(), negatable=True)
    mask: int | None = option("--connlimit-mask", PrefixLength())
    saddr: bool = option("--connlimit-saddr", Flag(), default=False)
    daddr: bool = option("--connlimit-daddr", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Not above is up to, and the other way round; source and whole addresses unless said."""
        for name, other in (("upto", "above"), ("above", "upto")):
            if name in values and values[name].inverted:
                return cls.completed(
                    {k: v for k, v in values.items() if k != name} | {other: Term(values[name].value)}, family
                )
        values.setdefault("mask", 32 if family == 4 else 128)
        values.setdefault("saddr", "daddr" not in values)
        return values

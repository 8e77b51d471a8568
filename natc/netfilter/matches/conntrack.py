"""``-m conntrack``: the packet's connection (net/netfilter/xt_conntrack.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from natc.netfilter.condition import All, Condition, In, Some, Translated, Unknown, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.header import Protocol
from natc.netfilter.kinds import Choice, Network, NetworkKind, NumberRange, Numbers, PortRange, Ports, WordSet
from natc.netfilter.matches import register_match

#: The order in which libxt_conntrack prints states.
STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")


#: The states of a connection's entry, in the order they are printed; NONE asks that none be set.
STATUSES = ("EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")


class _States(WordSet):
    """A list of states, each abbreviated at will."""

    def parse(self, words: Sequence[str]) -> frozenset[str]:
        return frozenset(self._word(word.upper()) for word in words[0].split(","))

    def _word(self, text: str) -> str:
        """The first state in libxt_conntrack's own order that begins so."""
        for word in ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT", *self.order):
            if text and word in self.order and word.startswith(text):
                return word
        raise ValueError(f"{text!r} is none of {', '.join(self.order)}")


class _Statuses(_States):
    """A list of statuses, or NONE, the empty one."""

    def parse(self, words: Sequence[str]) -> frozenset[str]:
        given = [word for word in words[0].split(",") if not (word and "NONE".startswith(word.upper()))]
        return super().parse([",".join(given)]) if given else frozenset()

    def words(self, value: frozenset[str]) -> tuple[str, ...]:
        return super().words(value) if value else ("NONE",)


class _Protocol(Protocol):
    """A protocol other than 0, printed as a number."""

    def parse(self, words: Sequence[str]) -> int:
        protocol = super().parse(words)
        if not protocol:
            raise ValueError("never the protocol of a connection")
        return protocol

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


class _Direction(Choice):
    """A direction in any case."""

    def parse(self, words: Sequence[str]) -> str:
        return super().parse([words[0].upper()])


class _Address(NetworkKind):
    """A network; a mask of all ones is not printed."""

    @property
    def plain(self) -> None:
        return None

    def words(self, value: Network) -> tuple[str, ...]:
        return (str(value).removesuffix(f"/{value.bits}"),)


@register_match("conntrack")
@frozen
class Conntrack(Match):
    """The connection's state, its addresses and ports each way, and its remaining seconds.

    SNAT and DNAT among the states tell whether it is translated.
    """

    one_of: ClassVar[tuple[str, ...]] = (
        "ctstate", "proto", "orig_src", "orig_dst", "reply_src", "reply_dst", "status", "expire",
        "orig_src_port", "orig_dst_port", "reply_src_port", "reply_dst_port", "direction",
    )  # fmt: skip

    ctstate: Term[frozenset[str]] | None = option("--ctstate", _States(STATES), negatable=True)
    proto: Term[int] | None = option("--ctproto", _Protocol(), negatable=True)
    orig_src: Term[Network] | None = option("--ctorigsrc", _Address(), negatable=True)
    orig_dst: Term[Network] | None = option("--ctorigdst", _Address(), negatable=True)
    reply_src: Term[Network] | None = option("--ctreplsrc", _Address(), negatable=True)
    reply_dst: Term[Network] | None = option("--ctrepldst", _Address(), negatable=True)
    orig_src_port: Term[PortRange] | None = option("--ctorigsrcport", Ports(), negatable=True)
    orig_dst_port: Term[PortRange] | None = option("--ctorigdstport", Ports(), negatable=True)
    reply_src_port: Term[PortRange] | None = option("--ctreplsrcport", Ports(), negatable=True)
    reply_dst_port: Term[PortRange] | None = option("--ctrepldstport", Ports(), negatable=True)
    status: Term[frozenset[str]] | None = option("--ctstatus", _Statuses(STATUSES), negatable=True)
    expire: Term[NumberRange] | None = option("--ctexpire", Numbers(32), negatable=True)
    direction: str | None = option("--ctdir", _Direction(("ORIGINAL", "REPLY")))

    def condition(self) -> Condition:
        known = both(term(self.ctstate, state_condition))
        others = any(getattr(self, name) is not None for name in self.one_of if name != "ctstate")
        return All((known, Unknown(f"-m conntrack {' '.join(self.words())}"))) if others else known


def state_condition(words: frozenset[str]) -> Condition:
    """Return the condition that the connection is in one of the states or translations named."""
    translations = [Translated(word) for word in ("SNAT", "DNAT") if word in words]
    return Some((In("ctstate", words - {"SNAT", "DNAT"}), *translations))

"""``-m conntrack``: the packet's connection (net/netfilter/xt_conntrack.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from natc.netfilter.condition import Condition, In, OfConnection, Some, Translated, Unknown, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.header import Protocol
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.numbers import NumberRange, Numbers
from natc.netfilter.kinds.ports import PortRange, Ports
from natc.netfilter.kinds.words import Choice, WordSet
from natc.netfilter.matches import register_match
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection

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
    """A protocol, printed as a number."""

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


class _Direction(Choice):
    """A direction in any case."""

    def parse(self, words: Sequence[str]) -> str:
        return super().parse([words[0].upper()])


#: An address or a network, kept as written.
_ADDRESS = NetworkKind(whole=True, short=True, holes=False)


class _Ports(Ports):
    """Ports of which a range that ends at 0 is shown by its first port (libxt_conntrack)."""

    def words(self, value: PortRange) -> tuple[str, ...]:
        return (str(value if value.high else value.low),)


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
    orig_src: Term[Network] | None = option("--ctorigsrc", _ADDRESS, negatable=True)
    orig_dst: Term[Network] | None = option("--ctorigdst", _ADDRESS, negatable=True)
    reply_src: Term[Network] | None = option("--ctreplsrc", _ADDRESS, negatable=True)
    reply_dst: Term[Network] | None = option("--ctrepldst", _ADDRESS, negatable=True)
    orig_src_port: Term[PortRange] | None = option("--ctorigsrcport", _Ports(resolved=True), negatable=True)
    orig_dst_port: Term[PortRange] | None = option("--ctorigdstport", _Ports(resolved=True), negatable=True)
    reply_src_port: Term[PortRange] | None = option("--ctreplsrcport", _Ports(resolved=True), negatable=True)
    reply_dst_port: Term[PortRange] | None = option("--ctrepldstport", _Ports(resolved=True), negatable=True)
    status: Term[frozenset[str]] | None = option("--ctstatus", _Statuses(STATUSES), negatable=True)
    expire: Term[NumberRange] | None = option("--ctexpire", Numbers(32), negatable=True)
    direction: str | None = option("--ctdir", _Direction(("ORIGINAL", "REPLY")))

    def condition(self) -> Condition:
        """Without a connection a state that holds is enough, and without a state nothing is."""
        state = term(self.ctstate, state_condition)
        asked = [name for name in self.one_of if name not in ("ctstate", "expire")]
        if all(getattr(self, name) is None for name in [*asked, "expire"]):
            return both(state)
        text = f"-m conntrack {' '.join(self.words())}"
        expire = None if self.expire is None else Unknown(f"{text}: seconds left", "clock")
        return both(state, OfConnection(self._holds, text, without=state is not None), expire)

    def _holds(self, connection: Connection, direction: int) -> bool:
        """Ask an entry everything but its state and lifetime."""
        if self.direction is not None and (self.direction == "REPLY") is not bool(direction):
            return False
        original, reply = connection.original, connection.reply
        return (
            _asked(self.proto, lambda number: number == original.proto)
            and _asked(self.orig_src, lambda net: original.src & net.mask == net.address)
            and _asked(self.orig_dst, lambda net: original.dst & net.mask == net.address)
            and _asked(self.reply_src, lambda net: reply.src & net.mask == net.address)
            and _asked(self.reply_dst, lambda net: reply.dst & net.mask == net.address)
            and _asked(self.orig_src_port, lambda ports: original.sport in ports)
            and _asked(self.orig_dst_port, lambda ports: original.dport in ports)
            and _asked(self.reply_src_port, lambda ports: reply.sport in ports)
            and _asked(self.reply_dst_port, lambda ports: reply.dport in ports)
            and _asked(self.status, lambda words: _has_any(connection, words))
        )


def _has_any(connection: Connection, words: frozenset[str]) -> bool:
    # here: few rules ask, and a usual trace needs no table
    from natc.netfilter.conntrack.connection import Status

    return any(Status[word] in connection.status for word in words)


def _asked(wanted: Term[Any] | None, holds: Callable[[Any], bool]) -> bool:
    return wanted is None or wanted.holds(holds(wanted.value))


def state_condition(words: frozenset[str]) -> Condition:
    """Return the condition that the connection is in one of the states or translations named."""
    translations = [Translated(word) for word in ("SNAT", "DNAT") if word in words]
    return Some((In("ctstate", words - {"SNAT", "DNAT"}), *translations))

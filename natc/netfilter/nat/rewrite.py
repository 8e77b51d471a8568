"""What a hook changes in a packet of a connection that is translated, or in an ICMP error about one.

``side`` is ``dst`` at PREROUTING and OUTPUT, ``src`` at INPUT and POSTROUTING (``NAT_SIDE``); ``direction``
is that of the packet, 1 for replies.

Facts: net/netfilter/nf_nat_core.c, nf_nat_proto.c, nf_nat_masquerade.c of Linux 6.18.
"""

from __future__ import annotations

from natc.netfilter.conntrack.connection import ICMP, ICMPV6, PORTED, TRANSLATED, Connection, Status, Tuple
from natc.values import evolve, frozen

_OTHER = {"src": "dst", "dst": "src"}


@frozen
class Rewrite:
    """One change to a packet's header."""

    side: str
    """``src`` or ``dst``."""
    address: int
    port: int | None
    """The port; for ICMP queries the identifier; None for protocols that have neither."""


def rewrite(connection: Connection, direction: int, side: str) -> Rewrite | None:
    """Return what a hook of that side changes in a packet of the connection, None for nothing."""
    if not _applies(connection, direction, side):
        return None
    target = connection.tuple_of(1 - direction).inverted()
    assert target is not None, "every tracked tuple has an inverse"
    return _rewritten(target, side)


def rewrite_error(connection: Connection, direction: int, side: str) -> tuple[Rewrite, Rewrite] | None:
    """Return what a hook changes in an ICMP error about the connection, None for nothing.

    First the error's own header, then that of the packet it quotes. ``direction`` is that of the error,
    as :meth:`Connections.track` says.
    """
    if not _applies(connection, direction, side):
        return None
    quoted = connection.tuple_of(1 - direction)
    target = quoted.inverted()
    assert target is not None, "every tracked tuple has an inverse"
    outer = evolve(_rewritten(target, side), port=None)
    return outer, _rewritten(quoted, _OTHER[side])


def redirect_dropped(connection: Connection) -> bool:
    """Return whether an ICMP redirect about the connection is dropped: it is translated, or may yet be."""
    done = Status.SNAT_DONE | Status.DNAT_DONE
    return done not in connection.status or bool(connection.status & (Status.SNAT | Status.DNAT))


def leaves_elsewhere(connection: Connection, direction: int, out: str) -> bool:
    """Return whether a masqueraded connection's packet leaves by another device than its first did.

    Such a packet is dropped at POSTROUTING and the connection forgotten.
    """
    return direction == 0 and connection.masquerade_out not in (None, out)


def _applies(connection: Connection, direction: int, side: str) -> bool:
    """The source is rewritten where the original direction was; replies are undone on the other side."""
    return TRANSLATED[_OTHER[side] if direction else side] in connection.status


def _rewritten(target: Tuple, side: str) -> Rewrite:
    address = target.src if side == "src" else target.dst
    if target.proto in (ICMP, ICMPV6):
        return Rewrite(side, address, target.sport)
    if target.proto not in PORTED:
        return Rewrite(side, address, None)
    return Rewrite(side, address, target.sport if side == "src" else target.dport)

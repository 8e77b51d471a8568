"""What natc cannot look into: extensions from outside iptables, and rules it could not read.

Their words are kept and written back as they stand. For a packet they are open questions.

An extension is opaque when its name is one of those below, or when an iptables-save wrote the text
(:mod:`natc.text.unheard`). Any other name that natc does not know is refused, as iptables-restore refuses
it: nearly always it is a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Self

from natc.netfilter.condition import Condition, Unknown
from natc.netfilter.effect import Effect, Undecided
from natc.netfilter.extension import Extension, Match, Target, Use
from natc.values import frozen

#: Stands for the name of an extension whose options iptables-save could not show.
UNSUPPORTED = "[unsupported]"
#: Matches of xtables-addons, nDPI, OpenWrt, Android, router firmwares and old patch collections.
OPAQUE_MATCHES = frozenset({
    "account", "asn", "bandwidth", "bcount", "childlevel", "condition", "cone", "confirmed", "connrate",
    "conntrack_ext", "coova", "dhcpmac", "dns", "dpi", "dstlimit", "exp", "fuzzy", "geoip", "gradm",
    "httphost", "id", "iface", "ifname", "iplimit", "ipp2p", "ipv4options", "layer7", "length2",
    "lscan", "lua", "macsave", "mport", "ndpi", "nth", "opendpi", "pknock", "pool", "psd", "qtaguid",
    "quota2", "random", "rtpengine", "timerange", "tls", "unclean", "url", "web", "webmon", "webstr",
    "weburl",
    UNSUPPORTED,
})  # fmt: skip
OPAQUE_TARGETS = frozenset({
    "ACCOUNT", "ASN", "BALANCE", "BCOUNT", "CHAOS", "CLAMPMSS", "CONE", "CONENAT", "CONFIRMED", "COOVA",
    "DELUDE", "DHCPMAC", "DNETMAP", "ECHO", "FLOWOFFLOAD", "FTOS", "FULLCONE", "FULLCONENAT", "IMQ",
    "IPID", "IPMARK", "IPV4OPTSSTRIP", "LOGMARK", "MIRROR", "NATTYPE", "NDPI", "NETFLOW", "NETLINK",
    "PPTP", "PROTO", "QTAGUID", "RAWDNAT", "RAWSNAT", "ROUTE", "RTPENGINE", "SAME", "SKIPLOG",
    "SNATMAP", "SYSRQ", "TARPIT", "TRIGGER", "UDPSPEEDER", "WGOBFS", "XOR",
    UNSUPPORTED,
})  # fmt: skip


@frozen
class Opaque:
    """Which extensions are read by name only."""

    matches: frozenset[str] = OPAQUE_MATCHES
    targets: frozenset[str] = OPAQUE_TARGETS
    any_match: bool = False


@frozen
class _AsWritten(Extension):
    """An extension known by name only: its options are kept as they were used."""

    options: ClassVar = ()
    by_spelling: ClassVar = {}
    uses: tuple[Use, ...] = ()

    @classmethod
    def read(cls, uses: Sequence[Use], family: int) -> Self:
        return cls(tuple(uses))

    def words(self) -> list[str]:
        return [word for use in self.uses for word in (*["!"] * use.inverted, use.name, *use.words)]


class OpaqueMatch(_AsWritten, Match):
    """A match known by name only."""

    __slots__ = ()


class OpaqueTarget(_AsWritten, Target):
    """A target known by name only."""

    __slots__ = ()


class _Unsupported(_AsWritten):
    """An extension of another revision than the iptables-save knew: it showed the name and no options."""

    name: ClassVar[str] = UNSUPPORTED

    @property
    def shown_name(self) -> str:
        return self.uses[0].words[0] if self.uses and self.uses[0].words else UNSUPPORTED

    def words(self) -> list[str]:
        return ["[unsupported", "revision]"]


class UnsupportedMatch(_Unsupported, OpaqueMatch):
    """A match whose options iptables-save could not show."""


class UnsupportedTarget(_Unsupported, OpaqueTarget):
    """A target whose options iptables-save could not show."""


@lru_cache(maxsize=256)
def opaque_match(name: str) -> type[OpaqueMatch]:
    """Return the class of an opaque match."""
    if name == UNSUPPORTED:
        return UnsupportedMatch
    return type("OpaqueMatch", (OpaqueMatch,), {"name": name, "__slots__": ()})


@lru_cache(maxsize=256)
def opaque_target(name: str) -> type[OpaqueTarget]:
    """Return the class of an opaque target."""
    if name == UNSUPPORTED:
        return UnsupportedTarget
    return type("OpaqueTarget", (OpaqueTarget,), {"name": name, "__slots__": ()})


class UnreadMatch(OpaqueMatch):
    """Stands for all that a rule asks which could not be read."""

    name: ClassVar[str] = "unread"

    def condition(self) -> Condition:
        return Unknown(f"a rule that could not be read: {self.uses[0].words[0]}")


class UnreadTarget(OpaqueTarget):
    """Stands for what a rule does which could not be read."""

    name: ClassVar[str] = "unread"

    def effect(self) -> Effect:
        return Undecided(f"a rule that could not be read: {self.uses[0].words[0]}")

"""``-m policy``: the IPsec policy that handles the packet (net/netfilter/xt_policy.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from natc.netfilter.condition import All, Condition, In, Unknown
from natc.netfilter.extension import Extension, Match, OptionError, Term, Use, declare, option
from natc.netfilter.header import Protocol
from natc.netfilter.hooks import WITH_IN_INTERFACE, WITH_OUT_INTERFACE
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.values import evolve, field, frozen

#: Most elements of a policy (XT_POLICY_MAX_ELEM).
MOST_ELEMENTS = 4
_ESP, _AH, _COMP = 50, 51, 108
_ADDRESS = NetworkKind(whole=True, short=True, holes=False)


class _IpsecProtocol(Protocol):
    """One of the three protocols of IPsec."""

    def parse(self, words: Sequence[str]) -> int:
        protocol = super().parse(words)
        if protocol not in (_ESP, _AH, _COMP):
            raise ValueError(f"{words[0]!r} is none of ah, esp, ipcomp")
        return protocol


@frozen
class PolicyElement(Extension):
    """What one transformation has to be like."""

    reqid: Term[int] | None = option("--reqid", Number(), negatable=True)
    spi: Term[int] | None = option("--spi", Number(form="{:#x}"), negatable=True)
    proto: Term[int] | None = option("--proto", _IpsecProtocol(), negatable=True)
    mode: Term[str] | None = option("--mode", Choice(("transport", "tunnel")), negatable=True)
    tunnel_dst: Term[Network] | None = option("--tunnel-dst", _ADDRESS, negatable=True)
    tunnel_src: Term[Network] | None = option("--tunnel-src", _ADDRESS, negatable=True)

    @property
    def tunnels(self) -> bool:
        """Whether addresses of a tunnel are given where no tunnel can be."""
        in_tunnel = self.mode in (Term("tunnel"), Term("transport", True))
        return not in_tunnel and bool(self.tunnel_src or self.tunnel_dst)


declare(PolicyElement, "policy")


@register_match("policy")
@frozen
class Policy(Match):
    """Whether the packet was or will be handled by IPsec, and by what; ``strict`` asks for exactly that."""

    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {"dir": WITH_IN_INTERFACE | WITH_OUT_INTERFACE}

    dir: str | None = option("--dir", Choice(("in", "out")), required=True)
    pol: str = option("--pol", Choice(("none", "ipsec")), default="ipsec")
    strict: bool = option("--strict", Flag(), default=False)
    elements: tuple[PolicyElement, ...] = field(default=(PolicyElement(),))

    @classmethod
    def read(cls, uses: Sequence[Use], family: int) -> Self:
        """Read the general options and, between one ``--next`` and another, the elements."""
        groups: list[list[Use]] = [[]]
        general = []
        for use in uses:
            if use.name == "--next":
                groups.append([])
            elif use.name in PolicyElement.by_spelling:
                groups[-1].append(use)
            else:
                general.append(use)
        if len(groups) > MOST_ELEMENTS:
            raise OptionError(f"policy has more than {MOST_ELEMENTS} elements")
        policy = super().read(general, family)
        if len(groups) > 1 and not policy.strict:
            raise OptionError("--next needs --strict too")
        if policy.pol == "none" and (policy.strict or len(groups) > 1):
            raise OptionError("--pol none goes with no --strict and no --next")
        elements = tuple(PolicyElement.read(group, family) for group in groups)
        if policy.pol != "none":
            policy._check_elements(elements)
        return evolve(policy, elements=elements)

    def _check_elements(self, elements: tuple[PolicyElement, ...]) -> None:
        if self.strict and PolicyElement() in elements:
            raise OptionError("with --strict every element needs --reqid, --spi, --proto, --mode or a tunnel")
        if any(element.tunnels for element in elements):
            raise OptionError("--tunnel-src and --tunnel-dst need --mode tunnel")

    def checked_hooks(self) -> frozenset[str] | None:
        """Return the chains on that side of the node (policy_mt_check)."""
        return WITH_IN_INTERFACE if self.dir == "in" else WITH_OUT_INTERFACE

    def words(self) -> list[str]:
        """The general options, then the elements with ``--next`` between them."""
        words = super().words()
        if self.pol == "none":
            return words
        for number, element in enumerate(self.elements):
            words += ["--next"] * (number > 0) + element.words()
        return words

    def condition(self) -> Condition:
        """Without IPsec only ``--pol none`` is true; what a transformed packet matches is not modelled."""
        if self.pol == "none":
            return In("ipsec", frozenset({False}))
        return All((In("ipsec", frozenset({True})), Unknown(f"-m policy {' '.join(self.words())}")))

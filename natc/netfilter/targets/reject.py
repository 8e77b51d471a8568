"""``-j REJECT``: drops the packet and answers it (ipt_REJECT.c, ip6t_REJECT.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.effect import Answer, Effect
from natc.netfilter.extension import OptionError, Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.targets import register_target
from natc.values import frozen

#: What each family answers with, in the order in which iptables looks for a beginning; short names behind.
ANSWERS = {
    4: {
        "icmp-net-unreachable": "net-unreach",
        "icmp-host-unreachable": "host-unreach",
        "icmp-proto-unreachable": "proto-unreach",
        "icmp-port-unreachable": "port-unreach",
        "icmp-net-prohibited": "net-prohib",
        "icmp-host-prohibited": "host-prohib",
        "tcp-reset": "tcp-rst",
        "icmp-admin-prohibited": "admin-prohib",
    },
    6: {
        "icmp6-no-route": "no-route",
        "icmp6-adm-prohibited": "adm-prohibited",
        "icmp6-addr-unreachable": "addr-unreach",
        "icmp6-port-unreachable": "port-unreach",
        "tcp-reset": "tcp-reset",
        "icmp6-policy-fail": "policy-fail",
        "icmp6-reject-route": "reject-route",
    },
}
_USUAL = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
#: ICMP type and code of each answer that is an ICMP error.
ICMP_ANSWERS = {
    4: {
        "icmp-net-unreachable": (3, 0),
        "icmp-host-unreachable": (3, 1),
        "icmp-proto-unreachable": (3, 2),
        "icmp-port-unreachable": (3, 3),
        "icmp-net-prohibited": (3, 9),
        "icmp-host-prohibited": (3, 10),
        "icmp-admin-prohibited": (3, 13),
    },
    6: {
        "icmp6-no-route": (1, 0),
        "icmp6-adm-prohibited": (1, 1),
        "icmp6-addr-unreachable": (1, 3),
        "icmp6-port-unreachable": (1, 4),
        "icmp6-policy-fail": (1, 5),
        "icmp6-reject-route": (1, 6),
    },
}


def _answer(text: str, family: int) -> str | None:
    """Return the first answer whose long or short name begins so."""
    return next(
        (long for long, short in ANSWERS[family].items() if long.startswith(text) or short.startswith(text)),
        None,
    )


class _Answer(Kind[str]):
    """An answer by the beginning of its name, in any case."""

    def parse(self, words: Sequence[str]) -> str:
        text = words[0].lower()
        if not any(_answer(text, family) for family in ANSWERS):
            known = dict.fromkeys(name for answers in ANSWERS.values() for name in answers)
            raise ValueError(f"{words[0]!r} is none of {', '.join(known)}")
        return text

    def words(self, value: str) -> tuple[str, ...]:
        return (value,)


@register_target("REJECT")
@frozen
class Reject(Target):
    """The answer: an ICMP error, or a TCP reset."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    tables: ClassVar[frozenset[str] | None] = frozenset({"filter"})

    reject_with: str | None = option("--reject-with", _Answer())

    def needs_protocol(self, family: int) -> bool:
        return self.reject_with == "tcp-reset"

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        given = values.get("reject_with")
        answer = _answer(given, family) if given else _USUAL[family]
        if answer is None:
            raise OptionError(f"--reject-with {given} is not an answer of IPv{family}")
        return {**values, "reject_with": answer}

    def effect(self) -> Effect:
        assert self.reject_with is not None
        return Answer(self.reject_with)

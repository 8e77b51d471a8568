"""``-j REJECT``: drops the packet and answers it (ipt_REJECT.c, ip6t_REJECT.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from natc.netfilter.effect import Answer, Effect
from natc.netfilter.extension import OptionError, Target, option
from natc.netfilter.kinds import Choice
from natc.netfilter.targets import register_target

#: What each family answers with, the first being the default; short names in the second place.
ANSWERS = {
    4: {
        "icmp-port-unreachable": "port-unreach",
        "icmp-net-unreachable": "net-unreach",
        "icmp-host-unreachable": "host-unreach",
        "icmp-proto-unreachable": "proto-unreach",
        "icmp-net-prohibited": "net-prohib",
        "icmp-host-prohibited": "host-prohib",
        "icmp-admin-prohibited": "admin-prohib",
        "tcp-reset": "tcp-rst",
    },
    6: {
        "icmp6-port-unreachable": "port-unreach",
        "icmp6-no-route": "no-route",
        "icmp6-adm-prohibited": "adm-prohibited",
        "icmp6-addr-unreachable": "addr-unreach",
        "icmp6-policy-fail": "policy-fail",
        "icmp6-reject-route": "reject-route",
        "tcp-reset": "tcp-reset",
    },
}
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
_WORDS = tuple(
    dict.fromkeys(word for answers in ANSWERS.values() for pair in answers.items() for word in pair)
)


@register_target("REJECT")
@frozen
class Reject(Target):
    """The answer: an ICMP error, or a TCP reset."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"filter"})

    reject_with: str | None = option("--reject-with", Choice(_WORDS))

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        answers = ANSWERS[family]
        given = values.get("reject_with") or next(iter(answers))
        longer = {short: long for long, short in answers.items()}
        answer = given if given in answers else longer.get(given)
        if answer is None:
            raise OptionError(f"--reject-with {given} is not an answer of IPv{family}")
        return {**values, "reject_with": answer}

    def effect(self) -> Effect:
        assert self.reject_with is not None
        return Answer(self.reject_with)

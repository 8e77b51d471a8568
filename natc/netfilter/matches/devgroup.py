"""``-m devgroup``: the groups of the devices (net/netfilter/xt_devgroup.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from natc.netfilter.condition import Condition, DeviceGroup, Unknown, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.hooks import WITH_IN_INTERFACE, WITH_OUT_INTERFACE
from natc.netfilter.kinds.masked import Masked, MaskedOrName
from natc.netfilter.matches import register_match
from natc.values import frozen

#: Group 0 has a name on every node.
_GROUP = MaskedOrName({"default": 0})


@register_match("devgroup")
@frozen
class Devgroup(Match):
    """The groups of the device the packet came in by and of the one it leaves by."""

    one_of: ClassVar[tuple[str, ...]] = ("src", "dst")
    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {
        "src": WITH_IN_INTERFACE,
        "dst": WITH_OUT_INTERFACE,
    }

    src: Term[Masked | str] | None = option("--src-group", _GROUP, negatable=True)
    dst: Term[Masked | str] | None = option("--dst-group", _GROUP, negatable=True)

    def condition(self) -> Condition:
        return both(
            term(self.src, lambda group: _in_group("in_interface", group)),
            term(self.dst, lambda group: _in_group("out_interface", group)),
        )


def _in_group(field: str, group: Masked | str) -> Condition:
    if isinstance(group, str):
        if group != "default":
            return Unknown(f"the {field.replace('_', ' ')} is in group {group}", same_everywhere=True)
        group = Masked(0, 0xFFFFFFFF)
    return DeviceGroup(field, group.value, group.mask)

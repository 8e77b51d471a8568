"""``-j ULOG``: hands the packet to a logging process, the old way (ipt_ULOG.c, until Linux 3.16)."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Number, Text
from natc.netfilter.targets import register_target


@register_target("ULOG")
@frozen
class Ulog(Target):
    """Prefix, group 1-32, bytes that are copied, and packets that are sent at once."""

    families: ClassVar[frozenset[int]] = frozenset({4})

    prefix: str = option("--ulog-prefix", Text(32, cut=True), default="", omit="")
    group: int = option("--ulog-nlgroup", Number(1, 32), default=1, omit=1)
    copied: int = option("--ulog-cprange", Number(), default=0, omit=0)
    threshold: int = option("--ulog-qthreshold", Number(1, 50), default=1, omit=1)

"""natc: Kubernetes Services to iptables rules, and packets through iptables rules, both exactly.

``load`` reads a dump, ``compile`` makes the ruleset kube-proxy would write, ``trace`` sends a packet
through a ruleset. What they return and take lives in the packages below; each is imported when used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from natc.compile import compile  # noqa: A004 - the command's name
    from natc.netfilter.ruleset import Ruleset
    from natc.trace import trace

__version__ = "0.1.0"
__all__ = ["__version__", "compile", "load", "trace"]


def load(source: str | Path) -> Ruleset:
    """Read a dump from a path, or from text that holds at least one newline.

    Of a text for ``iptables-restore --noflush`` chains that it uses and does not make are open questions.
    Raises :class:`natc.errors.DumpError` for text that iptables-restore would refuse.
    """
    if isinstance(source, str) and "\n" in source:
        from natc.text.reader import read

        return read(source, parts=[])
    from natc.text.files import read_dump

    return read_dump(source, parts=[])


def __getattr__(name: str) -> Any:
    """Import ``natc.compile`` and ``natc.trace`` when they are first asked for; both can be called."""
    if name in ("compile", "trace"):
        return import_module(f"natc.{name}")
    raise AttributeError(f"module 'natc' has no attribute {name!r}")

"""The match extensions (``-m NAME``), one module each, found by name.

``natc/netfilter/matches/tcp.py`` holds the class registered as "tcp". Modules are imported when a
rule that uses them is asked for its matches, so a dump costs only the extensions it contains.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from natc.netfilter.extension import Match, registrar

_registry: dict[str, type[Match]] = {}

#: Class decorator: enters a match class under its ``-m`` name.
register_match = registrar(_registry)


def match_class(name: str) -> type[Match] | None:
    """Return the class of ``-m name``, or None when natc has none."""
    if name not in _registry and name.isidentifier() and find_spec(f"{__name__}.{name}"):
        import_module(f"{__name__}.{name}")
    return _registry.get(name)

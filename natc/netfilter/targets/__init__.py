"""The target extensions (``-j NAME``), one module each, found by name in lower case."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from natc.netfilter.extension import Target, registrar

_registry: dict[str, type[Target]] = {}

#: Class decorator: enters a target class under its ``-j`` name.
register_target = registrar(_registry)


def target_class(name: str) -> type[Target] | None:
    """Return the class of ``-j name``, or None when natc has none."""
    module = name.lower()
    if name not in _registry and module.isidentifier() and find_spec(f"{__name__}.{module}"):
        import_module(f"{__name__}.{module}")
    return _registry.get(name)

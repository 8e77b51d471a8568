"""Packages that can be called: ``natc.compile`` is a room of the house and what one does with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def callable_package(name: str, function: Callable[..., Any]) -> None:
    """Let the package ``name`` be called as ``function``, whichever way it was imported."""

    class Verb(ModuleType):
        __call__ = staticmethod(function)

    sys.modules[name].__class__ = Verb

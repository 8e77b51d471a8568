"""What a check found: one shape for ``natc verify`` and ``natc lint``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from natc.values import field, frozen


@frozen
class Finding:
    """One thing that is not as it should be."""

    code: str
    """Stable from version to version: NV for verify, NL for lint."""
    message: str
    service: str = ""
    """The service port by the name kube-proxy gives it; empty for what belongs to none."""
    line: int = 0
    """The line in the dump, 0 for what is not in it."""
    details: Mapping[str, Any] = field(default=MappingProxyType({}), eq=False)
    """What a program may want to know beyond the sentence; values are JSON's own types."""

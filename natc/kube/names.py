"""The API server's rules for names (RFC 1035, RFC 1123 and IANA service names).

Figures: labels have at most 63 characters, subdomains 253, container port names 15.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from natc.values import frozen


@frozen
class NameRule:
    """A rule a name must meet, and how to say it to a person."""

    matches: Callable[[str], object]
    limit: int
    words: str

    def allows(self, name: str) -> bool:
        """Tell whether ``name`` meets the rule."""
        return len(name) <= self.limit and bool(self.matches(name))


_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"

DNS_LABEL = NameRule(
    re.compile(_LABEL).fullmatch,
    63,
    "at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
)
SERVICE_NAME = NameRule(
    re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?").fullmatch,
    63,
    "at most 63 lower-case letters, digits and '-', beginning with a letter, ending with a letter or digit",
)
DNS_SUBDOMAIN = NameRule(
    re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch,
    253,
    "at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part",
)
CONTAINER_PORT_NAME = NameRule(
    re.compile(r"(?=[0-9-]*[a-z])(?!.*--)" + _LABEL).fullmatch,
    15,
    "at most 15 lower-case letters, digits and single '-', with at least one letter",
)

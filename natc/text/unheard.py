"""Extensions that nobody told natc of, in what an iptables-save wrote.

Routers, phones and firewall appliances bring matches and targets of their own. Where an iptables-save says
that it wrote the text, some iptables knew them: such a rule is read, its words are kept, and the extension is
an open question like those of :mod:`natc.netfilter.opaque`. Elsewhere a name that natc does not know is
refused as iptables-restore refuses it. So is a name that is one slip of the pen away from a known one, for
saves are edited by hand too; a digit more is no slip, it is how a second version is named (``quota2``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from natc.netfilter.hooks import VERDICTS
from natc.netfilter.opaque import OPAQUE_MATCHES, OPAQUE_TARGETS, Opaque
from natc.text.grammar import extensions

_MATCH = re.compile(r"(?:^|[ \t])(?:-m|--match)[ \t]+([A-Za-z_][\w.-]*)")
#: Only what has options of its own can be told from a chain that is missing.
_TARGET = re.compile(r"(?:^|[ \t])(?:-j|--jump)[ \t]+([A-Za-z_][\w.-]*)(?=[ \t]+(?:![ \t]+)?--)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def with_unheard(opaque: Opaque, line: str, chains: Iterable[str]) -> Opaque:
    """Return what is read by name only, with the extensions of a saved line that natc does not know.

    ``chains`` are those of the table: their names are no extensions'.
    """
    bare = _QUOTED.sub('""', line)
    matches = _unknown(_MATCH.findall(bare), opaque.matches | OPAQUE_MATCHES | extensions("matches"))
    known = opaque.targets | OPAQUE_TARGETS | extensions("targets") | VERDICTS
    targets = _unknown(_TARGET.findall(bare), known) - {*chains}
    if not matches and not targets:
        return opaque
    return Opaque(opaque.matches | matches, opaque.targets | targets, opaque.any_match)


def _unknown(names: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    known = frozenset(known)
    return frozenset(
        name for name in names if name not in known and not any(is_slip(name, other) for other in known)
    )


def is_slip(name: str, meant: str) -> bool:
    """Tell whether ``name`` is ``meant`` with a letter wrong, missing or too many, or two swapped.

    A digit at the end of one of the two is none: the other is another version.
    """
    if abs(len(name) - len(meant)) > 1:
        return False
    head = _common(name, meant)
    tail = _common(name[head:][::-1], meant[head:][::-1])
    wrong, right = name[head : len(name) - tail], meant[head : len(meant) - tail]
    if not wrong or not right:
        return not (tail == 0 and (wrong + right).isdigit())
    return len(wrong) == len(right) == 1 or (len(wrong) == 2 and wrong == right[::-1])


def _common(one: str, other: str) -> int:
    """Return how many letters two words have in common at the beginning."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )

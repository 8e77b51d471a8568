"""Reading a file as people send it: as it is, and tidied (:mod:`natc.text.tidy`) if that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from natc.errors import DumpError, printable
from natc.netfilter.ruleset import Ruleset

if TYPE_CHECKING:
    from natc.text.revised import Seen
    from natc.text.shapes.cache import Kept
    from natc.text.tidy import Tidied

#: What iptables-save says when it does not show everything.
_NOT_ALL = re.compile(r"# (?:Warning: .* tables present.*|Table `.*' is incompatible.*)")


def read_pasted(
    text: str,
    *,
    file: str = "<text>",
    family: int | None = None,
    table: str | None = None,
    cache: Kept | None = None,
    problems: list[DumpError] | None = None,
    seen: Seen | None = None,
) -> tuple[Ruleset, list[str]]:
    """Read a text as people paste it; return the ruleset and notes on what was passed over or is missing.

    ``table`` is the one that lines before any ``*TABLE`` belong to, by default told from their chains.
    Raises :class:`~natc.errors.DumpError` for a rule that cannot be read, as :func:`natc.text.reader.read`,
    or adds it to ``problems``.
    """
    from natc.text.reader import read

    try:
        ruleset = read(text, file=file, family=family, table=table, cache=cache, seen=seen)
        return ruleset, not_all(ruleset)
    except DumpError:
        from natc.text.tidy import tidy

        tidied = tidy(text)
    table, missing = table or tidied.unnamed, list[str]()
    try:
        ruleset = read(
            tidied.text,
            file=file,
            family=family,
            table=table,
            missing=missing,
            noflush=True,
            problems=problems,
        )
    except DumpError as error:
        from natc.text.foreign import foreign

        raise foreign(text, file) or error from None
    return ruleset, [*_notes(tidied, file, table, missing), *not_all(ruleset)]


def _notes(tidied: Tidied, file: str, table: str | None, missing: list[str]) -> Iterator[str]:
    """Yield what a person should know of how a text was read."""
    yield from (f"{file}:{note}" for note in tidied.notes)
    if missing:
        more = ", ..." if len(missing) > 5 else ""
        yield f"{file}: chains that rules lead to are not in the text: {', '.join(missing[:5])}{more}"
    if not any(line.startswith("*") for line in tidied.text.split("\n")):
        yield f"{file}: names no table: read as table {table}"


def not_all(ruleset: Ruleset) -> list[str]:
    """Return what iptables-save said of rules that it does not show."""
    tables = [table for dump in (ruleset, *ruleset.dumps) for table in dump.tables.values()]
    lines = [*ruleset.remarks]
    for table in tables:
        lines += [*table.remarks, *(line for note in table.notes.values() for line in note)]
    found = [line for line in dict.fromkeys(lines) if _NOT_ALL.match(line)]
    return [f"{ruleset.file}: the dump is not all there is: {printable(line[2:])}" for line in found]

"""Dumps as people paste them, for the commands that answer questions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natc.errors import printable
from natc.netfilter.hooks import BUILTIN_CHAINS

if TYPE_CHECKING:
    from natc.errors import DumpError
    from natc.netfilter.ruleset import Ruleset
    from natc.text.files import Source
    from natc.text.revised import Seen

#: How many notes are shown.
_SHOWN = 10

_BOTH_BACKENDS = (
    "legacy and nft tables both hold rules, and packets pass both; this reads one of them, "
    "that with kube-proxy's chains or else with more rules"
)

#: Says which table the output of ``iptables -S`` is of.
table_option = click.option(
    "--table",
    type=click.Choice(list(BUILTIN_CHAINS)),
    help="The table of lines that name none, as `iptables -S` shows them.",
)


def read_for_answers(
    dump: str | Source,
    table: str | None,
    problems: list[DumpError] | None = None,
    seen: Seen | None = None,
) -> Ruleset:
    """Read a dump with what people paste around it; say on standard error what was passed over.

    Raises :class:`~natc.errors.DumpError` for a rule that cannot be read, or adds it to ``problems``.
    ``seen`` is that of :func:`natc.text.reader.read`, for two dumps that may be much alike.
    """
    from natc.text.files import Source, read_pasted_dump, read_source

    source = dump if isinstance(dump, Source) else read_source(dump)
    ruleset, notes = read_pasted_dump(source, table=table, problems=problems, seen=seen)
    say_notes(source, notes)
    return ruleset


def say_notes(source: Source, notes: list[str]) -> None:
    """Say on standard error what is to be known of a dump."""
    if source.bundle and source.bundle.both_backends:
        notes = [f"{source.name}: {_BOTH_BACKENDS}", *notes]
    for note in notes[:_SHOWN]:
        click.echo(f"natc: {printable(note)}", err=True)
    if len(notes) > _SHOWN:
        click.echo(f"natc: and {len(notes) - _SHOWN} more such lines", err=True)

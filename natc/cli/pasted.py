"""Dumps as people paste them, for the commands that answer questions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natc.netfilter.hooks import BUILTIN_CHAINS

if TYPE_CHECKING:
    from natc.netfilter.ruleset import Ruleset

#: How many notes are shown.
_SHOWN = 10

#: Says which table the output of ``iptables -S`` is of.
table_option = click.option(
    "--table",
    type=click.Choice(list(BUILTIN_CHAINS)),
    help="The table of lines that name none, as `iptables -S` shows them.",
)


def read_for_answers(dump: str, table: str | None) -> Ruleset:
    """Read a dump with what people paste around it; say on standard error what was passed over."""
    from natc.text.files import read_pasted_dump

    ruleset, notes = read_pasted_dump(dump, table=table)
    for note in notes[:_SHOWN]:
        click.echo(f"natc: {note}", err=True)
    if len(notes) > _SHOWN:
        click.echo(f"natc: and {len(notes) - _SHOWN} more such lines", err=True)
    return ruleset

"""``natc fmt``: a dump read and written back."""

from __future__ import annotations

import click

from natc.cli.flags import no_cache
from natc.cli.output import emit
from natc.cli.pasted import table_option


@click.command("fmt")
@click.argument("dump", type=click.Path())
@no_cache
@table_option
@click.option(
    "--form",
    type=click.Choice(["save", "restore"]),
    default="save",
    help="save: as iptables-save shows it. restore: without header lines, for iptables-restore.",
)
@click.option(
    "--backend",
    type=click.Choice(["legacy", "nft"]),
    help="Write what this backend's iptables-save shows after loading DUMP: all builtin chains, the "
    "others by name, every rule in the spelling of iptables 1.8.9.",
)
@click.option(
    "--lenient", is_flag=True, help="Read on after a bad line, keep it, and report it on standard error."
)
@click.option("-o", "--output", "path", type=click.Path(), help="Write to this file, whole or not at all.")
def command(
    dump: str, table: str | None, form: str, backend: str | None, lenient: bool, path: str | None
) -> None:
    """Read DUMP and write it back as iptables-save would.

    A well-formed save comes back byte for byte. DUMP is a file, packed with gzip or not, or - for
    standard input.

    \b
    Example:
      iptables-save | natc fmt -
    """
    from natc.errors import DumpError
    from natc.text.files import read_dump
    from natc.text.writer import restore, save

    problems: list[DumpError] = []
    parts: list[str] = []
    ruleset = read_dump(dump, problems=problems if lenient else None, table=table, parts=parts)
    if parts:
        names = ", ".join(dict.fromkeys(parts))
        click.echo(
            f"natc: {dump}: adds to what a node has (iptables-restore --noflush); not in it: chains {names}",
            err=True,
        )
    for problem in problems:
        click.echo(problem.render(), err=True)
    emit(save(ruleset, order=backend or "kept") if form == "save" else restore(ruleset), path)

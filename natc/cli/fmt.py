"""``natc fmt``: a dump read and written back."""

from __future__ import annotations

import click

from natc.cli.output import emit


@click.command("fmt")
@click.argument("dump", type=click.Path())
@click.option(
    "--form",
    type=click.Choice(["save", "restore"]),
    default="save",
    help="save: as iptables-save shows it. restore: without header lines, for iptables-restore.",
)
@click.option("-o", "--output", "path", type=click.Path(), help="Write to this file, whole or not at all.")
def command(dump: str, form: str, path: str | None) -> None:
    """Read DUMP and write it back as iptables-save would.

    A well-formed save comes back byte for byte. DUMP is a file, packed with gzip or not, or - for
    standard input.

    \b
    Example:
      iptables-save | natc fmt -
    """
    from natc.text.files import read_dump
    from natc.text.writer import restore, save

    ruleset = read_dump(dump)
    emit(save(ruleset) if form == "save" else restore(ruleset), path)

"""``natc lint``: what is wrong with a node, by its dump alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natc.cli.answer import show
from natc.cli.flags import CommaList, no_cache
from natc.cli.pasted import read_for_answers, table_option
from natc.collector import collector_paused

if TYPE_CHECKING:
    from natc.analysis.findings import Finding


@click.command("lint")
@click.argument("dumps", nargs=-1, required=True, type=click.Path(), metavar="DUMP...")
@no_cache
@table_option
@click.option("--select", type=CommaList(), default=(), help="Only these codes, or beginnings: NL101,NL11.")
@click.option("--ignore", type=CommaList(), default=(), help="Not these codes, or beginnings of codes.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    dumps: tuple[str, ...], table: str | None, select: tuple[str, ...], ignore: tuple[str, ...], output: str
) -> int:
    """Look for what is known to break nodes in DUMP, the text of iptables-save.

    Each finding has a code that stays what it is, a line, and why it matters. Of a node with two
    backends give both dumps. Rules that never match and shadowed rules are proved. Exit status 1 when
    something is found.

    \b
    Example:
      iptables-save | natc lint - --ignore NL111
    """
    with collector_paused():
        findings = _findings(dumps, table, select, ignore)
    from natc.report.lint import lint_json, lint_lines

    show(output, lambda: lint_json(findings), lambda: lint_lines(findings, several=len(dumps) > 1))
    return 1 if findings else 0


def _findings(
    dumps: tuple[str, ...], table: str | None, select: tuple[str, ...], ignore: tuple[str, ...]
) -> list[Finding]:
    from natc.analysis.lint import chosen, lint
    from natc.errors import DumpError
    from natc.netfilter.ruleset import Ruleset
    from natc.text.files import read_source
    from natc.text.reader import read

    chosen(select, ignore)  # a mistake in a code is told before a large dump is read
    findings: list[Finding] = []
    before: list[Ruleset] = []
    for path in dumps:
        problems: list[DumpError] = []
        source = read_source(path)
        ruleset = read_for_answers(source, table, problems)
        unread = source.bundle.other_rules if source.bundle else {}
        others = [*before, *(read(text, file=name) for name, text in unread.items())]
        sysctls = source.bundle.sysctls if source.bundle else {}
        findings += lint(ruleset, problems, others=others, sysctls=sysctls, select=select, ignore=ignore)
        before.append(ruleset)
    return findings

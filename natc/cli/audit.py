"""``natc audit``: every service of a dump, and whether it is balanced fairly."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

import click

from natc.cli.flags import no_cache
from natc.cli.pasted import read_for_answers, table_option


@click.command("audit")
@click.argument("dumps", metavar="DUMP...", type=click.Path(), nargs=-1, required=True)
@no_cache
@table_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(dumps: tuple[str, ...], table: str | None, output: str) -> int:
    """List the service destinations in each DUMP that are not balanced fairly or lead nowhere.

    Fair means: every target gets the same part, as far as the kernel's 31-bit numbers allow. Exit
    status 1 when a destination is unfair, leads nowhere, or depends on more than chance. Several dumps
    are audited on all cores and shown in the order given; one that cannot be read makes it 2.

    \b
    Example:
      iptables-save | natc audit -
      natc audit nodes/*.txt --output json
    """
    if len(dumps) > 1:
        from natc.cli.fleet import audits

        return _show_fleet(dumps, audits(dumps, table, output), output)
    from natc.analysis.audit import audit

    services = audit(read_for_answers(dumps[0], table))
    if output == "json":
        from natc.report.audit import audit_json

        sys.stdout.writelines([_head(), '"services": ', *audit_json(services), "}\n"])
    else:
        from natc.report.audit import audit_lines
        from natc.report.lines import emit_lines

        emit_lines(audit_lines(services))
    return 0 if all(service.fair for service in services) else 1


def _head() -> str:
    from natc import __version__
    from natc.report.document import SCHEMA

    return f'{{"natc": {json.dumps(__version__)}, "schema": {SCHEMA}, '


def _show_fleet(dumps: tuple[str, ...], found: Iterable[tuple[str, int]], output: str) -> int:
    """Print each dump's report as it comes, and return the worst exit status."""
    worst, comma = 0, ""
    if output == "json":
        sys.stdout.write(f'{_head()}"dumps": [')
    for name, (report, status) in zip(dumps, found, strict=True):
        worst = max(worst, status)
        if output == "json":
            what = "error" if status == 2 else "services"
            sys.stdout.write(f'{comma}\n{{"dump": {json.dumps(name)}, "{what}": {report}}}')
            comma = ","
        elif status == 2:
            print(report, file=sys.stderr)
        else:
            click.echo(f"{name}: {report}", nl=False)
    if output == "json":
        sys.stdout.write("\n]}\n")
    return worst

"""``natc audit``: every service of a dump, and whether it is balanced fairly."""

from __future__ import annotations

import sys

import click

from natc.cli.flags import no_cache
from natc.cli.pasted import read_for_answers, table_option


@click.command("audit")
@click.argument("dump", type=click.Path())
@no_cache
@table_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(dump: str, table: str | None, output: str) -> int:
    """List the service destinations in DUMP that are not balanced fairly or lead nowhere.

    Fair means: every target gets the same part, as far as the kernel's 31-bit numbers allow. Exit
    status 1 when a destination is unfair, leads nowhere, or depends on more than chance.

    \b
    Example:
      iptables-save | natc audit -
    """
    from natc.analysis.audit import audit

    services = audit(read_for_answers(dump, table))
    if output == "json":
        from natc import __version__
        from natc.report.audit import audit_json
        from natc.report.document import document

        sys.stdout.write(document(__version__, audit_json(services)))
    else:
        from natc.report.audit import audit_lines
        from natc.report.lines import emit_lines

        emit_lines(audit_lines(services))
    return 0 if all(service.fair for service in services) else 1

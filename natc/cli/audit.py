"""``natc audit``: every service of a dump, and whether it is balanced fairly."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from natc.cli.flags import no_cache
from natc.cli.pasted import say_notes, table_option
from natc.errors import DumpError, printable

if TYPE_CHECKING:
    from natc.analysis.audit import Service
    from natc.cli.fleet import Failed

#: A dump's report, and its exit status.
Report = tuple[str, int]


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
        from natc.cli.fleet import all_cores, answers

        work = partial(report_of, table=table, output=output)
        return _show_fleet(dumps, answers(dumps, all_cores(dumps, work)), output)
    from natc.text.files import read_source

    source = read_source(dumps[0])
    services, notes = _audited(source.text, source.name, table)
    say_notes(source, notes)
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


def _audited(text: str, name: str, table: str | None) -> tuple[tuple[Service, ...], list[str]]:
    """Audit a dump, a large one without reading it in full if its sheets prove it good; say notes on it, too.

    Raises :class:`~natc.errors.DumpError` for a rule that cannot be read.
    """
    from natc.analysis.audit import audit
    from natc.text.pasted import not_all, read_pasted
    from natc.text.shapes.delivered import known_shapes
    from natc.text.unproved import NotProvedError, Unproved

    cache = known_shapes()
    unproved = None if table else Unproved.of(text, file=name, cache=cache)
    if unproved is not None and unproved.ruleset.family == 4:  # no expression vouches for IPv6 addresses
        from natc.analysis.chains.proof import prove
        from natc.analysis.chains.sheets import Folder

        folder = Folder(unproved.ruleset)
        with suppress(DumpError, NotProvedError):
            prove(unproved, folder)
            cache.save()  # what Lark was asked about
            return audit(unproved.ruleset, folder), not_all(unproved.ruleset)
    ruleset, notes = read_pasted(text, file=name, table=table, cache=cache)
    return audit(ruleset), notes


def report_of(content: bytes, name: str, table: str | None, output: str) -> Report:
    """Return the audit of a dump: its report as text or JSON, and 0 or 1.

    ``table`` is that of lines that name none. Raises :class:`~natc.errors.DumpError` for what is no dump.
    """
    from natc.report.audit import audit_json, audit_lines
    from natc.text.files import text_of

    services, _ = _audited(text_of(content, name), name, table)
    status = 0 if all(service.fair for service in services) else 1
    if output == "json":
        return "".join(audit_json(services)), status
    return "".join(f"{line}\n" for line in audit_lines(services)), status


def _show_fleet(dumps: tuple[str, ...], found: Iterable[Report | Failed], output: str) -> int:
    """Print each dump's report as it comes, and return the worst exit status."""
    worst, comma = 0, ""
    if output == "json":
        sys.stdout.write(f'{_head()}"dumps": [')
    for name, answer in zip(dumps, found, strict=True):
        report, status = answer if isinstance(answer, tuple) else (answer.error.render(), 2)
        worst = max(worst, status)
        if output == "json":
            what = "error" if status == 2 else "services"
            report = json.dumps(report) if status == 2 else report
            sys.stdout.write(f'{comma}\n{{"dump": {json.dumps(name)}, "{what}": {report}}}')
            comma = ","
        elif status == 2:
            print(report, file=sys.stderr)
        else:
            sys.stdout.write(f"{printable(name)}: {report}")
    if output == "json":
        sys.stdout.write("\n]}\n")
    return worst

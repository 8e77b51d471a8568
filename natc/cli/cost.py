"""``natc cost``: how many rules a first packet is compared with, service by service."""

from __future__ import annotations

import click

from natc.cli.answer import show
from natc.cli.flags import no_cache
from natc.cli.pasted import read_for_answers, table_option
from natc.collector import collector_paused


@click.command("cost")
@click.argument("dump", type=click.Path())
@no_cache
@table_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True,
              help="How many destinations the text shows; JSON has all of them.")  # fmt: skip
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(dump: str, table: str | None, top: int, backend: str, output: str) -> None:
    """Count the rules of DUMP that the first packet to each service is compared with, worst first.

    Counted from PREROUTING to the packet's verdict, behind a translation on to the endpoint. A range
    where source, interfaces, marks or chance make a difference.

    \b
    Example:
      iptables-save | natc cost - --top 5
    """
    from natc.analysis.cost import costs

    with collector_paused():
        found = costs(read_for_answers(dump, table), backend=backend)
    from natc.report.cost import cost_json, cost_lines

    show(output, lambda: cost_json(found), lambda: cost_lines(found, top))

"""``natc diff``: two nodes, or a node before and after, compared by what they do to packets."""

from __future__ import annotations

from typing import Any

import click

from natc.cli.answer import show
from natc.cli.flags import GoFlagsCommand, no_cache
from natc.cli.pasted import table_option
from natc.cli.proxy_flags import proxy_settings_but
from natc.collector import collector_paused


@click.command("diff", cls=GoFlagsCommand)
@click.argument("a", metavar="A", type=click.Path())
@click.argument("b", metavar="B", type=click.Path())
@no_cache
@table_option
@click.option("--dst", help="Only this destination: IP or IP:PORT, such as 10.96.0.1:443.")
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@click.option("--node", type=click.Path(), help="A node file (JSON) for both; such as node.json.")
@click.option("--node-ip", multiple=True, help="An address of the node, such as 192.168.7.3. Repeatable.")
@click.option("--config", "config_file", type=click.Path(), help="A KubeProxyConfiguration for manifests.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@proxy_settings_but("--node-ip", "--ip-family")
def command(a: str, b: str, output: str, **asked: Any) -> int:
    """Show every destination whose packets A and B treat differently, and what each does with them.

    A and B are dumps, tars of natc collect, or manifests, which are compiled with kube-proxy's flags.
    Compared is what packets meet, with odds and translated sources, not text: names of chains, order
    without effect, counters and marks that nothing comes of are no difference. With each destination
    comes the smallest packet that tells A and B apart, as a line for natc trace. Exit status 1 when
    something changed or may have; nothing is printed when nothing did.

    \b
    Example:
      natc diff before.txt after.txt
    """
    from natc.cli.compared import Both

    with collector_paused():
        both = Both.read(a, b, asked)
        found = both.difference()
    from natc.report.diff import diff_json, diff_lines

    show(output, lambda: diff_json(found, both.commands), lambda: diff_lines(found, both.commands))
    return 1 if found else 0

"""``natc verify``: a node's dump against the Services it should serve."""

from __future__ import annotations

import sys
from typing import Any

import click

from natc.cli.flags import GoFlagsCommand, no_cache
from natc.cli.pasted import read_for_answers, table_option
from natc.cli.proxy_flags import given_settings, proxy_settings, read_cluster
from natc.collector import collector_paused


@click.command("verify", cls=GoFlagsCommand)
@click.argument("dump", type=click.Path())
@click.argument("manifests", nargs=-1, type=click.Path(), required=True)
@no_cache
@table_option
@click.option("--config", "config_file", type=click.Path(), help="A KubeProxyConfiguration; flags win.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@proxy_settings
def command(
    dump: str,
    manifests: tuple[str, ...],
    config_file: str | None,
    table: str | None,
    output: str,
    **given: Any,
) -> int:
    """Compare a node's DUMP with the rules its kube-proxy should have written for MANIFESTS.

    Says per service what is missing, stale, misweighted or left over, and nothing when there is no
    difference. kube-proxy's version and settings are taken from the dump unless they are given; other
    people's rules, kubelet's among them, are no difference. MANIFESTS should be all Services and
    EndpointSlices of the cluster. Exit status 1 when there is drift.

    \b
    Example:
      kubectl get svc,endpointslices,nodes -A -o json > cluster.json
      natc verify node1.txt cluster.json
    """
    from natc.analysis.verify import verify

    with collector_paused():
        ruleset = read_for_answers(dump, table)
        settings = given_settings(config_file, given)
        result = verify(ruleset, read_cluster(manifests), settings)
    if output == "json":
        from natc import __version__
        from natc.report.document import document
        from natc.report.verify import verify_json

        sys.stdout.write(document(__version__, verify_json(result)))
    else:
        from natc.report.lines import emit_lines
        from natc.report.verify import verify_lines

        emit_lines(verify_lines(result))
    return 1 if result.findings else 0

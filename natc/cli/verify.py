"""``natc verify``: a node's dump against the Services it should serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from natc.cli.answer import show
from natc.cli.flags import GoFlagsCommand, no_cache
from natc.cli.pasted import read_for_answers, say_notes, table_option
from natc.cli.proxy_flags import given_settings, proxy_settings, read_cluster
from natc.collector import collector_paused
from natc.errors import NatcError

if TYPE_CHECKING:
    from natc.analysis.drift.verify import Verified


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
    with collector_paused():
        result = _verified(dump, table, manifests, config_file, given)
    from natc.report.verify import verify_json, verify_lines

    show(output, lambda: verify_json(result), lambda: verify_lines(result))
    return 1 if result.findings else 0


def _verified(
    dump: str, table: str | None, manifests: tuple[str, ...], config_file: str | None, given: dict[str, Any]
) -> Verified:
    """Compare a dump: one that most lines prove good is read with care only where they do not."""
    from natc.analysis.drift.verify import verify
    from natc.text.files import read_source
    from natc.text.pasted import not_all
    from natc.text.shapes.delivered import known_shapes
    from natc.text.unproved import NotProvedError, Unproved

    source = read_source(dump)
    unproved = None if table else Unproved.of(source.text, file=source.name, cache=known_shapes())
    if unproved is None or unproved.ruleset.family == 6:  # whose addresses may be spelled in many ways
        ruleset = read_for_answers(source, table)
        return verify(ruleset, read_cluster(manifests), given_settings(config_file, given))
    try:
        settings, cluster = given_settings(config_file, given), read_cluster(manifests)
    except NatcError:
        read_for_answers(source, table)  # what is wrong with the dump is said first
        raise
    try:
        result = verify(unproved.ruleset, cluster, settings, unproved)
    except (NatcError, NotProvedError):
        return verify(read_for_answers(source, table), cluster, settings)
    say_notes(source, not_all(unproved.ruleset))
    return result

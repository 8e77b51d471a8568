"""``natc compile``: manifests to the rules kube-proxy would write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import GoFlagsCommand
from natc.cli.output import emit
from natc.cli.proxy_flags import given_settings, proxy_settings, read_cluster, say
from natc.collector import collector_paused

if TYPE_CHECKING:
    from natc.compile import ProxyConfig
    from natc.kube.model import Cluster


@click.command("compile", cls=GoFlagsCommand)
@click.argument("manifests", nargs=-1, type=click.Path())
@click.option("--config", "config_file", type=click.Path(), help="A KubeProxyConfiguration; flags win.")
@click.option("--form", type=click.Choice(["save", "restore"]), default="save", show_default=True,
              help="What iptables-save shows, or what kube-proxy gives to iptables-restore.")  # fmt: skip
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@click.option("-o", "--output", "path", type=click.Path(), help="Write to this file, whole or not at all.")
@proxy_settings
def command(
    manifests: tuple[str, ...],
    config_file: str | None,
    form: str,
    backend: str,
    path: str | None,
    **given: Any,
) -> None:
    """Turn MANIFESTS into the iptables text of a node under kube-proxy.

    MANIFESTS are YAML or JSON files (Service, Endpoints, EndpointSlice, Pod, Node; others are skipped
    and counted), or - for standard input, which is also what none means.

    \b
    Example:
      kubectl get svc,endpointslices -A -o json | natc compile --cluster-cidr 10.244.0.0/16
    """
    from natc.compile import ProxyConfig
    from natc.compile.notes import open_questions

    config = ProxyConfig(**given_settings(config_file, given))
    with collector_paused():  # once around it all: each time it comes back it walks all there is
        cluster = read_cluster(manifests or ("-",))
        say(str(config.version))
        for question in open_questions(cluster, config):
            say(question)
        emit(_text(cluster, config, form, backend), path)


def _text(cluster: Cluster, config: ProxyConfig, form: str, backend: str) -> str | Iterable[str]:
    from natc import __version__
    from natc.compile.compiler import restore_pieces

    if form == "restore":
        return restore_pieces(cluster, config)
    from natc.compile.saved import saved_tables
    from natc.text.writer import save_texts

    tables = saved_tables(cluster, config, nft=backend == "nft").texts()
    legacy = dict(reversed(tables.items()))  # the newest table stands first (end of history F)
    return save_texts(legacy, order=backend, by=f"natc {__version__}")

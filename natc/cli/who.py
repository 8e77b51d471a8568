"""``natc who``: every service path that leads to a pod."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from natc.cli.answer import show
from natc.cli.flags import no_cache
from natc.cli.pasted import read_for_answers, table_option
from natc.collector import collector_paused
from natc.errors import Span, UsageError

if TYPE_CHECKING:
    from natc.analysis.who import Path


_EXPECTED = "IP, IP:PORT or [IPv6]:PORT"


@click.command("who")
@click.argument("dump", type=click.Path())
@click.argument("pod", metavar="IP[:PORT]")
@no_cache
@table_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(dump: str, pod: str, table: str | None, output: str) -> int:
    """Show what reaches the pod at IP: every cluster IP, NodePort, external and load balancer address.

    With exact odds, the conditions, and the source that the pod sees. It is `natc trace` turned round.
    Packets sent to the pod's own address are no service path. Exit status 1 when nothing leads there.

    \b
    Example:
      iptables-save | natc who - 10.244.0.23:8080
    """
    ip, port = _target(pod)
    with collector_paused():
        paths = _paths(dump, table, ip, port)
    from natc.report.who import who_json, who_lines

    show(output, lambda: who_json(paths), lambda: who_lines(pod, paths))
    return 0 if paths else 1


def _paths(dump: str, table: str | None, ip: str, port: int | None) -> tuple[Path, ...]:
    """Read a dump or a bundle, and ask it."""
    from natc.analysis.who import who
    from natc.cli.bundled import node_in
    from natc.text.files import read_source

    source = read_source(dump)
    ruleset, bundle = read_for_answers(source, table), source.bundle
    if bundle is None:
        return who(ruleset, ip, port)
    node = node_in(bundle, ip_address(ip).version)
    return who(ruleset, ip, port, host=node.host if node else None, sets=bundle.sets())


def _target(text: str) -> tuple[str, int | None]:
    """Return the address and the port, if one is given; raise UsageError for anything else."""
    from natc.netfilter.kinds.nat import NatTarget

    try:
        to = NatTarget().parse([text])
    except ValueError as error:
        raise UsageError(str(error), Span("IP", 1, 1, text, len(text)), _EXPECTED) from None
    one = to.first is not None and to.first == to.last and to.base_port is None
    if not one or (to.ports is not None and to.ports.low != to.ports.high):
        raise UsageError("is not one address", Span("IP", 1, 1, text, len(text)), _EXPECTED)
    return str(to.first), None if to.ports is None else to.ports.low

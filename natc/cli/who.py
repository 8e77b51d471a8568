"""``natc who``: every service path that leads to a pod."""

from __future__ import annotations

import sys

import click

from natc.cli.flags import no_cache
from natc.cli.pasted import read_for_answers, table_option
from natc.collector import collector_paused
from natc.errors import UsageError


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
    from natc.analysis.who import who

    with collector_paused():
        paths = who(read_for_answers(dump, table), ip, port)
    if output == "json":
        from natc import __version__
        from natc.report.document import document
        from natc.report.who import who_json

        sys.stdout.write(document(__version__, who_json(paths)))
    else:
        from natc.report.lines import emit_lines
        from natc.report.who import who_lines

        emit_lines(who_lines(pod, paths))
    return 0 if paths else 1


def _target(text: str) -> tuple[str, int | None]:
    """Return the address and the port, if one is given; raise UsageError for anything else."""
    from natc.netfilter.kinds.nat import NatTarget

    try:
        to = NatTarget().parse([text])
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}", expected="IP, IP:PORT or [IPv6]:PORT") from None
    one = to.first is not None and to.first == to.last and to.base_port is None
    if not one or (to.ports is not None and to.ports.low != to.ports.high):
        raise UsageError(f"{text!r} is not one address", expected="IP, IP:PORT or [IPv6]:PORT")
    return str(to.first), None if to.ports is None else to.ports.low

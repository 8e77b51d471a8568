"""``natc balance``: what each pod gets behind a balancer in front of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natc.cli.answer import show
from natc.cli.flags import no_cache
from natc.cli.pasted import table_option
from natc.cli.question import address_and_port, interface_name
from natc.errors import ErrorList, NatcError, Span, UsageError

if TYPE_CHECKING:
    from natc.analysis.balance import Node
    from natc.analysis.shares import Asked, NodeShares
    from natc.cli.fleet import Crew

_WEIGHT = re.compile(r"\d{1,9}(?:\.\d{1,9}|/[1-9]\d{0,8})?")
_EXPECTED = ":PORT, IP:PORT or [IPV6]:PORT"


@click.command("balance")
@click.argument("nodes", metavar="NODE[=WEIGHT]...", type=click.Path(), nargs=-1, required=True)
@click.option("--dst", required=True, help="What the balancer sends to: a NodePort such as :30090 (of IPv6 "
              "[::]:30090), or the service's own address such as 203.0.113.10:80.")  # fmt: skip
@click.option("--proto", type=click.Choice(["tcp", "udp", "sctp"]), default="tcp", show_default=True,
              help="The protocol of the connections, such as udp.")  # fmt: skip
@click.option("--src", help="Where connections come from, such as 198.51.100.7. Left open by default.")
@click.option("--in", "interface", help="The interface they arrive on, such as eth0.")
@click.option("--health-check", is_flag=True, help="The balancer asks the health check port: a node without "
              "local endpoints gets nothing under externalTrafficPolicy Local.")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Spread the work over a Dask cluster, such as "
              "tcp://10.0.0.1:8786.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="How many pods to list.")
@no_cache
@table_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(nodes: tuple[str, ...], output: str, top: int, health_check: bool, **asked: str | None) -> int:
    """Show what part of the connections through a balancer each pod gets.

    Every NODE is the dump of one node, or what `natc collect` brought from it. The balancer chooses nodes
    evenly, or by WEIGHT (5, 0.5, 1/3). Shares are exact, of first packets: a client that session affinity
    knows goes where it went before. Exit status 1 when no pod gets anything.

    \b
    Example:
      natc balance --dst :30090 node1.txt node2.txt node3.txt=2
    """
    question = _question(asked)
    weighed = [_weighed(word) for word in nodes]
    from natc.analysis.balance import balance

    answers = list(_answers([name for name, _ in weighed], question, asked))
    found = balance(question, _nodes(weighed, answers), health_check=health_check)
    from natc.report.balance import balance_json, balance_lines

    show(output, lambda: balance_json(found), lambda: balance_lines(found, top))
    return 0 if found.pods else 1


def _question(asked: dict[str, str | None]) -> Asked:
    from natc.analysis.shares import Asked

    host, port = _destination(str(asked["dst"]))
    family = ip_address(host).version if host else None
    source = address_and_port("--src", asked["src"])[0] if asked["src"] else None
    if host and source and ip_address(source).version != family:
        raise UsageError(f"--src {source} is not of one family with --dst {host}")
    to = None if host is None or ip_address(host).is_unspecified else host
    return Asked(to, port, str(asked["proto"]), source, interface_name(asked["interface"]), family)


def _destination(text: str) -> tuple[str | None, int]:
    """Return the address, None where there is none, and the port."""
    from natc.netfilter.kinds.ports import port

    at = Span("--dst", 1, 1, text, len(text))
    if not text.startswith(":"):
        host, number = address_and_port("--dst", text, _EXPECTED)
        if number is None:
            raise UsageError(f"{text!r} has no port", at, _EXPECTED)
        return host, number
    try:
        return None, port(text[1:])
    except ValueError as problem:
        raise UsageError(str(problem), at, _EXPECTED) from None


def _weighed(word: str) -> tuple[str, Fraction]:
    """Return a node's file and its weight; a file that has the whole word for its name is that file."""
    name, equals, text = word.rpartition("=")
    if not equals or Path(word).exists():
        return word, Fraction(1)
    if not name or not _WEIGHT.fullmatch(text):
        at = Span("NODE", 1, len(name) + 2, word, len(text))
        raise UsageError(f"{text!r} is no weight", at, "5, 0.5 or 1/3")
    return name, Fraction(text)


def _answers(names: list[str], question: Asked, asked: dict[str, str | None]) -> Iterator[NodeShares]:
    """Ask every node; raise the errors of all that cannot be read. What many nodes answer is kept once."""
    from natc.analysis.shares import shares_of
    from natc.cli.fleet import Failed, all_cores, answers, right_here

    work = partial(shares_of, asked=question, table=asked["table"])
    crew: AbstractContextManager[Crew[NodeShares]]
    if asked["scheduler"]:
        from natc.cli.cluster import cluster

        crew = cluster(asked["scheduler"], work)
    else:
        crew = all_cores(names, work) if len(names) > 1 else right_here(work)
    wrong: list[NatcError] = []
    kept: dict[NodeShares, NodeShares] = {}
    for found in answers(names, crew):
        if isinstance(found, Failed):
            wrong.append(found.error)
        else:
            yield kept.setdefault(found, found)
    if wrong:
        raise ErrorList.of(wrong)


def _nodes(weighed: list[tuple[str, Fraction]], answers: list[NodeShares]) -> list[Node]:
    from natc.analysis.balance import Node

    return [Node(name, weight, answer) for (name, weight), answer in zip(weighed, answers, strict=True)]

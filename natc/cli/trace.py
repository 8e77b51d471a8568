"""``natc trace``: where a packet goes, how often, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import no_cache
from natc.cli.names import ManifestsCommand, name_options, spoken, url_options
from natc.cli.start import agreed, only, start_options, starts_of
from natc.errors import Span, UsageError

if TYPE_CHECKING:
    from natc.analysis.destination import Said
    from natc.netfilter.packet import Packet
    from natc.trace.machine import Machine
    from natc.trace.outcome import Distribution, Piece
    from natc.trace.starting import Start

_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID")


@click.command("trace", cls=ManifestsCommand)
@click.argument("dump", type=click.Path())
@no_cache
@click.option("--dst", help="Where to: IP:PORT, '[IPV6]:PORT', IP, or with --manifests NAME:PORT.")
@click.option("--src", help="Where from: IP or IP:PORT. Left open by default.")
@click.option("--proto", default="tcp", show_default=True, help="tcp, udp, sctp, icmp or a number.")
@click.option("--in", "interface", help="The interface the packet arrives on.")
@click.option("--local", is_flag=True, help="A process on the node sends it.")
@click.option("--mark", help="The mark it carries, such as 0x4000.")
@click.option("--ctstate", type=click.Choice(_STATES), default="NEW", show_default=True,
              help="The state of its connection.")  # fmt: skip
@click.option("--node", type=click.Path(), help="A node file: interfaces, addresses, routes, sysctls (JSON).")
@click.option("--node-ip", multiple=True, help="An address of the node; enough for NodePorts. Repeatable.")
@click.option("--packet", "expression", help="A scapy expression such as IP(dst='10.0.0.1')/TCP(dport=80).")
@click.option("--pcap", type=click.Path(), help="Replay a capture in order, with state; needs --node.")
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@name_options
@url_options
@start_options
@click.option("--branches", is_flag=True, help="Every branch by itself, the most likely first.")
@click.option("--output", type=click.Choice(["text", "json", "dot", "html"]), default="text",
              show_default=True)  # fmt: skip
def command(dump: str, **asked: Any) -> None:
    """Send a packet through DUMP, offline, and show what becomes of it.

    Shows which DNAT targets it can reach with what exact odds, whether it is masqueraded, and the rule
    behind each factor. What is left open (source, interface, whether an address is the node's own)
    stays open in the answer. DUMP is the text of iptables-save: a file, packed or not, or -.

    \b
    Example:
      iptables-save | natc trace - --dst 10.96.0.1:443 --src 10.244.1.7
    """
    from natc.text.files import read_dump
    from natc.trace.machine import Machine

    if asked["pcap"]:
        from natc.cli.capture import show_capture

        show_capture(dump, asked)
        return
    ruleset = read_dump(dump)
    said = spoken(asked, ruleset.family)
    packet = _packet(asked)
    node, starts = _node(asked, packet), starts_of(asked, ruleset)
    origin = "local" if asked["local"] else "network"

    def machine_of(start: Start) -> Machine:
        return Machine.of(ruleset, node, backend=asked["backend"], start=start)

    if asked["branches"]:
        if asked["output"] in ("dot", "html"):
            raise UsageError("--branches are listed, not drawn", expected="--output text or json")
        _show_branches(packet, machine_of(only(starts)).branches(packet, origin), asked["output"])
        return
    start, answer = agreed(starts, lambda start: machine_of(start).trace(packet, origin), _content)
    _show(machine_of(start), answer, asked["output"], said)


def _content(answer: Distribution) -> dict[str, Any]:
    from natc.report.trace_json import trace_json

    return trace_json(answer)


def _packet(asked: dict[str, Any]) -> Packet:
    if asked["expression"]:
        if asked["dst"]:
            raise UsageError("--packet says it all: --dst cannot be given beside it")
        from natc.trace.scapy_packets import packet_of_expression

        return packet_of_expression(asked["expression"])
    if not asked["dst"]:
        raise UsageError("say where to: --dst IP:PORT, or --packet EXPRESSION")
    from natc.netfilter.packet import question_packet

    dst, dport = _address("--dst", asked["dst"])
    src, sport = _address("--src", asked["src"]) if asked["src"] else (None, None)
    try:
        return question_packet(
            dst, dport, proto=asked["proto"], src=src, sport=sport, in_interface=asked["interface"],
            mark=_number("--mark", asked["mark"] or "0"), ctstate=asked["ctstate"],
        )  # fmt: skip
    except ValueError as problem:
        raise UsageError(str(problem)) from None


def _address(option: str, text: str) -> tuple[str, int | None]:
    """Split ``IP``, ``IP:PORT``, ``IPV6`` or ``[IPV6]:PORT``."""
    from natc.netfilter.kinds import address, port

    host, number = text, ""
    if text.startswith("["):
        host, _, number = text[1:].partition("]")
        number = number.removeprefix(":")
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
    try:
        return str(address(host)), port(number) if number else None
    except ValueError as problem:
        raise UsageError(
            str(problem), Span(option, 1, 1, text, len(text)), "IP:PORT or [IPV6]:PORT"
        ) from None


def _number(option: str, text: str) -> int:
    from natc.netfilter.kinds import number

    try:
        return number(text)
    except ValueError as problem:
        raise UsageError(f"{option}: {problem}") from None


def _node(asked: dict[str, Any], packet: Packet) -> Any:
    """Return what is known of the node: a node file, its addresses, or nothing."""
    from natc.trace.node import OpenNode

    if asked["node"]:
        from natc.trace.host_node import node_from_file

        return node_from_file(asked["node"])
    own = [_address("--node-ip", text)[0] for text in asked["node_ip"]]
    if not own:
        return None
    from ipaddress import ip_address

    return OpenNode(
        frozenset(int(address) for text in own if (address := ip_address(text)).version == packet.family)
    )


def _show(machine: Machine, answer: Distribution, output: str, said: Said | None) -> None:
    from natc.trace.near_miss import near_misses

    misses = near_misses(machine, answer)
    if output == "json":
        from natc import __version__
        from natc.report.destination import with_said
        from natc.report.document import document
        from natc.report.trace_json import trace_json

        sys.stdout.write(document(__version__, with_said(trace_json(answer, misses), said)))
        return
    if output in ("dot", "html"):
        from natc.cli.picture import show_picture

        show_picture(output, answer, said, misses)
        return
    from natc.report.destination import said_lines
    from natc.report.lines import emit_lines
    from natc.report.trace_text import trace_lines

    emit_lines(said_lines(said))
    emit_lines(trace_lines(answer, misses))


def _show_branches(packet: Packet, branches: Iterator[Piece], output: str) -> None:
    if output == "json":
        from natc import __version__
        from natc.report.document import document
        from natc.report.trace_json import branch_json

        sys.stdout.write(
            document(__version__, {"branches": [branch_json(packet, piece) for piece in branches]})
        )
        return
    from natc.report.lines import emit_lines
    from natc.report.trace_text import branch_lines

    emit_lines(branch_lines(packet, branches))

"""``natc trace``: where a packet goes, how often, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import no_cache
from natc.cli.names import ManifestsCommand, name_options, spoken, url_options
from natc.cli.pasted import read_for_answers, table_option
from natc.cli.question import node_of, packet_of, question_options
from natc.cli.start import agreed, only, start_options, starts_of
from natc.errors import UsageError

if TYPE_CHECKING:
    from natc.analysis.destination import Said
    from natc.netfilter.packet import Packet
    from natc.netfilter.ruleset import Ruleset
    from natc.text.files import Source
    from natc.trace.answer.listing import Listing
    from natc.trace.answer.near_miss import NearMiss
    from natc.trace.answer.outcome import Distribution
    from natc.trace.machine import Machine
    from natc.trace.starting import Start


@click.command("trace", cls=ManifestsCommand)
@click.argument("dump", type=click.Path())
@no_cache
@question_options
@click.option("--pcap", type=click.Path(), help="Replay a capture such as capture.pcap; needs --node.")
@table_option
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@name_options
@url_options
@start_options
@click.option(
    "--lazy", is_flag=True, help="Read only the chains that are reached, which saves a third of the time."
)
@click.option("--branches", is_flag=True, help="Every branch by itself, the most likely first.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    default=100_000,
    show_default=True,
    help="How many --branches to list at most, such as 20; 0 for all: 64 coins have 2 to the 64.",
)
@click.option("--output", type=click.Choice(["text", "json", "dot", "html"]), default="text",
              show_default=True)  # fmt: skip
def command(dump: str, **asked: Any) -> None:
    """Send a packet through DUMP, offline, and show what becomes of it.

    Shows which DNAT targets it can reach with what exact odds, whether it is masqueraded, and the rule
    behind each factor. What is left open (source, interface, whether an address is the node's own)
    stays open in the answer. DUMP is the text of iptables-save, or the tar of natc collect, which says
    what the node is and remembers: a file, packed or not, or -.

    \b
    Example:
      iptables-save | natc trace - --dst 10.96.0.1:443 --src 10.244.1.7
    """
    from natc.text.files import read_source
    from natc.trace.machine import Machine

    if asked["pcap"]:
        from natc.cli.capture import show_capture

        show_capture(dump, asked)
        return
    source = read_source(dump)
    pasted = _read(source, asked)
    said = spoken(asked, pasted.family)
    packet = packet_of(asked)
    ruleset = pasted.of_family(packet.family)
    node, starts = node_of(asked, packet, source.bundle), starts_of(asked, ruleset, source.bundle)
    _check_family(ruleset, packet, source)
    origin = "local" if asked["local"] else "network"

    def machine_of(start: Start) -> Machine:
        return Machine.of(ruleset, node, backend=asked["backend"], start=start)

    if asked["branches"]:
        if asked["output"] in ("dot", "html"):
            raise UsageError("--branches are listed, not drawn", expected="--output text or json")
        found = machine_of(only(starts)).branches(packet, origin, asked["limit"])
        _show_branches(found, asked["output"])
        return
    start, answer = agreed(starts, lambda start: machine_of(start).trace(packet, origin), _content)
    _show(machine_of(start), answer, asked["output"], said)


def _check_family(ruleset: Ruleset, packet: Packet, source: Source) -> None:
    """Refuse a packet that never meets these rules; rules that tell no family are either's."""
    from natc.text.dumps import told_family

    if ruleset.family != packet.family and told_family(source.text):
        program = "iptables-save" if packet.family == 4 else "ip6tables-save"
        raise UsageError(
            f"the dump is of IPv{ruleset.family}, the packet of IPv{packet.family}",
            expected=f"a dump of {program}",
        )


def _read(dump: Source, asked: dict[str, Any]) -> Ruleset:
    if not asked["lazy"]:
        return read_for_answers(dump, asked["table"])
    from natc.text.files import read_dump

    return read_dump(dump, table=asked["table"], lazy=True)


def _content(answer: Distribution) -> dict[str, Any]:
    from natc.report.trace_json import trace_json

    return trace_json(answer)


def _show(machine: Machine, answer: Distribution, output: str, said: Said | None) -> None:
    misses = _misses(machine, answer)
    if output == "json":
        from natc import __version__
        from natc.report.destination import with_said
        from natc.report.document import emit_document
        from natc.report.trace_json import trace_json

        emit_document(__version__, with_said(trace_json(answer, misses, iter), said))
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


def _misses(machine: Machine, answer: Distribution) -> tuple[NearMiss, ...]:
    """Return the rules that nearly matched; they would have to be looked for in the whole dump."""
    if machine.program.ruleset.lazy or answer.arrives_translated:
        return ()
    from natc.trace.answer.near_miss import near_misses

    return near_misses(machine, answer)


def _show_branches(listing: Listing, output: str) -> None:
    if output == "json":
        from natc import __version__
        from natc.report.document import emit_document
        from natc.report.trace_json import branches_json

        emit_document(__version__, branches_json(listing))
        return
    from natc.report.lines import emit_lines
    from natc.report.trace_text import branch_lines

    emit_lines(branch_lines(listing))

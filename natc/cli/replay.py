"""``natc replay``: packets through a node file and a dump, in order, with state."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import no_cache
from natc.cli.start import agreed, start_options, starts_of
from natc.errors import DumpError, ManifestError, Span, UsageError

if TYPE_CHECKING:
    from natc.kube.fields import Place
    from natc.netfilter.node.host import Host
    from natc.text.node.bundle import Bundle
    from natc.trace.packet_entries import EntryError
    from natc.trace.starting import Start


#: The last second of the year 9999, up to which Python can tell days and hours.
_LATEST = 253402300799


def _a_time(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= _LATEST:  # nan is not, either
        raise click.BadParameter(f"{value} is no time from 1970 on", ctx, param)
    return value


@click.command("replay")
@no_cache
@click.option("--dump", required=True, type=click.Path(), help="The ruleset: the text of iptables-save.")
@click.option(
    "--node",
    type=click.Path(),
    help="The node: interfaces, routes, ... (JSON). A tar of natc collect says it, too.",
)
@click.option("--packets", required=True, type=click.Path(), help="The packets, in order (JSON).")
@start_options
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@click.option("--clock", type=float, callback=_a_time,
              help="Seconds since 1970 when the replay begins; now by default.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    dump: str, node: str | None, packets: str, backend: str, clock: float | None, output: str, **asked: Any
) -> int:
    """Replay packets through a node, offline, each meeting what the ones before it left behind.

    Connections, recent lists, counters and sets live through the sequence. Exit status 1 when the
    kernel would refuse to load the dump; a packet whose answer is open has the verdict OPEN.

    \b
    Example:
      natc replay --dump dump.txt --node node.json --packets packets.json --output json
    """
    from natc.inputs import name_of, parse_json, read_bytes, text_of_json
    from natc.trace.node.host_node import node_from_file
    from natc.trace.packet_entries import EntryError

    host = node_from_file(node).host if node else None
    content = read_bytes(packets, error=ManifestError)
    sent = parse_json(content, name_of(packets), error=ManifestError)
    try:
        answer = _answer(dump, host, sent, asked, backend, time.time() if clock is None else clock)
    except EntryError as error:
        raise _in_file(error, text_of_json(content), name_of(packets)) from None
    if output == "json":
        from natc import __version__
        from natc.report.document import document

        sys.stdout.write(document(__version__, answer))
    else:
        from natc.report.lines import emit_lines
        from natc.report.replay import replay_lines

        emit_lines(replay_lines(answer))
    return 1 if answer["load"]["rc"] else 0


def _host_of(bundle: Bundle | None, packets: Any) -> Host:
    """Return the node of a bundle, of the family of the packets' first destination."""
    listed = packets.get("packets") if isinstance(packets, dict) else packets
    first = listed[0] if isinstance(listed, list) and listed else None
    family = 6 if isinstance(first, dict) and ":" in str(first.get("dst")) else 4
    host = bundle.host(family) if bundle else None
    if host is None:
        raise UsageError(
            "say which node it is: --node FILE", expected=f"or a bundle with routes of IPv{family}"
        )
    return host


def _in_file(error: EntryError, text: str, name: str) -> ManifestError:
    """Return the error with the place in the file that its entry stands at."""
    from natc.kube.json_source import locate

    place: Place = None
    for key in error.place:
        place = (place, key)
    at, width = locate(text, 0, [place])[place]
    start = text.rfind("\n", 0, at) + 1
    line = text[start : text.find("\n", at) if "\n" in text[at:] else len(text)]
    span = Span(name, text.count("\n", 0, at) + 1, at - start + 1, line, width)
    return ManifestError(error.message, span, error.expected)


def _answer(
    dump: str, node: Host | None, packets: Any, asked: dict[str, Any], backend: str, clock: float
) -> dict[str, Any]:
    """Return the answer in the form of a recorded one; a dump the kernel would refuse is an answer too."""
    from natc.netfilter.ipset.all_sets import Sets
    from natc.text.files import read_dump, read_source
    from natc.trace.replay import replay

    source = read_source(dump)
    host = _host_of(source.bundle, packets) if node is None else node
    try:
        ruleset = read_dump(source, family=host.family).of_family(host.family)
        starts = starts_of(asked, ruleset, source.bundle)

        def replayed(start: Start) -> list[Any]:
            sets = start.sets or Sets()
            options = {"backend": backend, "clock": clock, "start": start, "ipsets": sets}
            return list(replay(ruleset, host, packets, **options))

        _, results = agreed(starts, replayed, lambda found: found)
    except DumpError as refusal:
        return {"load": {"rc": 1, "stderr": refusal.render()}, "packets": []}
    return {"load": {"rc": 0, "stderr": ""}, "packets": results}

"""The part of ``natc trace`` that replays a capture."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from natc.cli.start import only, starts_of
from natc.errors import UsageError
from natc.trace.capture.capture_file import Frame, frames

#: Bytes of a capture below which nobody needs to see how far it has come.
_LONG = 4_000_000
#: After how many frames the bar moves on.
_STEP = 5000


def show_capture(dump: str, asked: dict[str, Any]) -> None:
    """Replay a capture packet by packet, keeping no more than the node's state and the flows."""
    from natc.text.files import read_dump, read_source
    from natc.trace.capture.replaying import replay_capture
    from natc.trace.node.host_node import node_from_file
    from natc.trace.replay import Replay

    source = read_source(dump)
    host = source.bundle.host(4) if source.bundle and not asked["node"] else None
    if host is None and not asked["node"]:
        raise UsageError("--pcap needs --node: whose packets they are, and where they go")
    host = host or node_from_file(asked["node"]).host
    ruleset = read_dump(source, family=host.family).of_family(host.family)
    run = Replay(host, ruleset, asked["backend"], start=only(starts_of(asked, ruleset, source.bundle)))
    with _watched(asked["pcap"]) as found:
        _emit(replay_capture(run, found), asked["output"])


def _emit(rows: Iterable[Any], output: str) -> None:
    from natc.report.lines import emit_lines, is_coloured
    from natc.report.replay import capture_document, capture_lines, capture_text

    if output == "json":
        from natc import __version__

        sys.stdout.writelines(capture_document(__version__, rows))
    elif is_coloured():
        emit_lines(capture_lines(rows))
    else:
        sys.stdout.writelines(capture_text(rows))


@contextmanager
def _watched(path: str) -> Iterator[Iterable[Frame]]:
    """Give the frames of a capture; a bar on standard error shows how much of a long one is done."""
    file = Path(path)
    size = file.stat().st_size if file.exists() else 0
    if size < _LONG or not sys.stderr.isatty() or sys.stdout.isatty():
        yield frames(path)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(file.name, total=size)
        yield frames(path, every=_STEP, told=lambda place: bar.update(task, completed=place))

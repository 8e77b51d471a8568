"""``natc trace --output dot`` and ``--output html``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from natc.cli.output import emit

if TYPE_CHECKING:
    from natc.analysis.destination import Said
    from natc.trace.answer.near_miss import NearMiss
    from natc.trace.answer.outcome import Distribution


def show_picture(output: str, answer: Distribution, said: Said | None, misses: Sequence[NearMiss]) -> None:
    """Write an answer as Graphviz text, or as a page of its own."""
    if output == "dot":
        from natc.report.picture.build import graph_of
        from natc.report.picture.dot import dot_lines

        lines = dot_lines(graph_of(answer))
    else:
        from natc import __version__
        from natc.report.picture.page import page_lines

        lines = page_lines(answer, __version__, said, misses)
    emit("".join(f"{line}\n" for line in lines))

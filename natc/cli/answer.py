"""An answer as the two forms that commands give it in: text for a person, JSON for a program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from natc.report.lines import Line


def show(output: str, content: Callable[[], dict[str, Any]], lines: Callable[[], Iterable[Line]]) -> None:
    """Print an answer; ``output`` is ``json`` or ``text``, and only what is asked for is made."""
    if output == "json":
        from natc import __version__
        from natc.report.document import document

        sys.stdout.write(document(__version__, content()))
    else:
        from natc.report.lines import emit_lines

        emit_lines(lines())

"""Lines of text whose parts may have a style: plain everywhere, coloured on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from natc.errors import printable
from natc.values import frozen


@frozen
class Part:
    """A piece of a line; ``style`` is a style of rich, empty for none."""

    text: str
    style: str = ""


@frozen
class Line:
    """One line of a report."""

    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return "".join(printable(part.text) for part in self.parts).rstrip()


def line(*parts: str | Part) -> Line:
    """Make a line of parts; a plain string is a part without style."""
    return Line(tuple(Part(part) if isinstance(part, str) else part for part in parts))


def counted(number: int, thing: str) -> str:
    """Say how many of something there are: "1 destination", "11,000 destinations"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def emit_lines(lines: Iterable[Line]) -> None:
    """Print lines to standard output, with colour only on a terminal and without NO_COLOR."""
    if is_coloured():
        _emit_coloured(lines)
        return
    for one in lines:
        print(one)


def is_coloured() -> bool:
    """Tell whether reports are printed in colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _emit_coloured(lines: Iterable[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for one in lines:
        console.print(Text.assemble(*((printable(part.text), part.style) for part in one.parts)))

"""The text that is being read, and errors that point into it."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from natc.errors import DumpError, Span
from natc.values import define, field

#: What some editors put before the first line; iptables-restore takes it for a part of that line.
BYTE_ORDER_MARK = "\ufeff"
#: How a line that appends a rule begins, as iptables-restore takes it.
APPENDING = r"[ \t]*(?:\[\d+:\d+\][ \t]*)?(?:-A|--append)"
#: Characters that are counted through in no time: twenty microseconds.
_FAR = 65536


@define
class Source:
    """A text and the name under which errors speak of it."""

    text: str
    file: str = "<text>"
    first: int = 1
    """The number of its first line."""
    _lines: list[str] = field(factory=list, init=False, eq=False, repr=False)
    _known: list[tuple[int, int]] = field(factory=list, init=False, eq=False, repr=False)
    """Where some lines begin, with their numbers."""
    _marked: bool = field(default=False, init=False, eq=False, repr=False)
    _latest: tuple[int, int] = field(default=(-1, 0), init=False, eq=False, repr=False)
    """The place that was asked for last, with its number: chains are mostly asked for in their order."""

    def line(self, number: int) -> str:
        """Return a line by its number, from 1."""
        if not self._lines:
            self._lines.extend(self.text.split("\n"))
        return self._lines[number - self.first]

    def know(self, place: int, number: int) -> None:
        """Note that a line begins at ``place`` in the text; in rising order."""
        if not self._marked:
            self._known.append((place, number))

    def number_at(self, place: int) -> int:
        """Return the number of the line that begins at ``place``, counted from the nearest known place."""
        near = self._nearest(place)
        if place - near[0] > _FAR and not self._marked:
            self._mark()
            near = self._nearest(place)
        if near[0] < self._latest[0] <= place:
            near = self._latest
        number = near[1] + self.text.count("\n", near[0], place)
        self._latest = (place, number)
        return number

    def _nearest(self, place: int) -> tuple[int, int]:
        at = bisect_right(self._known, place, key=itemgetter(0)) - 1
        return self._known[at] if at >= 0 else (0, self.first)

    def _mark(self) -> None:
        """Note a place every few lines: chains may be asked for in any order."""
        text, place, number, marks = self.text, 0, self.first, []
        while (newline := text.find("\n", place + _FAR)) >= 0:
            number += text.count("\n", place, newline + 1)
            place = newline + 1
            marks.append((place, number))
        self._known, self._marked = marks, True

    def span(self, number: int, column: int = 1, width: int = 1) -> Span:
        """Return a place in the text; line and column count from 1."""
        return Span(self.file, number, column, self.line(number), width)

    def error(
        self, message: str, number: int, column: int = 1, width: int = 1, *, expected: str | None = None
    ) -> DumpError:
        """Return an error at a place in the text."""
        return DumpError(message, self.span(number, column, width), expected)

    def error_at(self, message: str, number: int, word: str, *, expected: str | None = None) -> DumpError:
        """Return an error at the last place in a line where ``word`` stands, else at the whole line."""
        line = self.line(number)
        column = f"{line} ".rfind(f" {word} ") + 2
        if column < 2 or not word:
            return self.error(message, number, 1, max(1, len(line)), expected=expected)
        return self.error(message, number, column, len(word), expected=expected)

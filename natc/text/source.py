"""The text that is being read, and errors that point into it."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from attrs import define, field

from natc.errors import DumpError, Span


@define
class Source:
    """A text and the name under which errors speak of it."""

    text: str
    file: str = "<text>"
    _lines: list[str] = field(factory=list, init=False, eq=False, repr=False)
    _known: list[tuple[int, int]] = field(factory=list, init=False, eq=False, repr=False)
    """Where some lines begin, with their numbers."""
    _last: tuple[int, int] = field(default=(0, 1), init=False, eq=False, repr=False)

    def line(self, number: int) -> str:
        """Return a line by its number, from 1."""
        if not self._lines:
            self._lines.extend(self.text.split("\n"))
        return self._lines[number - 1]

    def know(self, place: int, number: int) -> None:
        """Note that a line begins at ``place`` in the text; in rising order."""
        self._known.append((place, number))

    def number_at(self, place: int) -> int:
        """Return the number of the line that begins at ``place``.

        Counted from the nearest known place before it; asked in the order of the text, that is short.
        """
        at = bisect_right(self._known, place, key=itemgetter(0)) - 1
        near = self._known[at] if at >= 0 else (0, 1)
        if near < self._last <= (place, 0):
            near = self._last
        self._last = (place, near[1] + self.text.count("\n", near[0], place))
        return self._last[1]

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

"""The text that is being read, and errors that point into it."""

from __future__ import annotations

from attrs import field, frozen

from natc.errors import DumpError, Span


@frozen
class Source:
    """A text and the name under which errors speak of it."""

    text: str
    file: str = "<text>"
    _lines: list[str] = field(factory=list, init=False, eq=False, repr=False)

    def line(self, number: int) -> str:
        """Return a line by its number, from 1."""
        if not self._lines:
            self._lines.extend(self.text.split("\n"))
        return self._lines[number - 1]

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

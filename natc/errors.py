"""The one family of errors, the place in a text they point at, and how that place is drawn.

Every problem natc reports is a :class:`NatcError`. It carries a message, what was expected if that
can be said, and a :class:`Span`. The command line prints :meth:`NatcError.render` and exits with
status 2; a library user catches :class:`NatcError`.
"""

from __future__ import annotations

from natc.values import field, frozen

#: Longest part of a source line that is drawn; longer lines are cut around the caret.
_DRAWN_WIDTH = 120
#: Longest message that is said whole: what it quotes may be a word of megabytes.
_SAID_WIDTH = 1000


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that could steer a terminal or hide itself.

    Control characters, lone surrogates (bytes that were not UTF-8) and Unicode format characters
    such as right-to-left overrides become backslash escapes. Tabs become spaces so that a caret
    under the text stays in place.
    """
    text = text.replace("\t", " ")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte that did not decode
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def _in_short(text: str) -> str:
    """Return a text, of a long one the beginning and the end."""
    half = _SAID_WIDTH // 2
    return text if len(text) <= _SAID_WIDTH else f"{text[:half]}...{text[-half:]}"


@frozen
class Span:
    """A place in an input text. Lines and columns count from 1; ``width`` is in characters."""

    file: str = "<text>"
    line: int = 1
    column: int = 1
    text: str = ""
    """The whole source line, without its newline; empty when the input has no lines."""
    width: int = 1

    def __str__(self) -> str:
        return f"{printable(self.file)}:{self.line}:{self.column}"

    def draw(self) -> str:
        """Return the source line and, under it, carets below the span; empty without a line."""
        if not self.text:
            return ""
        start = max(0, self.column - 1 - _DRAWN_WIDTH // 2)
        end = start + _DRAWN_WIDTH
        head = ("..." if start else "") + printable(self.text[start : self.column - 1])
        marked = printable(self.text[self.column - 1 : min(end, self.column - 1 + self.width)])
        tail = printable(self.text[self.column - 1 + self.width : end])
        more = "..." if len(self.text) > end else ""
        carets = "^" * max(1, len(marked))
        return f"    {head}{marked}{tail}{more}\n    {' ' * len(head)}{carets}"


@frozen
class NatcError(Exception):
    """Bad input or usage. Base of every error natc raises on purpose."""

    message: str
    span: Span | None = None
    expected: str | None = None
    """What would have been right at the span, as a phrase for a person."""

    def __str__(self) -> str:
        where = f"{self.span}: " if self.span else ""
        expected = f" (expected {self.expected})" if self.expected else ""
        return printable(f"{where}{_in_short(self.message)}{expected}")

    def render(self) -> str:
        """Return the one-line message and, where there is a source line, that line with a caret."""
        drawing = self.span.draw() if self.span else ""
        return f"{self}\n{drawing}" if drawing else str(self)


class DumpError(NatcError):
    """A ruleset text that iptables-restore would refuse, or that natc cannot read."""


class ManifestError(NatcError):
    """A Kubernetes manifest that is not well-formed or that the API server would refuse."""


class NodeError(NatcError):
    """Facts of a node that cannot be read: its node file, routes, sets or connection list."""


class UsageError(NatcError):
    """An option or argument that cannot be used as given."""


@frozen
class ErrorList(NatcError):  # noqa: N818 - it is a list of errors
    """Several errors found in one run, in the order they were found."""

    errors: tuple[NatcError, ...] = field(default=(), kw_only=True)

    @classmethod
    def of(cls, errors: list[NatcError]) -> NatcError:
        """Return the only error itself, or one error that holds them all."""
        if len(errors) == 1:
            return errors[0]
        return cls(f"{len(errors)} errors", errors=tuple(errors))

    def render(self) -> str:
        return "\n".join(error.render() for error in self.errors)

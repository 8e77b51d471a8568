"""How one option's argument is read from words and printed as iptables-save prints it.

A kind is the type of an option: it turns the words behind an option's name into a value with meaning
and back into the words of the save form. ``parse`` raises :class:`ValueError` with a phrase for a
person; the reader adds the place. A kind holds nothing of the rule it is used in.

What a kind is stands here. The kinds that several extensions share are in the modules of this room, by what
they are about; what one extension alone needs stands beside that extension. A module is imported by the
extensions that need it: a dump that asks for no rates costs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")


class Kind(Generic[T]):
    """The type of an option's argument."""

    plain_family: ClassVar[int | None] = None
    """The only family for which plain words are good, None for both."""

    @property
    def plain(self) -> str | None:
        """A regular expression of words that are certainly good and that a save prints as they stand.

        None when no expression can tell; then every word has to be read. It speeds the reader up
        (a line of plain words needs no further check) and the writer (it is already in save form).
        """
        return None

    @property
    def good(self) -> str | None:
        """A regular expression of words that are certainly good: plain, or made so by :meth:`completed`."""
        return self.plain

    def completed(self, word: str) -> str:
        """Return a good word as a save prints it."""
        return word

    def parse(self, words: Sequence[str]) -> T:
        """Return the value that ``words`` mean; raise :class:`ValueError` when they mean none."""
        raise NotImplementedError

    def words(self, value: T) -> tuple[str, ...]:
        """Return the words in which iptables-save shows ``value``."""
        raise NotImplementedError

    def family(self, value: T) -> int | None:
        """Return the family, 4 or 6, that ``value`` belongs to; None for either."""
        return None


class Flag(Kind[bool]):
    """An option without an argument."""

    def parse(self, words: Sequence[str]) -> bool:
        return True

    def words(self, value: bool) -> tuple[str, ...]:
        return ()

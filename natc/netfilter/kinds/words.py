"""Words and strings: quotes, names, choices."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natc.netfilter.kinds import Kind
from natc.values import field, frozen

_NO_QUOTES = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPED = r"([\"\\'])"


def quoted(text: str) -> str:
    """Return ``text`` as iptables-save prints a string: in quotes unless it is plain (xtables.c)."""
    if _NO_QUOTES.match(text):
        return text
    return '"' + re.sub(_ESCAPED, r"\\\1", text) + '"'


def unquoted(word: str) -> str:
    """Return what iptables-restore makes of ``word``: quotes go, a backslash inside them escapes."""
    if '"' not in word:
        return word
    return "".join(
        re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) if i % 2 else part
        for i, part in enumerate(re.split(r'"((?:[^"\\]|\\.)*)"', word, flags=re.DOTALL))
    )


#: Most bytes of a word that iptables-restore takes (struct xt_param_buf in xshared.c).
LONGEST_WORD = 1023


@frozen
class Text(Kind[str]):
    """A string of at most ``longest`` bytes, quoted in a save where it needs to be.

    A longer one is refused, or cut off where iptables does so without a word (``cut``).
    """

    longest: int = 255
    cut: bool = False

    @property
    def plain(self) -> str:
        """Printable ASCII in quotes, at least one character of which asks for them."""
        return rf'"(?=[\w-]*[^\w"-])(?:[ !#-&(-\[\]-~]){{1,{self.longest}}}"'

    def parse(self, words: Sequence[str]) -> str:
        text = unquoted(words[0])
        raw = text.encode("utf-8", "surrogateescape")
        if len(raw) <= self.longest:
            return text
        if not self.cut or len(raw) > LONGEST_WORD:
            raise ValueError(f"longer than {LONGEST_WORD if self.cut else self.longest} bytes")
        return raw[: self.longest].decode("utf-8", "surrogateescape")

    def words(self, value: str) -> tuple[str, ...]:
        return (quoted(value),)


@frozen
class Name(Kind[str]):
    """A name of at most ``longest`` bytes that a save prints as it is; a longer one is refused or ``cut``."""

    longest: int = 255
    cut: bool = False

    @property
    def plain(self) -> str:
        return rf"[A-Za-z0-9_.+-]{{1,{self.longest}}}"

    def parse(self, words: Sequence[str]) -> str:
        text = unquoted(words[0])
        raw = text.encode("utf-8", "surrogateescape")
        if len(raw) > self.longest:
            if self.cut:
                return raw[: self.longest].decode("utf-8", "surrogateescape")
            raise ValueError(f"{text!r} is longer than {self.longest} bytes")
        return text

    def words(self, value: str) -> tuple[str, ...]:
        return (value,)


class FileName(Name):
    """A name that the kernel gives to a file of its own under /proc (xt_recent.c, xt_hashlimit.c)."""

    __slots__ = ()

    @property
    def plain(self) -> str:
        return rf"[A-Za-z0-9_+-]{{1,{self.longest}}}"

    def parse(self, words: Sequence[str]) -> str:
        name = super().parse(words)
        if "/" in name or name in (".", ".."):
            raise ValueError(f"{name!r} is no name for a file")
        return name


@frozen
class Choice(Kind[str]):
    """One word out of ``allowed``; ``aliases`` maps further spellings to one of them."""

    allowed: tuple[str, ...]
    aliases: dict[str, str] = field(factory=dict, hash=False)

    def parse(self, words: Sequence[str]) -> str:
        word = self.aliases.get(words[0], words[0])
        if word not in self.allowed:
            raise ValueError(f"{words[0]!r} is none of {', '.join(self.allowed)}")
        return word

    def words(self, value: str) -> tuple[str, ...]:
        return (value,)


@frozen
class WordSet(Kind[frozenset[str]]):
    """A comma list of words out of ``order``, in any case unless said otherwise; printed in that order."""

    order: tuple[str, ...]
    any_case: bool = True
    """Whether small letters are taken for the capital ones in ``order``."""

    def parse(self, words: Sequence[str]) -> frozenset[str]:
        chosen = (words[0].upper() if self.any_case else words[0]).split(",")
        for word in chosen:
            if word not in self.order:
                raise ValueError(f"{word!r} is none of {', '.join(self.order)}")
        return frozenset(chosen)

    def words(self, value: frozenset[str]) -> tuple[str, ...]:
        return (",".join(word for word in self.order if word in value),)

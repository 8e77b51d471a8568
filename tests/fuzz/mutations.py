"""Ways to break a text: in its bytes, its words, its lines, its numbers."""

import random
import re
from collections.abc import Callable
from functools import lru_cache

from natc.text import grammar

#: Words that have broken readers before.
_NASTY = (
    "", " ", "\t", "\r", "\n", "\0", "!", "-", "--", '"', '""', '"a', "\\", "'", "%s", "%", "{}", "[0:0]",
    "[", "]", "0", "-1", "0x", "00", "08", "0x0", "1e9", "1e400", "nan", "inf", "255", "256", "65535",
    "65536", "4294967295", "4294967296", "18446744073709551616", "9" * 40, "9" * 5000, "٣", "²", "①",
    "0.0.0.0/0", "10.0.0.0/33", "1.2.3.4/255.0.255.0", "::/0", "::ffff:1.2.3.4", "fe80::1%eth0", "[::1]:80",
    "a,b", ",", ",,", ":", "::", "1:", ":1", "9:1", "-j", "-m", "-A", "-I", "-R", "-D", "-E", "-X", "-P",
    "-N", "*filter", "*nat", "COMMIT", "#", "é", "\udcff", "\u202e", "\x1b[2J", "A" * 300, "(" * 300, "? ",
    "&a", "*a", "<<: *a", "!!python/object:os.system", "- " * 200, "{" * 500, "[" * 500, "null", "true", "~",
)  # fmt: skip
_NUMBER = re.compile(r"\d+")


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[str, ...]:
    """Every option and every extension the grammar knows, and words that are no good anywhere."""
    blocks = sorted(grammar.all_blocks())
    options = sorted(set(re.findall(r'"(--?[\w-]+)"', grammar.source(blocks))))
    names = [block.split("/")[1] for block in blocks]
    return (*options, *names, *[f"-m {name}" for name in names], *[f"-j {name}" for name in names], *_NASTY)


def broken(text: str, others: tuple[str, ...], chance: random.Random) -> str:
    """Return ``text`` with one to six things changed; ``others`` lend lines."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 6))):
        text = chance.choice(_WAYS)(text, others, chance)
    return text


def _letters(text: str, _others: tuple[str, ...], chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    new = chance.choice(("", chr(chance.randrange(256)), chance.choice(_NASTY)))
    return text[:at] + new + text[at + chance.randrange(4) :]


def _words(text: str, others: tuple[str, ...], chance: random.Random) -> str:
    """Replace, drop, double or add a word of one line."""
    lines = text.split("\n")
    index = chance.randrange(len(lines))
    words = lines[index].split(" ")
    at = chance.randrange(len(words))
    other = chance.choice(others).split()
    new = [chance.choice(_vocabulary()), chance.choice(other or [""]), words[at]][: chance.randrange(4)]
    lines[index] = " ".join([*words[:at], *new, *words[at + chance.randrange(2) :]])
    return "\n".join(lines)


def _lines(text: str, others: tuple[str, ...], chance: random.Random) -> str:
    """Drop lines, move them, or bring some of another text."""
    lines = text.split("\n")
    start = chance.randrange(len(lines))
    part = lines[start : start + chance.randrange(4)]
    del lines[start : start + chance.randrange(4)]
    strange = chance.choice(others).split("\n")
    from_other = chance.randrange(len(strange))
    part = chance.choice((part, part * 2, strange[from_other : from_other + 3]))
    at = chance.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], *part, *lines[at:]])


def _numbers(text: str, _others: tuple[str, ...], chance: random.Random) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    at = chance.choice(found)
    value = int(at.group()[:30])
    new = chance.choice(
        (str(value + 1), str(-value), hex(value), f"0{value}", str(2 ** chance.randrange(70)))
    )
    return text[: at.start()] + new + text[at.end() :]


def _much(text: str, _others: tuple[str, ...], chance: random.Random) -> str:
    """Say a short piece thousands of times: what is slow in the length of a line shows here."""
    start = chance.randrange(len(text) + 1)
    piece = text[start : start + chance.randrange(1, 40)] or "x"
    return text[:start] + piece * chance.choice((20, 200, 2000)) + text[start:]


_WAYS: tuple[Callable[[str, tuple[str, ...], random.Random], str], ...] = (
    _letters, _letters, _words, _words, _words, _words, _lines, _lines, _numbers, _numbers, _much,
)  # fmt: skip

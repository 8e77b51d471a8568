"""Rules broken on purpose, and a network namespace in which both backends say what they think of them."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from attrs import frozen

from natc.text.files import ENCODING
from tests.kernel import PROGRAMS, load_and_save
from tests.support import GOLDEN, KERNEL_EXTENSIONS, without_remarks

NUMBERS = ("0", "1", "-1", "08", "0x10", "255", "256", "65535", "65536", "4294967295", "4294967296",
           "99999999999999999999", "1.5", "3:1", "1:3", "1-3", "3-1", "1,3", ":", "")  # fmt: skip
WORDS = ("!", "x", "-j", "ACCEPT", "INPUT", "NOSUCH", "--nosuch", "-m", "tcp", "-p", "udp", "all", "-f", "-4", "-6",
         "10.0.0.1", "fd00::1", "10.0.0.0/33", "fd00::/129", "10.0.0.1/255.0.255.0", "0/0", "10.1", "lo", "eth+",
         "1.2.3.4,5.6.7.8", '"', "''", "#", "*", "http", "-s", "-d", "-i", "-o", "-g", "0", "-c", "1:1", "--", "-")  # fmt: skip
LENGTHS = (15, 16, 28, 29, 30, 31, 32, 63, 64, 127, 128, 255, 256, 257)


@frozen
class Mutant:
    """One text, and how it came about."""

    text: str
    family: int
    table: str
    how: str


@frozen
class Base:
    """A good text with one rule to break."""

    family: int
    table: str
    head: tuple[str, ...]
    rule: str


@lru_cache(maxsize=1)
def bases() -> list[Base]:
    """The golden rule of each extension, and a rule of each shape that kube-proxy writes."""
    out = []
    for case in KERNEL_EXTENSIONS:
        text = case.read_text()
        table = re.findall(r"^\*(\w+)", text, re.MULTILINE)[0]
        family = 6 if "ip6tables" in text.split("\n", 1)[0] else 4
        out += [Base(family, table, (), rule) for rule in re.findall(r"^-A .*$", text, re.MULTILINE)]
    return [*out, *_kube_proxy()]


def _kube_proxy() -> Iterator[Base]:
    text = (GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt").read_text()
    for table in without_remarks(text).split("*")[1:]:
        name, *lines = table.split("\n")
        seen = set()
        for rule in lines:
            shape = re.sub(r'"[^"]*"|[\d./]+|KUBE-\w+-\w+', "#", rule)
            if rule.startswith("-A") and shape not in seen:
                seen.add(shape)
                yield Base(4, name, tuple(line for line in lines if line.startswith(":")), rule)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield one mutant of each rule, the same for the same seed whatever other rules there are."""
    for base in bases():
        chance = random.Random(f"{seed} {base.rule}")
        words = re.findall(r'"(?:[^"\\]|\\.)*"|\S+', base.rule)
        done = []
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
            change = chance.choice(CHANGES)
            words = change(words, chance)
            done.append(change.__name__.strip("_"))
        rule = " ".join(words)
        text = "\n".join([f"*{base.table}", *base.head, rule, "COMMIT", ""])
        yield Mutant(text, base.family, base.table, " ".join(done))


def _at(words: list[str], chance: random.Random, start: int = 0) -> int:
    return chance.randrange(start, len(words)) if len(words) > start else 0


def _drop(words: list[str], chance: random.Random) -> list[str]:
    at = _at(words, chance)
    return words[:at] + words[at + 1 :]


def _double(words: list[str], chance: random.Random) -> list[str]:
    at = _at(words, chance, 2)
    return words[: at + 1] + words[at:]


def _options(words: list[str]) -> list[tuple[int, int]]:
    starts = [i for i, word in enumerate(words) if i >= 2 and word.startswith("-")]
    return [*zip(starts, [*starts[1:], len(words)], strict=False)]


def _drop_option(words: list[str], chance: random.Random) -> list[str]:
    start, end = chance.choice(_options(words) or [(0, 0)])
    return words[:start] + words[end:]


def _double_option(words: list[str], chance: random.Random) -> list[str]:
    start, end = chance.choice(_options(words) or [(0, 0)])
    return words + words[start:end]


def _move_option(words: list[str], chance: random.Random) -> list[str]:
    start, end = chance.choice(_options(words) or [(0, 0)])
    moved, left = words[start:end], words[:start] + words[end:]
    at = chance.choice([start for start, _ in _options(left)] or [len(left)])
    return left[:at] + moved + left[at:]


def _number(words: list[str], chance: random.Random) -> list[str]:
    places = [i for i, word in enumerate(words) if re.search(r"\d", word)]
    if not places:
        return words
    at = chance.choice(places)
    numbers = [*re.finditer(r"0x[0-9a-f]+|\d+", words[at])]
    one = chance.choice(numbers or [None])
    new = words[at][: one.start()] + chance.choice(NUMBERS) + words[at][one.end() :] if one else "0"
    return [*words[:at], new, *words[at + 1 :]]


def _case(words: list[str], chance: random.Random) -> list[str]:
    at = _at(words, chance)
    return [*words[:at], words[at].swapcase(), *words[at + 1 :]]


def _long(words: list[str], chance: random.Random) -> list[str]:
    places = [i for i, word in enumerate(words) if re.fullmatch(r'"?[A-Za-z][\w-]*"?', word)] or [0]
    at, length = chance.choice(places), chance.choice(LENGTHS)
    bare = words[at].strip('"')
    long = (bare * length)[:length]
    return [*words[:at], f'"{long}"' if words[at][0] == '"' else long, *words[at + 1 :]]


def _not(words: list[str], chance: random.Random) -> list[str]:
    if "!" in words and chance.random() < 0.5:
        at = words.index("!")
        return words[:at] + words[at + 1 :]
    at = _at(words, chance, 2)
    return [*words[:at], "!", *words[at:]]


def _word(words: list[str], chance: random.Random) -> list[str]:
    at = _at(words, chance)
    return [*words[:at], chance.choice(WORDS), *words[at + 1 :]]


def _insert(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randrange(len(words) + 1)
    return [*words[:at], chance.choice(WORDS), *words[at:]]


def _swap(words: list[str], chance: random.Random) -> list[str]:
    at, other = _at(words, chance), _at(words, chance)
    out = list(words)
    if out:
        out[at], out[other] = out[other], out[at]
    return out


def _graft(words: list[str], chance: random.Random) -> list[str]:
    other = re.findall(r'"(?:[^"\\]|\\.)*"|\S+', chance.choice(bases()).rule)
    start, end = chance.choice(_options(other) or [(0, 0)])
    at = chance.choice([start for start, _ in _options(words)] + [len(words)])
    return words[:at] + other[start:end] + words[at:]


def _short(words: list[str], chance: random.Random) -> list[str]:
    long = [i for i, word in enumerate(words) if word.startswith("--") and len(word) > 4]
    if not long:
        return words
    at = chance.choice(long)
    return [*words[:at], words[at][: chance.randrange(3, len(words[at]))], *words[at + 1 :]]


def _glue(words: list[str], chance: random.Random) -> list[str]:
    long = [i for i, word in enumerate(words[:-1]) if word.startswith("-")]
    if not long:
        return words
    at = chance.choice(long)
    sign = "=" if words[at].startswith("--") else ""
    return [*words[:at], words[at] + sign + words[at + 1], *words[at + 2 :]]


CHANGES = (_drop, _double, _drop_option, _double_option, _move_option, _number, _number, _case, _long, _not, _word,
           _insert, _swap, _graft, _graft, _short, _glue)  # fmt: skip


@frozen
class Judge:
    """Both backends in one network namespace, which a text replaces a table of."""

    pid: int

    def load(self, mutant: Mutant, backend: str) -> tuple[bool, str]:
        """Load a mutant; return whether it was taken, and what is saved then or what was said."""
        program = f"{PROGRAMS[mutant.family]}-{backend}"
        enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        done = subprocess.run(
            [*enter, "timeout", "10", f"{program}-restore"],
            input=mutant.text,
            capture_output=True,
            check=False,
            **ENCODING,
        )
        if done.returncode:
            return False, done.stderr
        saved = subprocess.run(
            [*enter, f"{program}-save", "-t", mutant.table], capture_output=True, check=True, **ENCODING
        )
        shown = without_remarks(saved.stdout)
        if backend == "nft" and "\n-A " not in shown:  # is the table this text's, or left of an earlier one?
            shown = without_remarks(load_and_save(mutant.text, backend, mutant.family))
        return True, shown


@contextmanager
def judge() -> Iterator[Judge]:
    """Hold a fresh network namespace open; it is there once the process in it has spoken."""
    inside = ["unshare", "-n", "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"ready\n"
        yield Judge(holder.pid)

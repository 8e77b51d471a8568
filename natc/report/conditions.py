"""The conditions of several cases in few words.

Cases exclude each other, and what a person reads need not: "port is 3000; or port is 80 and source in
10.0.0.0/8" says the same as three cases that take care not to overlap. So each condition is made as wide
as it can be without leaving what all of them cover together, and those inside others are left out.

What many rules ask and nobody can decide is said together: sets that have a packet or have not, and of rules
that ask several things at once their lines. The questions stand below the answer with their lines, and whole
in JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from natc.netfilter.packet import Domain, Open, Packet
from natc.trace.answer.outcome import Case, Question
from natc.trace.answer.wording import phrase

Known = Mapping[Open, Domain]

#: Questions by their lines: the line of a rule that asks several things at once, or few words.
Lines = Mapping[str, int | str]

_UNSEEN = re.compile(
    r"the (source|destination) was (?:not seen by list .*|seen by none of (\d+) lists)"
).fullmatch
_SET = re.compile(r"set (\S+) has (the packet's \S+)").fullmatch
_LINE = re.compile(r"line (\d+) matches").fullmatch
#: A question that one rule asks for itself, as its match and line; shorter ones are said whole.
_OF_LINE = re.compile(r"(-m \S+) .{40,} \(line (\d+)\)").fullmatch
_NOT = "not: "
#: With more sets than this in a row the first few are named, and the others counted.
_NAMED, _FIRST = 6, 3
#: Of how many conditions the shortest words are looked for: the search grows with their product.
_FEW = 12


def when(texts: Iterable[str]) -> str:
    """Return conditions, each of which is enough, as one phrase."""
    said = "; or ".join(filter(None, dict.fromkeys(texts)))
    return f"when {said}" if said else "in any case"


def in_few(texts: Iterable[str], lines: Lines | None = None) -> str:
    """Return conditions that hold together as one phrase; those of one kind are said together.

    A service with session affinity asks one list an endpoint, a network policy sets by the dozen.
    """
    said = dict[Any, list[str]]()
    for text in texts:
        kind, word = _kind_of(text, lines or {})
        said.setdefault(kind, []).append(word)
    ordered = sorted(said.items(), key=lambda item: _place(item[0]))
    return " and ".join(_together(kind, words, said) for kind, words in ordered)


def _kind_of(text: str, lines: Lines) -> tuple[tuple[str, ...], str]:
    """Return what kind a condition is of, and what tells it from others of its kind."""
    body = text.removeprefix(_NOT)
    if unseen := _UNSEEN(text):
        return ("unseen", unseen[1]), text
    asked, denial = lines.get(body), text[: -len(body)]
    if isinstance(asked, int):
        return ("line", denial), str(asked)
    if asked is not None:
        return ("text", text), denial + asked
    if found := _SET(body):
        return ("set", denial, found[2]), found[1]
    return ("text", text), text


def _place(kind: tuple[str, ...]) -> int:
    """Return where a kind of conditions stands: what is denied behind what holds, and unseen lists last."""
    return 0 if kind[0] == "text" else 3 if kind[0] == "unseen" else 2 if kind[1] else 1


def _together(kind: tuple[str, ...], words: Sequence[str], said: Iterable[Any]) -> str:
    if kind[0] == "unseen":
        return words[0] if len(words) == 1 else _unseen(kind[1], words, said)
    if kind[0] == "line":
        return _of_lines(sorted(words, key=int), denied=bool(kind[1]))
    if kind[0] == "set":
        return _of_sets(words, kind[2], denied=bool(kind[1]))
    return words[0]


def _unseen(who: str, words: Sequence[str], said: Iterable[Any]) -> str:
    seen = f"the {who} was seen by list "
    known = any(kind[0] == "text" and kind[1].startswith(seen) for kind in said)
    number = sum(int(found[2] or 1) for found in map(_UNSEEN, words) if found)
    return f"the {who} was seen by none of {number:,} {'others' if known else 'lists'}"


def _of_lines(lines: Sequence[str], *, denied: bool) -> str:
    if len(lines) == 1:
        return f"line {lines[0]} {'does not match' if denied else 'matches'}"
    said = _listed(_in_rows(lines))
    return f"{_none(lines)} of lines {said} matches" if denied else f"lines {said} match"


def _in_rows(lines: Sequence[str]) -> list[str]:
    """Return numbers with those that follow each other as one range, if they are three or more."""
    rows: list[list[int]] = []
    for number in map(int, lines):
        if rows and rows[-1][-1] == number - 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return [
        word for row in rows for word in ([f"{row[0]}-{row[-1]}"] if len(row) > 2 else [str(n) for n in row])
    ]


def _none(words: Sequence[str]) -> str:
    return "neither" if len(words) == 2 else "none"


def _of_sets(names: Sequence[str], what: str, *, denied: bool) -> str:
    if len(names) == 1:
        return f"{_NOT * denied}set {names[0]} has {what}"
    few = _listed(names if len(names) <= _NAMED else [*names[:_FIRST], f"{len(names) - _FIRST} more"])
    return f"{_none(names)} of the sets {few} has {what}" if denied else f"the sets {few} have {what}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def lines_of(questions: Sequence[Question]) -> Lines:
    """Return how questions can be told by their lines: those of which a line asks several are not."""
    lines: dict[str, int | str] = {
        one.text: one.rule.line for one in questions if one.value.kind == "rule" and one.rule
    }
    found = {one.text: _OF_LINE(one.text) for one in questions}
    short = {text: f"{own[1]} of line {own[2]}" for text, own in found.items() if own}
    times = Counter(short.values())
    return lines | {text: words for text, words in short.items() if times[words] == 1}


def conditions_of(packet: Packet, cases: Sequence[Case], lines: Lines | None = None) -> list[str]:
    """Return the conditions of several cases, one phrase each, as few as say the same."""
    return [in_words(packet, known, lines) for known in knowns_of(cases)]


def knowns_of(cases: Sequence[Case]) -> list[Known]:
    """Return the conditions of several cases, as few as cover the same."""
    return simplest(_joined([case.known for case in cases]))


def in_words(packet: Packet, known: Known, lines: Lines | None = None) -> str:
    """Return one condition as a phrase."""
    return in_few((phrase(packet, value, domain) for value, domain in known.items()), lines)


def shared(conditions: Sequence[Known]) -> tuple[Known, list[Known]]:
    """Return what conditions have in common, and what each has besides."""
    common: Known = conditions[0]
    for known in conditions[1:]:
        common = {value: domain for value, domain in common.items() if known.get(value) == domain}
    rests: list[Known] = [
        {v: domain for v, domain in known.items() if v not in common} for known in conditions
    ]
    return common, rests


def alternatives(texts: Iterable[str]) -> list[str]:
    """Return conditions, each of which is enough, with those that one line matches said together."""
    numbers, out = list[str](), list[str]()
    for text in sorted(texts, key=len):
        found = _LINE(text)
        (numbers if found else out).append(found[1] if found else text)
    if len(numbers) > 1:
        return [f"one of lines {_listed(_in_rows(sorted(numbers, key=int)))} matches", *out]
    return [*(_of_lines(numbers, denied=False) for _ in numbers), *out]


def _joined(cases: Sequence[Known]) -> list[Known]:
    """Join cases that differ only in the set of one open value."""
    out: list[dict[Open, Domain]] = []
    for known in cases:
        for other in out:
            if known.keys() != other.keys():
                continue
            differing = [value for value, domain in known.items() if other[value] != domain]
            if len(differing) == 1:
                other[differing[0]] = other[differing[0]] | known[differing[0]]  # type: ignore[operator]
                break
        else:
            out.append(dict(known))
    return [{value: domain for value, domain in known.items() if domain != value.domain} for known in out]


def simplest(cases: Sequence[Known]) -> list[Known]:
    """Return conditions that cover together what ``cases`` do, each as wide as that allows."""
    if not 1 < len(cases) <= _FEW:
        return list(cases)
    wide = list({frozenset(known.items()): known for known in (_widened(c, cases) for c in cases)}.values())
    for known in list(wide):
        others = [other for other in wide if other is not known]
        if _inside(known, others):
            wide = others
    return wide


def _widened(known: Known, cases: Sequence[Known]) -> Known:
    """Drop what need not be said, one value after the other."""
    for value in known:
        less = {other: domain for other, domain in known.items() if other != value}
        if value.domain is not None and _inside(less, cases):
            return _widened(less, cases)
    return known


def _inside(known: Known, cases: Sequence[Known]) -> bool:
    """Tell whether every packet of a condition is one of some case's."""
    if not cases:
        return False
    first, rest = cases[0], cases[1:]
    return all(_inside(left, rest) for left in _outside(known, first))


def _outside(known: Known, case: Known) -> Iterator[Known]:
    """Yield what is left of a condition without a case, in parts that exclude each other."""
    inside = dict(known)
    for value, wanted in case.items():
        domain: Any = inside.get(value, value.domain)
        if domain is None:  # only the same words can be compared
            yield inside
            return
        within: Any = domain & wanted
        if left := domain - wanted:
            yield inside | {value: left}
        if not within:
            return
        inside[value] = within

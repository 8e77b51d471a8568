"""Rules as programs write them, in the words in which iptables-save shows them, many at a time.

A program writes thousands of rules in a few wordings. Of each wording one line, with stand-ins for what
differs from line to line (chain hashes, addresses, ports, names of Services), is read and printed; that
shows where each of these goes. Further lines of the wording are put together from it without being read.
Only what every reader prints as it stands is treated so; a line with anything else is read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import field

from natc.netfilter.hooks import BUILTIN_CHAINS, VERDICTS
from natc.netfilter.targets import target_class
from natc.text.reader import read
from natc.values import define, frozen

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"


@frozen
class _Kind:
    """Words that differ from line to line."""

    before: str
    """What stands before such a word, as a look-behind."""
    word: str
    behind: str
    """What may stand behind it, as a look-ahead."""
    stand_ins: tuple[str, ...]
    """Words of the kind that no rule has, as many as may stand in one line."""


_KINDS = (
    _Kind("(?<=-)", "[A-Z2-7]{16}", r'(?=[ "]|\Z)', tuple(f"STANDIN{c * 9}" for c in "ABCDEFGH")),
    _Kind('(?:(?<=--comment )|(?<=")|(?<= for )|(?<=traffic to ))',
          "[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.:-]*", '(?=[ "])',
          tuple(f"stand-in/{c}" for c in "abcdefgh")),
    _Kind("(?<= )", rf"(?:{_OCTET}\.){{3}}{_OCTET}", r"(?=[ :]|\Z)",
          tuple(f"198.18.77.{n}" for n in range(201, 209))),
    _Kind(r"(?:(?<=--dport )|(?<=\d:))", r"[1-9]\d{0,4}", r'(?=[ "]|\Z)',
          tuple(f"2{n}977" for n in range(1, 9))),
)  # fmt: skip
_VARYING = re.compile("|".join(f"{kind.before}({kind.word}){kind.behind}" for kind in _KINDS))
#: So many wordings are tried behind one before a line is looked at from scratch.
_FOLLOWERS = 4
_CHAIN = re.compile(r"^-A (\S+)|-[jg] (\S+)")


@define(eq=False)
class _Wording:
    """How lines of one wording are taken apart and put together."""

    fullmatch: Callable[[str], re.Match[str] | None]
    example: str
    """A line of the wording with stand-ins."""
    words: list[str]
    """The stand-ins, in the order in which they stand there."""
    template: str = ""
    """A format of what the expression's groups hold."""


@define
class Respeller:
    """Turns the rules of one table into save form, learning as it goes."""

    table: str
    family: int = 4
    _after: dict[_Wording | None, list[_Wording]] = field(factory=dict)
    """Which wordings came behind each, the last first: lines follow each other as others did before."""
    _known: dict[str, _Wording] = field(factory=dict)

    def lines(self, lines: Iterable[str]) -> list[str]:
        """Return rules as iptables-save shows them. Raises DumpError for what is no rule."""
        taken = []
        last: _Wording | None = None
        for line in lines:
            for wording in self._after.get(last, ()):
                match = wording.fullmatch(line)
                if match:
                    break
            else:
                wording = self._wording(line)
                match = wording.fullmatch(line)
                assert match is not None
                self._after[last] = [wording, *self._after.get(last, ())][:_FOLLOWERS]
            taken.append((wording, match))
            last = wording
        self._learn()
        return [wording.template.format(*match.groups()) for wording, match in taken]

    def _wording(self, line: str) -> _Wording:
        pieces = _VARYING.split(line)
        step = len(_KINDS) + 1
        fixed = pieces[::step]
        kinds = [
            next(kind for kind in range(len(_KINDS)) if pieces[at + 1 + kind] is not None)
            for at in range(0, len(pieces) - 1, step)
        ]
        if max(map(kinds.count, kinds), default=0) > len(_KINDS[0].stand_ins):
            fixed, kinds = [line], []
        key = "\0".join(f"{text}{kind}" for text, kind in zip(fixed, [*kinds, ""], strict=True))
        if key not in self._known:
            self._known[key] = _made(fixed, kinds)
        return self._known[key]

    def _learn(self) -> None:
        """Read one line of each new wording with its stand-ins, and see where they went."""
        new = [wording for wording in self._known.values() if not wording.template]
        shown = _saved([wording.example for wording in new], self.table, self.family)
        for wording, text in zip(new, shown, strict=True):
            template = text.replace("{", "{{").replace("}", "}}")
            for place, word in enumerate(wording.words):
                template = template.replace(word, f"{{{place}}}")
            wording.template = template


def _made(fixed: list[str], kinds: list[int]) -> _Wording:
    used = [iter(kind.stand_ins) for kind in _KINDS]
    words = [next(used[kind]) for kind in kinds]
    groups = [f"({_KINDS[kind].word})" for kind in kinds]
    expression = "".join(re.escape(a) + b for a, b in zip(fixed, [*groups, ""], strict=True))
    example = "".join(a + b for a, b in zip(fixed, [*words, ""], strict=True))
    return _Wording(re.compile(expression).fullmatch, example, words)


def _saved(lines: list[str], table: str, family: int) -> list[str]:
    """Return rules of a table as iptables-save shows them, in their order."""
    if not lines:
        return []
    names = {name for line in lines for pair in _CHAIN.findall(line) for name in pair if name}
    builtin = BUILTIN_CHAINS[table]
    chains = sorted(name for name in names - VERDICTS if target_class(name) is None)
    heads = [f":{name} {'ACCEPT' if name in builtin else '-'}" for name in chains]
    ruleset = read("\n".join([f"*{table}", *heads, *lines, "COMMIT", ""]), family=family)
    return [rule.save() for rule in sorted(ruleset.rules(), key=lambda rule: rule.line)]

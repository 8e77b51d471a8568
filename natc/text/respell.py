"""Rules as programs write them, in the words in which iptables-save shows them, many at a time.

A program writes thousands of chains in a few wordings. Of each wording one chain, with stand-ins for what
differs from chain to chain (hashes, addresses, ports, names of Services), is read and printed; that shows
where each of these goes. Further chains of the wording are put together from it without being read. Only
what every reader prints as it stands is treated so; a line with anything else is read by itself. Taking
chains and not lines for a wording halves the time: there are three rules in a chain of kube-proxy's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import ascii_lowercase, ascii_uppercase

from attrs import field

from natc.netfilter.hooks import BUILTIN_CHAINS, VERDICTS
from natc.netfilter.targets import target_class
from natc.text.delivered import known_shapes
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
    """Words of the kind that no rule has, as many as may stand in one text."""


_KINDS = (
    _Kind("(?<=-)", "[A-Z2-7]{16}", r'(?=[ "\n]|\Z)', tuple(f"STANDIN{c * 9}" for c in ascii_uppercase)),
    _Kind('(?:(?<=--comment )|(?<=")|(?<= for )|(?<=traffic to ))',
          "[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.:-]*", '(?=[ "])',
          tuple(f"stand-in/{c}" for c in ascii_lowercase)),
    _Kind("(?<= )", rf"(?:{_OCTET}\.){{3}}{_OCTET}", r"(?=[ :\n]|\Z)",
          tuple(f"198.18.77.{n}" for n in range(201, 227))),
    _Kind(r"(?:(?<=--dport )|(?<=\d:))", r"[1-9]\d{0,4}", r'(?=[ "\n]|\Z)',
          tuple(f"{n}977" for n in range(20, 46))),
)  # fmt: skip
_VARYING = re.compile("|".join(f"{kind.before}({kind.word}){kind.behind}" for kind in _KINDS))
#: So many wordings are tried behind one before a text is looked at from scratch.
_FOLLOWERS = 6
#: The rules of a chain of more are taken one by one.
_MOST_LINES = 12
_CHAIN = re.compile(r"^-A (\S+)|-[jg] (\S+)")


@define(eq=False)
class _Wording:
    """How texts of one wording are taken apart and put together."""

    fullmatch: Callable[[str], re.Match[str] | None]
    example: str
    """A text of the wording with stand-ins."""
    words: list[str]
    """The stand-ins, in the order in which they first stand there."""
    shown: Callable[..., str] = str
    """Puts what the expression's groups hold into save form, once that is known."""


@define
class Respeller:
    """Turns the chains of one table into save form, learning as it goes."""

    table: str
    family: int = 4
    _after: dict[_Wording | None, list[_Wording]] = field(factory=dict)
    """Which wordings came behind each: chains follow each other as others did before."""
    _known: dict[str, _Wording] = field(factory=dict)
    _last: _Wording | None = None

    def chains(self, chains: Mapping[str, list[str]]) -> dict[str, str]:
        """Return the rules of chains, ``-A`` lines, as iptables-save shows them: one text for each chain.

        Every line ends in a newline. Raises DumpError for what is no rule.
        """
        taken: dict[str, tuple[_Wording, re.Match[str]]] = {}
        longer: dict[str, list[tuple[_Wording, re.Match[str]]]] = {}
        for name, lines in chains.items():
            if 0 < len(lines) <= _MOST_LINES:
                taken[name] = self._match("\n".join(lines))
            else:
                longer[name] = [self._match(line) for line in lines]
        self._learn()
        texts = {name: wording.shown(*match.groups()) for name, (wording, match) in taken.items()}
        for name, parts in longer.items():
            texts[name] = "".join([wording.shown(*match.groups()) for wording, match in parts])
        return {name: texts[name] for name in chains}

    def _match(self, text: str) -> tuple[_Wording, re.Match[str]]:
        """Find a text's wording, first among those that followed the last one; the usual ones come first."""
        followers = self._after.setdefault(self._last, [])
        for place, wording in enumerate(followers):
            match = wording.fullmatch(text)
            if match:
                if place:
                    followers[place - 1 : place + 1] = wording, followers[place - 1]
                break
        else:
            wording = self._wording(text)
            match = wording.fullmatch(text)
            assert match is not None
            followers[_FOLLOWERS - 1 :] = [wording]
        self._last = wording
        return wording, match

    def _wording(self, text: str) -> _Wording:
        pieces = _VARYING.split(text)
        step = len(_KINDS) + 1
        fixed, words = pieces[::step], list[tuple[int, str]]()
        for at in range(1, len(pieces), step):
            kind = next(kind for kind in range(len(_KINDS)) if pieces[at + kind] is not None)
            words.append((kind, pieces[at + kind]))
        kinds = [kind for kind, _ in dict.fromkeys(words)]
        if max(map(kinds.count, kinds), default=0) > len(_KINDS[0].stand_ins):
            fixed, words = [text], []
        places = {word: place for place, word in enumerate(dict.fromkeys(words))}
        key = "\0".join(f"{a}{word[0]}.{places[word]}" for a, word in zip(fixed, words, strict=False))
        key += f"\0{fixed[-1]}"
        if key not in self._known:
            self._known[key] = _made(fixed, words)
        return self._known[key]

    def _learn(self) -> None:
        """Read one text of each new wording with its stand-ins, and see where they went."""
        new = [wording for wording in self._known.values() if wording.shown is str]
        shown = iter(_saved([wording.example for wording in new], self.table, self.family))
        for wording in new:
            template = "".join(f"{next(shown)}\n" for _ in wording.example.split("\n"))
            template = template.replace("{", "{{").replace("}", "}}")
            for place, word in enumerate(wording.words):
                template = template.replace(word, f"{{{place}}}")
            wording.shown = template.format


def _made(fixed: list[str], words: list[tuple[int, str]]) -> _Wording:
    """Make a wording; a word that stands in several places has to be the same in all of them."""
    unused = [iter(kind.stand_ins) for kind in _KINDS]
    stand_ins = {word: next(unused[word[0]]) for word in dict.fromkeys(words)}
    groups: dict[tuple[int, str], str] = {}
    expression, example = re.escape(fixed[0]), fixed[0]
    for word, text in zip(words, fixed[1:], strict=True):
        again = word in groups
        groups.setdefault(word, f"(?P=w{len(groups)})")
        group = groups[word]
        expression += group if again else f"(?P<{group[4:-1]}>{_KINDS[word[0]].word})"
        expression += re.escape(text)
        example += stand_ins[word] + text
    return _Wording(re.compile(expression).fullmatch, example, list(stand_ins.values()))


def _saved(texts: list[str], table: str, family: int) -> list[str]:
    """Return rules of a table as iptables-save shows them, in their order."""
    lines = [line for text in texts for line in text.split("\n")]
    if not lines:
        return []
    names = {name for line in lines for pair in _CHAIN.findall(line) for name in pair if name}
    builtin = BUILTIN_CHAINS[table]
    chains = sorted(name for name in names - VERDICTS if target_class(name) is None)
    heads = [f":{name} {'ACCEPT' if name in builtin else '-'} [0:0]" for name in chains]
    text = "\n".join([f"*{table}", *heads, *lines, "COMMIT", ""])
    ruleset = read(text, family=family, cache=known_shapes())
    return [rule.save() for rule in sorted(ruleset.rules(), key=lambda rule: rule.line)]

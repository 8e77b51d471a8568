"""Rules in unusual spellings, in the words the grammar knows.

iptables-restore reads a line in two steps: it cuts the line into words, minding quotes, and hands
these to getopt_long, which accepts long options cut short, ``--option=value``, and options in any
order: an option belongs to the extension loaded last that has one of that name. The grammar has one
place for each option. When Lark refuses a line, it is cut into words here, every option is written
out in full and put behind its extension, and Lark is asked again: it stays the judge. Which options
there are, and how many words they take, is read off the grammar's own rules.

Facts: add_param_to_argv and do_parse of iptables 1.8.9 (xshared.c); getopt_long(3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from natc.netfilter.opaque import UNSUPPORTED
from natc.text.grammar import Grammar
from natc.values import define, field, frozen

_BARE = re.compile(r"[^\s\"\\]+\Z")
_ESCAPED = re.compile(r"([\"\\])")
_COUNTERS = re.compile(r"\[(\d+):(\d+)\][ \t]*")
#: What iptables-save prints of an extension whose options it does not know (xtables-save.c, 1.4.13 on).
_UNSUPPORTED = re.compile(r"(?<=\s)(-[mj]) (\S+) \[unsupported revision\]")
#: Long options of iptables that no line of the grammar holds; they make a shortened one ambiguous.
_OTHER = ("--table", "--numeric", "--verbose", "--wait", "--exact", "--version", "--help", "--line-numbers",
          "--modprobe", "--set-counters", "--ipv4", "--ipv6")  # fmt: skip
#: Options of one letter whose argument may follow without a blank. iptables looks for that of -j in the
#: next word even then.
_GLUED = frozenset("AIDRNFXZPEgm")

#: What iptables calls a match besides (xtables_find_match in libxtables).
_ALIASES = {"icmpv6": "icmp6", "ipv6-icmp": "icmp6"}
#: Options of the grammar that the programs of a family do not have: they make no shortened one ambiguous.
_OF_OTHER_FAMILY = {4: frozenset({"--icmpv6-type"}), 6: frozenset({"--icmp-type", "--fragments"})}

#: Extensions whose options may be negated without meaning: libxt_SET does not look at the negation.
_DEAF = frozenset({"targets/SET"})


def words_of(line: str) -> list[str]:
    """Cut a line into words as iptables-restore does.

    A quote may open in the middle of a word, and the word ends where it closes; inside, a backslash
    takes the next character as it is. A word whose quote is never closed holds the end of the line.
    """
    out: list[str] = []
    word, quoted, opened, escaped = "", False, False, False
    for char in line + "\n":
        if opened and (escaped or char not in '"\\'):
            word, escaped = word + char, False
        elif opened and char == "\\":
            escaped = True
        elif char == '"' and not opened:
            opened = quoted = True
        elif char in '" \t\n':
            opened = False
            if word or quoted:
                out.append(word)
            word, quoted = "", False
        else:
            word += char
    return [*out, word] if word else out


def _quoted(word: str) -> str:
    return word if _BARE.match(word) else '"' + _ESCAPED.sub(r"\\\1", word) + '"'


@frozen
class Taken:
    """How many words an option takes."""

    least: int
    most: int


Options = Mapping[str, Taken]


@frozen(eq=False)
class _Known:
    """The options of a grammar: of the rule itself, of its commands, and of each block."""

    rule: Options
    commands: Options
    blocks: Mapping[str, Options]


@lru_cache(maxsize=8)
def _known(grammar: Grammar) -> _Known:
    rules: dict[str, list[Any]] = {}
    for rule in grammar.lark.rules:
        rules.setdefault(rule.origin.name, []).append(rule.expansion)
    spell = {terminal.name: grammar.spellings(terminal.name) for terminal in grammar.lark.terminals}
    own = _options(rules, ["header"], spell)
    commands = _options(rules, ["command", "order"], spell)
    blocks: dict[str, Options] = {}
    for kind, origin in (("matches", "match"), ("targets", "target")):
        for expansion in rules[origin]:
            for name in spell.get(expansion[1].name, ()):
                nodes = [symbol.name for symbol in expansion[2:] if not symbol.is_term]
                block = f"{kind}/{name}"
                blocks[block] = {**blocks.get(block, {}), **_options(rules, nodes, spell)}
    return _Known(own, commands, blocks)


def _options(
    rules: Mapping[str, list[Any]], nodes: Iterable[str], spell: Mapping[str, tuple[str, ...]]
) -> Options:
    """Return the options in the rules that can be reached from ``nodes``, those of the rule itself aside."""
    out: dict[str, Taken] = {}
    left, seen = list(nodes), {"header", "implicit"}.difference(nodes)
    while left:
        node = left.pop()
        seen.add(node)
        for expansion in rules.get(node, ()):
            left += [s.name for s in expansion if not s.is_term and s.name not in seen]
            terms = [s.name for s in expansion if s.is_term and s.name != "NOT"]
            names = spell.get(terms[0], ()) if terms else ()
            for name in names:
                count, old = len(terms) - 1, out.get(name)
                out[name] = Taken(min(count, old.least), max(count, old.most)) if old else Taken(count, count)
    return out


@define
class _Segment:
    """An extension and the words behind it; the first segment is the rule's own."""

    options: Options
    words: list[str] = field(factory=list)
    deaf: bool = False
    """Whether negations of its options are passed over."""


@define
class _Speller:
    known: _Known
    family: int
    implied: Mapping[str, str]
    """Which match a protocol brings along."""
    left: list[str]
    command: list[str] = field(factory=list)
    segments: list[_Segment] = field(factory=lambda: [_Segment({})])
    protocol: str = ""
    negation: list[str] = field(factory=list)
    counters: str = ""
    of_other_family: bool = False

    def line(self) -> str:
        """Return the line in the grammar's words; empty when it is for the other family."""
        while self.left:
            self._word(self.left.pop(0))
        if self.of_other_family:
            return ""
        words = [
            *self.command,
            *(word for segment in self.segments for word in segment.words),
            *self.negation,
        ]
        return " ".join(filter(None, [self.counters, *map(_quoted, words)]))

    def _word(self, word: str) -> None:
        if word == "!":
            self.negation.append(word)
        elif word.startswith("--") and len(word) > 2:
            name, equals, value = word.partition("=")
            name = self._in_full(name)
            if equals and not self._takes_value(name):
                self._put(self.segments[-1], word, 0)
                return
            if equals:
                self.left.insert(0, value)
            self._option(name)
        elif word.startswith("-") and len(word) > 1:
            if len(word) > 2 and word[1] in _GLUED:
                self.left.insert(0, word[2:])
            self._option(word[:2] if word[1] in _GLUED else word)
        else:
            self._put(self.segments[-1], word, 0)

    def _option(self, name: str) -> None:
        if name in ("-4", "-6", "--ipv4", "--ipv6"):
            self.of_other_family |= (self.family == 4) is (name in ("-6", "--ipv6"))
        elif name in ("-c", "--set-counters"):
            packets, comma, octets = (self.left.pop(0) if self.left else "").partition(",")
            if not comma and self.left:
                octets = self.left.pop(0)
            self.counters = f"[{packets}:{octets}]"
        elif name in self.known.commands:
            self.command += [name, *self._arguments(self.known.commands[name])]
        elif name in ("-m", "--match", "-j", "--jump", "-g", "--goto"):
            self._extension(name)
        elif name in self.known.rule:
            self._own(name)
        else:
            segment = self._holder(name)
            taken = segment.options.get(name, Taken(0, 0))
            if segment.deaf and name in segment.options:
                self.negation = []
            self._put(segment, name, taken.least, taken.most)

    def _takes_value(self, name: str) -> bool:
        """Tell whether ``--option=value`` may be: a flag has no value, and ``--jump`` looks for its own.

        So do the extensions' options whose value may be left out.
        """
        known = [self.known.rule, *(segment.options for segment in self.segments)]
        return name != "--jump" and all(options[name].least for options in known if name in options)

    def _own(self, name: str) -> None:
        taken = self.known.rule[name]
        if name in ("-p", "--protocol") and self.left and not self.negation:
            self.protocol = self.left[0].lower()
        self._put(self.segments[-1], name, taken.least, taken.most)

    def _extension(self, option: str) -> None:
        name = self.left.pop(0) if self.left else ""
        kind = "matches" if option in ("-m", "--match") else "targets"
        if kind == "matches":
            name = _ALIASES.get(name, name)
        block = f"{kind}/{name}"
        self.segments.append(_Segment(self.known.blocks.get(block, {}), deaf=block in _DEAF))
        self._put(self.segments[-1], option, 0)
        if name:
            self.segments[-1].words.append(name)

    def _holder(self, name: str) -> _Segment:
        """Return the extension an option belongs to: the latest that has it, else the protocol's own."""
        for segment in reversed(self.segments):
            if name in segment.options:
                return segment
        implied = self.implied.get(self.protocol, "")
        options = self.known.blocks.get(f"matches/{implied}", {})
        if name in options:
            self.segments.append(_Segment(options, ["-m", implied]))
        return self.segments[-1]

    def _in_full(self, name: str) -> str:
        """Return the one long option that begins with ``name``, else ``name`` itself."""
        names = {*self.known.rule, *self.known.commands, *_OTHER, "--match", "--jump", "--goto"}
        for segment in self.segments:
            names.update(segment.options)
        names -= _OF_OTHER_FAMILY[self.family]
        fitting = [other for other in names if other.startswith(name)]
        if not fitting:  # only then iptables loads the protocol's match
            implied = self.known.blocks.get(f"matches/{self.implied.get(self.protocol, '')}", {})
            fitting = [other for other in implied if other.startswith(name)]
        return fitting[0] if name not in names and len(fitting) == 1 else name

    def _put(self, segment: _Segment, word: str, least: int, most: int = 0) -> None:
        arguments = self._arguments(Taken(least, most))
        segment.words += [*self.negation, word, *arguments]
        self.negation = []

    def _arguments(self, taken: Taken) -> list[str]:
        out: list[str] = []
        while self.left and len(out) < taken.most:
            if len(out) >= taken.least and self.left[0].startswith(("-", "!")):
                break
            if self.left[0] == "!" and not out:
                self.negation.append(self.left.pop(0))
                continue
            out.append(self.left.pop(0))
        return out


def respelled(line: str, grammar: Grammar, family: int, implied: Mapping[str, str]) -> str:
    """Return a rule in the grammar's own words; empty when it is marked for the other family.

    ``implied`` says which match a protocol brings along. What cannot be resolved stays as it is.
    """
    line = _UNSUPPORTED.sub(rf"\1 {UNSUPPORTED} --revision-of \2", line)
    counters = _COUNTERS.match(line)
    rest = line[counters.end() :] if counters else line
    speller = _Speller(_known(grammar), family, implied, words_of(rest))
    if counters:
        speller.counters = counters.group().rstrip()
    return speller.line()

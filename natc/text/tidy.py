"""Rulesets as people paste them: what can be passed over without a doubt is, and said.

iptables-restore takes nothing but its own lines. A file that somebody sends for help holds more: the
prompt and the command, what ssh or kubectl said, carriage returns, a listing of ``iptables -S`` without the
table's name, no COMMIT where it was cut off. None of that changes what the rules mean. A rule that
cannot be read does, so it stays an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from natc.errors import printable
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.text.source import BYTE_ORDER_MARK
from natc.values import define, field, frozen

if TYPE_CHECKING:
    pass

#: What iptables-restore may know: tables, chains, COMMIT, rules and orders, behind blanks or not.
_STATEMENT = re.compile(
    r"\*[ \t]*[a-z]+\Z|:[ \t]*\S+[ \t]+(?:ACCEPT|DROP|QUEUE|RETURN|-)(?:[ \t]|\Z)|COMMIT\Z"
    r"|(?:\[\d+:\d+\][ \t]*)?(?:-[A-Z]|--(?:append|insert|policy|new-chain))(?:[ \t]|\Z)"
)
#: A command that shows or saves rules, and the table it asks for.
_COMMAND = re.compile(
    r"(?:.*[\s;&|'\"`/])?ip6?tables(?:-nft|-legacy)?(?:(-save)\b.*|([ \t].*(?:-\w*S|--list-rules)\b.*))"
)
_TABLE = re.compile(r"\s(?:-t\s*|--table[\s=])(\w+)")
#: What mail and chat put before a line.
_QUOTED = re.compile(r"\A(?:> ?)+(?=[-*:#\[]|COMMIT)")
#: A shell's prompt, with a command behind it or not.
_PROMPT = re.compile(r"(?:\S+@\S+.*|\[\S+[^\]]*\]|[\w.~/-]*)[$#%>](?:[ \t].*)?\Z")
_ROOT_PROMPT = re.compile(r"# ?(?:sudo )?ip6?tables")
#: What shells and programs that carry a text say around it.
_SAID = re.compile(
    r"EOF|exit|logout|Connection to .* closed\.?|Defaulted container .*|command terminated with .*"
    r"|Unable to use a TTY.*|sudo: .*|\[sudo\] .*|[Ww]arning: .*|```.*|-{3,}|={3,}|\.{3,}|\[\.{3}\]|~+"
    r"|(?:exists|create|update|delete|ignore) \S+ \(\S+\)"
)
#: Targets that stand in the nat table only.
_NAT_ONLY = re.compile(r" (?:-j|--jump) (?:DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP)\b")
_CHAIN_USED = re.compile(
    r"(?:-P|-A|--append|--policy|:)[ \t]*(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)\b"
)
_SHOWN = 60


@frozen
class Tidied:
    """A text line by line as it was, without what iptables-restore would not know."""

    text: str
    notes: tuple[str, ...]
    """What was passed over, a sentence each."""
    unnamed: str
    """The table of the lines that name none."""


def tidy(text: str) -> Tidied:
    """Take out of a text what can be passed over; every line keeps its number."""
    return _Tidier(
        text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").removesuffix("\r").split("\n")
    ).tidied()


@define
class _Tidier:
    lines: list[str]
    out: list[str] = field(factory=list)
    notes: list[str] = field(factory=list)
    inside: bool = False
    """Whether a table is open, or a listing has begun."""
    framed: bool = False
    """Whether the open table began with its name, and ends with COMMIT."""

    def tidied(self) -> Tidied:
        number = 0
        while number < len(self.lines):
            line, more = self._whole(number)
            self.out.append(self._line(line, number + 1))
            self.out += [""] * more
            number += 1 + more
        return Tidied("\n".join(self.out), tuple(self.notes), table_of(self.out))

    def _whole(self, number: int) -> tuple[str, int]:
        """Return a line with those that a backslash at its end continues, and how many these are."""
        line, more = self.lines[number], 0
        while line.endswith("\\") and number + more + 1 < len(self.lines):
            more += 1
            line = f"{line[:-1].rstrip()} {self.lines[number + more].strip()}"
        return line, more

    def _line(self, line: str, number: int) -> str:
        bare = _QUOTED.sub("", line.strip().strip("`"))
        command = _COMMAND.fullmatch(bare)
        if (bare.startswith("#") and not (command and self._at_root_prompt(bare))) or not bare:
            return bare
        if _STATEMENT.match(bare):
            self.inside = bare != "COMMIT"
            self.framed = bare.startswith("*") or (self.framed and self.inside)
            return bare
        if command:
            return self._command(bare, command)
        if self.inside and not (_PROMPT.match(bare) or _SAID.fullmatch(bare)):
            return line
        shown = bare[:_SHOWN] + "..." * (len(bare) > _SHOWN)
        self.notes.append(f"{number}: passed over: {printable(shown)}")
        return ""

    def _at_root_prompt(self, line: str) -> bool:
        """Tell whether a line is a command of root's and no comment: it stands in no table."""
        return not self.framed and _ROOT_PROMPT.match(line) is not None

    def _command(self, line: str, command: re.Match[str]) -> str:
        """Return the line that names the table which a command asks for, when what it shows names none.

        The command stays in it as a remark: it tells the family.
        """
        saves, words = command.groups()
        named = _TABLE.search(words) if words else None
        self.inside = self.framed = False
        return f"# {line}" if saves else f"*{named[1] if named else 'filter'} # {line}"


def table_of(lines: list[str]) -> str:
    """Return the table that the lines before any ``*TABLE`` are likely from: one that has their chains."""
    listed = []
    for line in lines:
        if line.startswith("*"):
            break
        listed.append(line)
    text = "\n".join(listed)
    if _NAT_ONLY.search(text):
        return "nat"
    used = set(_CHAIN_USED.findall(text))
    return next((name for name in ("filter", "nat") if used <= {*BUILTIN_CHAINS[name]}), "mangle")

"""From the tree that Lark made of a line to its blueprint: which word belongs to which option.

A chain behind ``-j`` must not be the name of a target extension, which would be another shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from natc.netfilter.extension import Match, Target
from natc.netfilter.header import Header
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.matches import match_class
from natc.netfilter.opaque import Opaque, opaque_match, opaque_target
from natc.netfilter.targets import target_class
from natc.text.grammar import Grammar, extensions, no_target
from natc.text.shapes.blueprints import Blueprint, PartWords, UseWords
from natc.text.shapes.line_shape import COMMANDS
from natc.values import define, field

if TYPE_CHECKING:
    from lark import Token

#: Literals that decide what the rest of a line means, so they belong to its shape.
_SHAPING = frozenset({"PROTOCOL", "OPAQUE_OPTION"})
#: Which match a protocol's own options belong to when they are used without ``-m``.
IMPLIED = {
    "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp", "sctp": "sctp", "132": "sctp",
    "dccp": "dccp", "33": "dccp", "udplite": "udplite", "136": "udplite", "icmp": "icmp", "1": "icmp",
    "icmpv6": "icmp6", "ipv6-icmp": "icmp6", "58": "icmp6", "esp": "esp", "50": "esp", "ah": "ah", "51": "ah",
}  # fmt: skip


#: The lines around the rules that begin in the first column.
_FRAMING = frozenset({"table", "chain", "commit", "remark"})

#: No verdict stands here: ``-g`` leads to chains only.
_NO_VERDICT = rf"(?!(?:{'|'.join(sorted(VERDICTS))})(?:[ \t]|$))"


class ShapeError(ValueError):
    """A line that the grammar takes and iptables would not; ``token`` is the culprit."""

    def __init__(self, message: str, token: Token, expected: str | None = None) -> None:
        super().__init__(message)
        self.token = token
        self.expected = expected


def nearest_match(name: str) -> str | None:
    """Return the known matches whose names are close to ``name``, as a phrase."""
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(extensions("matches")), 3)
    return " or ".join(close) if close else None


def blueprint(grammar: Grammar, tree: Any, line: str, family: int, opaque: Opaque) -> Blueprint:
    """Return the blueprint of a parsed line.

    Raises :class:`ShapeError` for options of a protocol that the rule does not name.
    """
    if not tree.children:
        return Blueprint("empty", family, ("", ""), (r"[ \t]*",))
    builder = _Builder(grammar, line, family, opaque)
    return builder.finish(builder.statement(tree.children[0]))


@define
class _Draft:
    """A part of the rule while its uses are being collected."""

    kind: type[Header] | type[Match] | type[Target]
    uses: list[UseWords] = field(factory=list)

    def part(self) -> PartWords:
        return PartWords(self.kind.name, tuple(self.uses))


@define
class _Builder:
    grammar: Grammar
    line: str
    family: int
    opaque: Opaque
    literals: list[str] = field(factory=list)
    """The pattern of each literal, in order."""
    fixed: list[str] = field(factory=lambda: [""])
    """The text before each literal and behind the last one: one more than there are literals."""
    position: int = 0
    header: _Draft = field(factory=lambda: _Draft(Header))
    matches: list[_Draft] = field(factory=list)
    target: _Draft | None = None
    behind: int = 0
    """How many literals stand before the target."""
    jump: int | None = None
    goto: bool = False
    protocol: str = ""
    counters: int | None = None
    chain: int = 0
    insert_at: int | None = None

    # ---- the tree

    def statement(self, tree: Any) -> str:
        """Walk one statement; return its kind."""
        if tree.data != "rule":
            self._at_line_start(tree)
            for token in tree.children:
                self.token(token)
            return str(tree.data)
        kind = ""
        for child in tree.children:
            if not hasattr(child, "data"):
                self.counters = self.token(child)
            elif child.data in COMMANDS:
                kind = str(child.data)
                _, chain, *number = [self.token(t) for t in child.children]
                self.chain, self.insert_at = chain or 0, number[0] if number else None
            else:
                self._clause(child)
        return kind

    def _at_line_start(self, tree: Any) -> None:
        """iptables-restore knows these lines by their first byte, and COMMIT as the whole line."""
        first = tree.children[0]
        if tree.data in _FRAMING and first.start_pos != 0:
            raise ShapeError(f"{first} is known only at the beginning of a line", first)
        if tree.data == "commit" and first.end_pos != len(self.line):
            raise ShapeError("COMMIT must be all of its line", first)

    def _clause(self, tree: Any) -> None:
        handler = getattr(self, f"_{tree.data}", None)
        assert handler is not None, f"the grammar has a node {tree.data} that nothing reads"
        handler(tree)

    def _header(self, tree: Any) -> None:
        use = self._use(tree)
        name, inverted, words = use
        if Header.by_spelling[name][0] == "protocol" and not inverted:
            self.protocol = str(words[0]).lower()
        self.header.uses.append(use)

    def _implicit(self, tree: Any) -> None:
        name = IMPLIED.get(self.protocol)
        kind = match_class(name) if name else None
        if kind is None:
            option = next(t for t in tree.children if t.type != "NOT")
            raise ShapeError(f"{option} without a -p or -m before it that has such an option", option)
        draft = self._draft_of(kind)
        draft.uses.append(self._use(tree))

    def _draft_of(self, kind: type[Match]) -> _Draft:
        """The protocol's match: the one already loaded, else a new one, as iptables loads it."""
        for draft in self.matches:
            if draft.kind is kind:
                return draft
        self.matches.append(_Draft(kind))
        return self.matches[-1]

    def _match(self, tree: Any) -> None:
        kind = match_class(str(tree.children[1]))
        assert kind is not None, f"matches/{tree.children[1]}.lark has no class"
        self.matches.append(_Draft(kind))
        self._block(tree, self.matches[-1])

    def _target(self, tree: Any) -> None:
        kind = target_class(str(tree.children[1]))
        assert kind is not None, f"targets/{tree.children[1]}.lark has no class"
        self._one_target(tree)
        self.target = _Draft(kind)
        self.behind = len(self.literals)
        self._block(tree, self.target)

    def _block(self, tree: Any, draft: _Draft, start: int = 0) -> None:
        for child in tree.children[start:]:
            if not hasattr(child, "data"):
                self.token(child)
            elif child.data in ("option", "opaque"):
                draft.uses.append(self._use(child))
            else:
                self._clause(child)

    def _jump(self, tree: Any) -> None:
        self._one_target(tree)
        name = tree.children[1]
        self.token(tree.children[0])
        if not self.goto and name in self.opaque.targets:
            self.target = _Draft(opaque_target(str(name)))
            self.behind = len(self.literals)
            self._fixed_word(name)
            self._block(tree, self.target, 2)
            return
        self.jump = self.token(name)
        for child in tree.children[2:]:
            if child.data == "opaque":
                option = next(t for t in child.children if t.type != "NOT")
                raise ShapeError(f"unknown option {str(option)!r}", option)
            self._clause(child)

    def _goto(self, tree: Any) -> None:
        name = tree.children[1]
        if name in VERDICTS:
            raise ShapeError(f"there is no chain {str(name)!r} in this table", name)
        self.goto = True
        self._jump(tree)

    def _unknown_match(self, tree: Any) -> None:
        name = tree.children[1]
        if name not in self.opaque.matches and not self.opaque.any_match:
            raise ShapeError(f"unknown match {str(name)!r}", name, nearest_match(str(name)))
        draft = _Draft(opaque_match(str(name)))
        self.matches.append(draft)
        self.token(tree.children[0])
        self._fixed_word(name)
        self._block(tree, draft, 2)

    def _one_target(self, tree: Any) -> None:
        if self.target is not None or self.jump is not None:
            raise ShapeError("a rule has one target", tree.children[0])

    def _use(self, tree: Any) -> UseWords:
        tokens = tree.children
        places = [self.token(token) for token in tokens]
        name = next(i for i, t in enumerate(tokens) if t.type != "NOT")
        words = tuple(
            str(token) if place is None else place
            for token, place in zip(tokens[name + 1 :], places[name + 1 :], strict=True)
            if token.type != "NOT"
        )
        return str(tokens[name]), any(t.type == "NOT" for t in tokens), words

    # ---- the words

    def token(self, token: Token) -> int | None:
        """Add a word to the shape; return its place among the literals, None for a fixed word."""
        pattern = self.grammar.patterns.get(token.type)
        self._fixed_word(token)
        if pattern is None or token.type in _SHAPING or token.type == "NOT":
            return None
        self.fixed[-1] = self.fixed[-1].removesuffix(str(token))
        if token.type == "CHAIN_OR_TARGET":
            pattern = no_target(self.opaque.targets) + pattern
        elif self.goto and token.type == "CHAIN":
            pattern = _NO_VERDICT + pattern
        self.literals.append(pattern)
        self.fixed.append("")
        return len(self.literals) - 1

    def _fixed_word(self, token: Token) -> None:
        """Add a word that belongs to the shape."""
        assert token.start_pos is not None
        assert token.end_pos is not None
        self.fixed[-1] += self.line[self.position : token.start_pos] + str(token)
        self.position = token.end_pos

    def finish(self, kind: str) -> Blueprint:
        """Return the blueprint of the line that has been walked."""
        self.fixed[-1] += self.line[self.position :]
        return Blueprint(
            kind=kind,
            family=self.family,
            fixed=tuple(self.fixed),
            literals=tuple(self.literals),
            header=tuple(self.header.uses),
            matches=tuple(draft.part() for draft in self.matches),
            target=self.target.part() if self.target else None,
            behind=self.behind,
            chain=self.chain,
            insert_at=self.insert_at,
            jump=self.jump,
            goto=self.goto,
            counters=self.counters,
        )

"""What ``natc collect`` brought from a node: one tar with its rules, sets, routes, connections and lists.

The script (``natc/cli/collect.sh``) says what is in it. A file that is not there was not to be had on the
node; one that is there and empty says that there is nothing of the kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from natc.errors import DumpError, NodeError, Span
from natc.text.node.tarball import files_of
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.tracker import Connections
    from natc.netfilter.ipset.all_sets import Sets
    from natc.netfilter.node.host import Host
    from natc.text.node.recent import Seen

#: The folder in the tar, and the file in it that says what the tar is.
FOLDER = "natc-node"
FORMAT, VERSION = "FORMAT", b"natc-node 1\n"
#: Where the rules of each program are; the first is what ``iptables-save`` is on the node.
_PROGRAMS = ("", "-legacy", "-nft")
_FAMILIES = {4: "iptables", 6: "ip6tables"}
_RULE = re.compile(r"^(?:\[\d+:\d+\] )?-A ", re.MULTILINE)
_KUBE = re.compile(r"^:KUBE-", re.MULTILINE)
_SETS, _CONNECTIONS, _RECENT = "ipset-save", "conntrack", "recent/"


@frozen(slots=False)
class Bundle:
    """A node's files by name, and the name by which errors speak of the tar."""

    name: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, content: bytes, name: str) -> Bundle:
        """Read a tar; raise :class:`~natc.errors.DumpError` for one that natc collect does not write."""
        files = files_of(content, name, FOLDER, DumpError)
        if files.get(FORMAT) != VERSION:
            raise DumpError("is a tar, but none that natc collect wrote", Span(name), f"{FOLDER}/{FORMAT}")
        return cls(name, files)

    @cached_property
    def rules(self) -> str:
        """The rules of both families in one text, of the backend that has kube-proxy's or else the most.

        Raises :class:`~natc.errors.DumpError` when the node showed none.
        """
        texts = (self._chosen(family) for family in _FAMILIES)
        text = "".join(f"{one}\n" if one and not one.endswith("\n") else one for one in texts)
        if not text:
            why = f": {self.said}" if self.said else ""
            raise DumpError(f"has no rules of the node{why}", Span(self.name))
        return text

    @property
    def both_backends(self) -> bool:
        """Whether the legacy and the nf_tables program both showed rules of one family."""
        return bool(self.other_rules)

    @property
    def other_rules(self) -> dict[str, str]:
        """The rules of the backend that :attr:`rules` leaves out, by the name to speak of them by."""
        rest = (self._by_weight(family)[1:] for family in _FAMILIES if self._both_have_rules(family))
        return {self._place(file): self._text(file) for files in rest for file in files}

    @property
    def said(self) -> str:
        """The first of the notes on what was not to be had on the node; empty when there are none."""
        return self._text("notes").split("\n", 1)[0]

    def _chosen(self, family: int) -> str:
        return self._text(self._by_weight(family)[0])

    def _by_weight(self, family: int) -> list[str]:
        """Return the files with a family's rules, that with most of kube-proxy's chains, or rules, first.

        Where both backends have rules their own programs' files; what iptables-save is shows one of them.
        """
        programs = _PROGRAMS[1:] if self._both_have_rules(family) else _PROGRAMS
        return sorted((_file(family, program) for program in programs), key=self._weight, reverse=True)

    def _both_have_rules(self, family: int) -> bool:
        return all(_RULE.search(self._text(_file(family, program))) for program in _PROGRAMS[1:])

    def _weight(self, file: str) -> tuple[int, int, bool]:
        text = self._text(file)
        return len(_KUBE.findall(text)), len(_RULE.findall(text)), bool(text)

    def _text(self, file: str) -> str:
        return self.files.get(file, b"").decode("utf-8", "surrogateescape")

    # ---- the node

    def host(self, family: int) -> Host | None:
        """Return the node's interfaces, routes and sysctls, or None where ``ip -j`` did not show them.

        Raises :class:`~natc.errors.NodeError` for what cannot be read.
        """
        from natc.text.node.ip_json import host_of

        names = [f"{what}-{family}.json" for what in ("addr", "route", "rule")]
        if not all(name in self.files for name in names):
            return None
        addresses, routes, rules = map(self._json, names)
        return host_of(family, addresses, routes, rules, self.sysctls)

    def _json(self, file: str) -> list[dict[str, object]]:
        """Read what ``ip -j`` shows; an empty list is shown as nothing, an element of no family as {}."""
        try:
            shown = json.loads(self.files[file] or b"[]")
        except (ValueError, RecursionError) as problem:
            raise NodeError(f"is no JSON: {problem}", self._span(file)) from None
        if not isinstance(shown, list):
            raise NodeError("is not what ip -j shows", self._span(file), "a list")
        return [one for one in shown if one != {}]

    @cached_property
    def sysctls(self) -> dict[str, int]:
        """The node's sysctls by their dotted names; what is no number is left out."""
        pairs = (line.partition(" = ") for line in self._text("sysctl").split("\n"))
        return {
            name.replace("/", "."): int(value)
            for name, _, value in pairs
            if re.fullmatch(r"-?[0-9]{1,10}", value)
        }

    # ---- what it remembers

    def sets(self) -> Sets | None:
        """Return the node's sets, or None where ``ipset save`` did not show them."""
        from natc.text.node.ipset import read_sets

        if _SETS not in self.files:
            return None
        return read_sets(self._text(_SETS), self._place(_SETS))

    def connections(self) -> Connections | None:
        """Return the node's connections, or None where it did not show them."""
        from natc.text.node.conntrack import read_connections

        if _CONNECTIONS not in self.files:
            return None
        return read_connections(self._text(_CONNECTIONS), file=self._place(_CONNECTIONS))

    def lists(self) -> dict[str, tuple[Seen, ...]]:
        """Return the lists of ``-m recent`` by name."""
        from natc.text.node.recent import read_recent

        return {
            path.removeprefix(_RECENT): read_recent(self._text(path), self._place(path))
            for path in sorted(self.files)
            if path.startswith(_RECENT)
        }

    def _place(self, file: str) -> str:
        return f"{self.name}:{file}"

    def _span(self, file: str) -> Span:
        return Span(self._place(file))


def _file(family: int, program: str) -> str:
    return f"{_FAMILIES[family]}{program}-save"

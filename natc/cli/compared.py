"""The two sides of ``natc diff``: dumps, bundles or manifests, and what is known of their nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from natc.cli.pasted import read_for_answers
from natc.cli.proxy_flags import flags_of, given_settings, read_cluster, say
from natc.cli.question import address_and_port, node_of
from natc.errors import UsageError
from natc.inputs import name_of
from natc.report.diff import Command
from natc.text.revised import Seen
from natc.values import evolve, frozen

if TYPE_CHECKING:
    from natc.analysis.backwards import Wanted
    from natc.analysis.diff.changes import Difference
    from natc.analysis.diff.sides import Side
    from natc.kube.model import Cluster
    from natc.netfilter.ruleset import Ruleset
    from natc.text.node.bundle import Bundle
    from natc.text.revised import Revision
    from natc.trace.node.view import NodeView

#: What every Kubernetes object has, in YAML or JSON, and what every dump has.
_MANIFEST = re.compile(r'^\s*(?:-\s+)?apiVersion\s*:|"apiVersion"\s*:', re.MULTILINE)
_TRACE = ("natc", "trace")
_TABLE = re.compile(r"^\s*\*(?:raw|mangle|nat|filter|security)\s*$", re.MULTILINE)


@frozen(eq=False)
class Input:
    """One of the two things compared, as it was given."""

    path: str
    text: str = ""
    ruleset: Ruleset | None = None
    bundle: Bundle | None = None
    cluster: Cluster | None = None
    """What manifests say, before they are compiled."""
    before: tuple[str, ...] = ()
    """The command that makes a dump of manifests."""

    @property
    def families(self) -> set[int]:
        """The families that it has rules of."""
        assert self.ruleset is not None
        return {dump.family for dump in self.ruleset.dumps} or {self.ruleset.family}


@frozen(eq=False)
class Both:
    """Both sides."""

    inputs: tuple[Input, Input]
    asked: dict[str, Any]
    revision: Revision | None = None
    """In which lines two dumps differ, if reading has shown it."""

    @classmethod
    def read(cls, a: str, b: str, asked: dict[str, Any]) -> Both:
        """Read both sides, and compile those that are manifests; raises NatcError for what is neither."""
        if a == b == "-":
            raise UsageError("both sides cannot be standard input")
        seen = Seen()
        one, other = _read(a, asked, seen), _read(b, asked, seen)
        return cls((_compiled(one, other, asked), _compiled(other, one, asked)), asked, seen.revision)

    @property
    def commands(self) -> tuple[Command, ...]:
        """How ``natc trace`` reads each side."""
        backend = () if self.asked["backend"] == "legacy" else ("--backend", self.asked["backend"])
        table = () if self.asked["table"] is None else ("--table", self.asked["table"])
        node = () if self.asked["node"] is None else ("--node", self.asked["node"])
        options = (*table, *backend, *node)
        return tuple(
            Command(one.before, (*_TRACE, "-" if one.before else one.path, *options, *self._own(one, other)))
            for one, other in (self.inputs, self.inputs[::-1])
        )

    def _own(self, one: Input, other: Input) -> Iterator[str]:
        """Yield the options that say a node's addresses: as given, or as the other side's bundle has them."""
        addresses = list(self.asked["node_ip"])
        if not (addresses or self.asked["node"] or one.bundle) and other.bundle:
            hosts = (other.bundle.host(family) for family in sorted(other.families))
            addresses += (address for host in hosts if host for address in host.addresses)
        for address in addresses:
            yield from ("--node-ip", address)

    def difference(self) -> Difference:
        """Compare what both have, family by family."""
        from natc.analysis.diff.changes import Difference, compare, together

        within = self._within()
        if self._same_text:
            return Difference()
        families = self.inputs[0].families & self.inputs[1].families
        if not families:
            raise UsageError("A and B are not of one family of addresses", expected="both IPv4 or both IPv6")
        for one in self.inputs:
            for family in one.families - families:
                say(f"{name_of(one.path)}: its rules of IPv{family} have no others to compare with")
        return together(
            compare(*self._sides(family), within[family], self.revision)
            for family in sorted(families & {*within})
        )

    @property
    def _same_text(self) -> bool:
        """Whether both sides are one dump, or two that say the same."""
        a, b = self.inputs
        return bool(a.text) and a.text == b.text and not (a.bundle or b.bundle)

    def _within(self) -> dict[int, Wanted | None]:
        """Return by family the destinations that are wanted; a family without is not compared."""
        from natc.analysis.backwards import Wanted
        from natc.netfilter.intervals import number

        if not self.asked["dst"]:
            return {4: None, 6: None}
        address, port = address_and_port("--dst", self.asked["dst"])
        wanted = Wanted(number(int(ip_address(address))), None if port is None else number(port))
        return {ip_address(address).version: wanted}

    def _sides(self, family: int) -> tuple[Side, Side]:
        from natc.netfilter.packet import Packet

        asked = {**self.asked, "interface": None}
        nodes = [node_of(asked, Packet(family), one.bundle) for one in self.inputs]
        if None in nodes and nodes[0] is not nodes[1]:
            say("what is known of one side's node is taken for the other's, too")
            nodes = [nodes[0] or nodes[1]] * 2
        a, b = (_side(one, node, family, self.asked) for one, node in zip(self.inputs, nodes, strict=True))
        return a, b


def _side(one: Input, node: NodeView | None, family: int, asked: dict[str, Any]) -> Side:
    """Return a side with its rules, routes and sets; what a node remembers of packets is no matter of it."""
    from natc.analysis.diff.sides import Side
    from natc.trace.starting import NOTHING_SHOWN, Start

    assert one.ruleset is not None
    sets = one.bundle.sets() if one.bundle else None
    start = NOTHING_SHOWN if sets is None else Start(sets=sets)
    return Side(one.ruleset.of_family(family), node, start, asked["backend"])


def _read(path: str, asked: dict[str, Any], seen: Seen) -> Input:
    """Read a side; a tar of natc collect knows of sets, by which rules that say the same ask other things."""
    from natc.text.files import read_source

    source = read_source(path)
    if source.bundle is None and not _TABLE.search(source.text) and _MANIFEST.search(source.text):
        return Input(path, cluster=read_cluster((path,)))
    ruleset = read_for_answers(source, asked["table"], seen=None if source.bundle else seen)
    return Input(path, source.text, ruleset, source.bundle)


def _compiled(one: Input, other: Input, asked: dict[str, Any]) -> Input:
    """Return manifests with the rules that a kube-proxy would make of them; a dump as it is.

    What no flag says of kube-proxy is as the other side shows it, where that is a dump.
    """
    if one.cluster is None:
        return one
    from attrs import asdict

    from natc.analysis.drift.verify import config_of, likeliest
    from natc.analysis.drift.written import Shown
    from natc.compile import compile as compile_cluster
    from natc.compile.layouts import NEWEST

    given = given_settings(asked["config_file"], _given(asked))
    settings = given if other.ruleset is None else likeliest(Shown.of(other.ruleset), one.cluster, given)[0]
    config = config_of({"kube_version": NEWEST, **settings}, given)
    ruleset = compile_cluster(one.cluster, config)
    flags = flags_of(asdict(config, recurse=False))
    return evolve(one, ruleset=ruleset, before=("natc", "compile", one.path, *flags))


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    """Return kube-proxy's settings as far as flags say them."""
    from natc.cli.proxy_flags import SETTINGS

    given = {variable: asked[variable] for _, variable, _, _ in SETTINGS if variable in asked}
    return given | {"node_ip": next(iter(asked["node_ip"]), None)}

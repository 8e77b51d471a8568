"""Every service destination of a dump with its distribution, and how far that is from fair.

A destination is what a rule of nat asks for by address and port, or by port alone for NodePorts,
before it jumps to where packets are translated. Fair means that every target gets the same part as
far as the kernel's 31-bit numbers allow: a chain of n endpoints with the chances 1/n, 1/(n-1), ...
each rounded to 2^-31 gives every target a part within 2^-30 of 1/n. (Each chance p has an error of
at most e = 2^-31; target i's part p_i (1-p_1)...(1-p_{i-1}) is then off by at most
e ((n-i+1)/n + 2(i-1)/n) < 2e.)
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from natc.analysis.chains.forms import ChainForms, Effects, Known, numbered
from natc.analysis.chains.odds import Alternative, Alternatives, literal
from natc.analysis.chains.sheets import Folder, Sheets
from natc.analysis.own_address import own_address
from natc.collector import collector_paused
from natc.netfilter.header import Header
from natc.netfilter.matches.comment import Comment
from natc.netfilter.matches.sctp import Sctp
from natc.netfilter.matches.tcp import Tcp
from natc.netfilter.matches.udp import Udp
from natc.netfilter.packet import question_packet
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Ruleset, Table
from natc.probability import NEVER, Odds
from natc.values import define, evolve, field, frozen, value

if TYPE_CHECKING:
    from natc.trace.answer.outcome import Distribution
    from natc.trace.machine import Machine

#: The widest distance from 1/n that rounding to 31 bits explains is 2 to the minus this.
_EXPLAINED = 30
_NAME = re.compile(r"([a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*(?::[a-z0-9-]*)?)(?:\s|$)")
#: Chains that kube-proxy makes for a service port: without a target behind them, it is lost.
_SERVICE_CHAIN = re.compile(r"KUBE-(?:SVC|SVL|XLB|EXT|FW)-")
_REFUSED = re.compile(r"\S+ (has no (?:local )?endpoints)$")

#: Options that name a destination. Rules that ask for any other than that name none.
_NAMING = frozenset({"-d", "--destination", "--dst", "--dport", "--destination-port"})


@value
class Target:
    """One place a destination's packets go to, and the part that goes there."""

    to: str
    odds: Odds


@frozen(eq=False)
class Judgement:
    """How fair a chain is, whatever its destinations: they are numbered."""

    parts: tuple[tuple[int, Odds], ...] = ()
    """Under the conditions that are least fair, if they make a difference: destination and its part."""
    max_error: float | None = None
    """The largest distance of a part from 1/n; None when nothing is reached or the parts are open."""
    problem: str = ""
    """Why it is not fair; empty when it is."""


@value
class Service:
    """One destination of a dump."""

    address: str
    """As the rule gives it, of one address without its length; empty for every address of the node."""
    port: str
    """As the rule gives it: a range may be asked for, too."""
    proto: str
    name: str
    """The service by the rule's comment, empty without one."""
    rule: Rule
    """The rule that asks for it."""
    judgement: Judgement
    places: tuple[str, ...] = ()
    """The destinations by number."""

    @property
    def dst(self) -> str:
        """ADDRESS:PORT, NETWORK:PORT, or :PORT for every address of the node."""
        return f"{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where packets go, with the part that goes there."""
        return tuple(Target(self.places[number], odds) for number, odds in self.judgement.parts)

    @property
    def max_error(self) -> float | None:
        """The largest distance of a part from 1/n; None when nothing is reached or the parts are open."""
        return self.judgement.max_error

    @property
    def problem(self) -> str:
        """Why it is not fair; empty when it is."""
        return self.judgement.problem

    @property
    def fair(self) -> bool:
        """Whether every target gets the same part, as far as 31-bit numbers allow."""
        return not self.judgement.problem


def audit(ruleset: Ruleset, folder: Folder | None = None) -> tuple[Service, ...]:
    """Return every service destination in the dump, in the order of its rules.

    ``folder`` holds the chains of the ruleset as far as somebody has read them before.
    """
    with collector_paused():
        folder = folder or Folder(ruleset)
        auditor = _Auditor(ruleset, folder)
        nat, filtered = folder.table("nat"), folder.table("filter")
        if nat is not None:
            auditor.translated(nat)
        if filtered is not None:
            auditor.refused(filtered)
    return tuple(auditor.services)


@frozen
class _Places:
    """Where the rules of a shape that ask for a destination hold its words."""

    address: int | None
    port: int
    proto: str
    comment: int | None


#: Hooks that packets come to when their destination has been translated.
_BEHIND = frozenset({"INPUT", "FORWARD", "POSTROUTING"})
_OPEN = Judgement(problem="open: depends on more than chance")


@define
class _Auditor:
    ruleset: Ruleset
    folder: Folder
    until: Ruleset | None = None
    """The rules up to where destinations are translated, once they were asked for."""
    machine: Machine | None = None
    nodes: dict[str, Machine] = field(factory=dict)
    """By an address: the machine of a node that has it."""
    services: list[Service] = field(factory=list)
    found: dict[tuple[str, str, str], list[Service]] = field(factory=dict)
    """By destination. Those with the same targets are one: old kube-proxies write two rules for one."""
    shapes: dict[Shape, _Places | None] = field(factory=dict)
    leads: dict[str, Known] = field(factory=dict)
    """What chains do to which rules with a destination lead."""
    judged: dict[Effects, tuple[Judgement, bool]] = field(factory=dict)
    """What is thought of chains that do this, and whether their targets depend on conditions."""

    def translated(self, sheets: Sheets) -> None:
        """Note the destinations of nat's rules."""
        forms = ChainForms(sheets)

        def jump(shape: Shape) -> int | None:
            return None if self._places(shape) is None else shape.jump

        def port_without_jump(shape: Shape) -> int | None:
            places = self._places(shape)
            return None if places is None or shape.jump is not None else places.port

        asking = sheets.lines_with(jump, lambda word: self._is_asked(forms, word))
        for name, numbers in sheets.lines_with(port_without_jump, lambda word: True).items():
            asking[name] = sorted((*asking.get(name, ()), *numbers))
        for name in sheets.table.in_order(asking):
            for rule in sheets.pick(name, asking[name]):
                place = rule.shape.jump
                self._translated(forms, rule, "" if place is None else rule.values[place])

    def _is_asked(self, forms: ChainForms, jump: str) -> bool:
        """Tell whether a rule with this jump hands packets to a service."""
        if not forms.is_chain(jump):
            return False
        known = self.leads[jump] = forms.of_chain(jump)
        return known.effects is None or bool(known.places) or _is_lost(jump)

    def _translated(self, forms: ChainForms, rule: Rule, jump: str) -> None:
        """Note the destination that a rule asks for, unless it leads to no translation."""
        known = self.leads.get(jump) or forms.of_rule(rule)
        if known.effects is None:
            self._note(rule, _OPEN, ())
            return
        judgement, depends = self._judgement(known.effects)
        if not judgement.parts and not _is_lost(jump):
            return
        if depends:
            ways = self._possible(rule, known.effects.with_names(known.places))
            known = numbered(ways)
            assert known.effects is not None
            judgement = _judged(known.effects)
        self._note(rule, judgement, known.places)

    def _judgement(self, effects: Effects) -> tuple[Judgement, bool]:
        found = self.judged.get(effects)
        if found is None:
            several = len({_distribution(way) for way in effects.ways if way.shares}) > 1
            found = self.judged[effects] = _judged(effects), several
        return found

    def _possible(self, rule: Rule, ways: Alternatives) -> Alternatives:
        """Return the ways that conditions can really turn out.

        Alternatives of one chain may exclude those of the next. The machine knows which go together;
        it is asked only about services whose targets depend on conditions (traffic policy Local).
        """
        places = self._places(rule.shape)
        assert places is not None
        port = rule.values[places.port]
        if not port.isdecimal():
            return ways
        asked = self._asked(rule, places)
        if asked is None:
            return ways
        machine, address = asked
        packet = question_packet(address, int(port), proto=places.proto)
        return tuple(
            Alternative(shares, NEVER)
            for origin in ("network", "local")
            for shares in _shares_by_case(machine.trace(packet, origin))
        )

    def _asked(self, rule: Rule, places: _Places) -> tuple[Machine, str] | None:
        """Return the machine to ask, and the address: for NodePorts one of the node's own.

        None where the rule asks for something other than one network.
        """
        try:
            network = (
                None if places.address is None else ip_network(rule.values[places.address], strict=False)
            )
        except ValueError:  # a host's name, or a mask with holes
            return None
        if network is not None and network.num_addresses == 1:
            if self.machine is None:
                self.machine = self._machine(None)
            return self.machine, str(network.network_address)
        address = (
            own_address(self.ruleset, None, rule.chain)
            if network is None
            else str(network.network_address + 1)
        )
        if address not in self.nodes:
            self.nodes[address] = self._machine(address)
        return self.nodes[address], address

    def _machine(self, address: str | None) -> Machine:
        """Return a machine for a node with an address, or with none that is known.

        Few dumps need one: its modules are a hundredth of auditing a large dump.
        """
        from natc.trace.machine import Machine
        from natc.trace.node.view import OpenNode

        node = None if address is None else OpenNode(frozenset({int(ip_address(address))}))
        return Machine.of(self.translating, node)

    @property
    def translating(self) -> Ruleset:
        """The ruleset up to where destinations are translated: what comes later changes no target."""
        if self.until is None:
            tables = {
                name: Table(name, {c.name: c for c in table.chains.values() if c.name not in _BEHIND})
                for name, table in self.ruleset.tables.items()
                if name not in ("filter", "security")
            }
            self.until = evolve(self.ruleset, tables=tables)
        return self.until

    def refused(self, sheets: Sheets) -> None:
        """Note the destinations that filter refuses because they have no endpoints."""

        def comment(shape: Shape) -> int | None:
            places = self._places(shape)
            return None if places is None else places.comment

        refusing = sheets.lines_with(comment, lambda word: _REFUSED.match(_unquoted(word)) is not None)
        for name in sheets.table.in_order(refusing):
            for rule in sheets.pick(name, refusing[name]):
                place = comment(rule.shape)
                refusal = None if place is None else _REFUSED.match(_unquoted(rule.values[place]))
                assert refusal is not None
                self._note(rule, Judgement(problem=refusal.group(1)), ())

    def _note(self, rule: Rule, judgement: Judgement, targets: tuple[str, ...]) -> None:
        places, values = self._places(rule.shape), rule.values
        assert places is not None
        address = "" if places.address is None else _bare(values[places.address])
        comment = "" if places.comment is None else _unquoted(values[places.comment])
        name = _NAME.match(comment)
        service = Service(
            address,
            values[places.port],
            places.proto,
            name.group(1) if name else "",
            rule,
            judgement,
            targets,
        )
        self._enter(service)

    def _enter(self, service: Service) -> None:
        """Keep a service, unless the same destination with the same targets is there already."""
        key = (service.address, service.port, service.proto)
        before = self.found.get(key)
        if before is None:
            self.found[key] = [service]
        elif any(one.targets == service.targets for one in before):
            return
        else:
            before.append(service)
        self.services.append(service)

    def _places(self, shape: Shape) -> _Places | None:
        if shape not in self.shapes:
            self.shapes[shape] = _places_of(shape)
        return self.shapes[shape]


def _bare(word: str) -> str:
    """Return one address without its length, and a network as it is."""
    host, _, length = word.partition("/")
    return host if length in ("", "128" if ":" in host else "32") else word


def _places_of(shape: Shape) -> _Places | None:
    if any(use.inverted and use.name in _NAMING for part in shape.parts() for use in part.uses):
        return None
    for kind in (Tcp, Udp, Sctp):
        port = literal(shape, kind, "--dport", "--destination-port")
        if port is not None:
            address = literal(shape, Header, "-d", "--destination", "--dst")
            return _Places(address, port, kind.name, literal(shape, Comment, "--comment"))
    return None


def _distribution(way: Alternative) -> frozenset[tuple[str, Odds]]:
    return frozenset(way.shares.items())


def _shares_by_case(answer: Distribution) -> list[dict[str, Odds]]:
    shares: dict[int, dict[str, Odds]] = {id(case): {} for case in answer.cases}
    for target, rows in answer.targets():
        for case, odds in rows:
            shares[id(case)][str(target)] = odds
    return list(shares.values())


def _unquoted(word: str) -> str:
    return word.strip('"')


def _is_lost(jump: str) -> bool:
    """Tell whether a rule hands packets to a service's chain, where no target waits for them."""
    return bool(_SERVICE_CHAIN.match(jump))


def _judged(effects: Effects) -> Judgement:
    """Return the targets of the least fair way, its largest error, and what is wrong with it."""
    reaching = [way for way in effects.ways if way.shares]
    if not reaching:
        return Judgement(problem="leads nowhere")
    worst = max(reaching, key=_error)
    parts = tuple((int(number), odds) for number, odds in worst.shares.items())
    error = _error(worst)
    return Judgement(parts, error, "" if _explained(worst) else f"unfair: a part is off by {error:.3g}")


def _error(way: Alternative) -> float:
    return max(abs(float(odds) - 1 / len(way.shares)) for odds in way.shares.values())


def _explained(way: Alternative) -> bool:
    """Tell exactly whether every part is within 2^-30 of 1/n."""
    n = len(way.shares)
    return all(
        abs(odds.num * n - (1 << odds.exp)) << _EXPLAINED <= n << odds.exp for odds in way.shares.values()
    )

"""An answer to its graph."""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.effect import ExchangeMarks, Nothing, Remember, SetMark
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Jump, Rule
from natc.probability import CERTAIN, Odds, total
from natc.report.conditions import Lines, conditions_of, lines_of
from natc.report.fates import fate_of
from natc.report.path_tree import Node, Tree, sections
from natc.report.picture.crossings import Crossing, Crossings, translation
from natc.report.picture.graph import Graph, Kind, Place, Row, Shares, Way
from natc.report.rule_text import exact, percent, words_of
from natc.report.trace_text import headline
from natc.trace.answer.outcome import Case, Distribution, Outcome
from natc.trace.state import Step
from natc.values import define, field

#: What a rule of a side chain may do: nothing that ends the packet's way or sends it elsewhere.
_ASIDE = (ExchangeMarks, Nothing, Remember, SetMark)
#: The longest condition that is spelled out, in characters.
_CONDITION_WIDTH = 160

#: A chain inside a band: (number of the band, "table chain").
_Key = tuple[int, str]


def graph_of(answer: Distribution) -> Graph:
    """Return the whole graph of an answer, nothing left out."""
    return _Builder(answer).build()


@define(eq=False)
class _Chain:
    """A chain as it is met in one band."""

    id: str
    title: str
    nodes: dict[int | None, Node] = field(factory=dict)
    calls: dict[_Key, None] = field(factory=dict)
    """The chains its rules jump to, in order."""
    cases: set[int] = field(factory=set)
    """The cases in which it is met."""


@define(eq=False)
class _Builder:
    answer: Distribution
    graph: Graph = field(factory=Graph)
    chains: dict[_Key, _Chain] = field(factory=dict)
    asides: set[_Key] = field(factory=set)
    """The chains that are no place of their own: their rules are told where they are called."""
    sums: dict[tuple[str, str], dict[int, list[Odds]]] = field(factory=dict)
    """The odds of the outcomes that take a way, by way and case."""
    ids: dict[tuple[Kind, str], str] = field(factory=dict)
    lines: Lines = field(init=False)

    @lines.default
    def _lines(self) -> Lines:
        return lines_of(self.answer.questions)

    def build(self) -> Graph:
        """Collect chains band by band, then let every outcome leave its odds on the ways it takes."""
        what, _, where = headline(self.answer).partition(", ")
        self.graph.places["packet"] = Place("packet", Kind.PACKET, what, detail=where)
        trees = {title: tree for title, tree in sections(self.answer).items() if self._is_shown(tree)}
        self.graph.bands = list(trees)
        for band, (title, tree) in enumerate(trees.items()):
            self._collect(band, title, tree)
        self.asides = {key for key in self.chains if self._is_aside(key)}
        drawn = {key: chain for key, chain in self.chains.items() if key not in self.asides}
        for (band, _), chain in drawn.items():
            self.graph.places[chain.id] = self._place(band, chain)
        for chain in drawn.values():
            for called in chain.calls:
                if called in drawn:
                    self.sums[chain.id, drawn[called].id] = {}
        self._follow_outcomes()
        self._draw_ways()
        return self.graph

    def _is_shown(self, tree: Tree) -> bool:
        """Tell whether a builtin chain has more to show than a policy that lets packets pass."""
        dropped = {outcome.drop_at for case in self.answer.cases for _, outcome in case.outcomes}
        return any(
            node.step.rule is not None or f"{node.step.table} {node.step.chain} policy" in dropped
            for node in tree.values()
        )

    # ---- chains

    def _collect(self, band: int, title: str, tree: Tree) -> None:
        """Enter the chains of one band, each before the chains it calls."""
        waiting = [(title, tree)]
        while waiting:
            title, tree = waiting.pop()
            chain = self.chains.setdefault((band, title), _Chain(f"c{len(self.chains)}", title))
            below = []
            for number, node in sorted(tree.items(), key=lambda pair: pair[0][1] or 1 << 40):
                known = chain.nodes.setdefault(number[1], node)
                known.cases |= node.cases
                chain.cases |= node.cases
                if node.below:
                    called = _called(node)
                    chain.calls[band, called] = None
                    below.append((called, node.below))
            waiting += reversed(below)

    def _is_aside(self, key: _Key) -> bool:
        """Tell whether packets only pass through a chain that does no more than mark or count them."""
        chain = self.chains[key]
        rules = [node.step.rule for node in chain.nodes.values() if node.step.rule]
        return not chain.calls and key[1] not in self.graph.bands and all(map(_is_aside, rules))

    def _place(self, band: int, chain: _Chain) -> Place:
        table, _, name = chain.title.partition(" ")
        place = Place(chain.id, Kind.CHAIN, name, band, _detail(chain), list(self._rows(band, chain)))
        place.notes.append(f"chain {name} of table {table}")
        return place

    def _rows(self, band: int, chain: _Chain) -> Iterator[Row]:
        for node in chain.nodes.values():
            yield self._row(node, chain.cases, 0)
            if node.below and (band, _called(node)) in self.asides:
                for inner in node.below.values():
                    yield self._row(inner, node.cases, 1)

    def _row(self, node: Node, above: set[int], depth: int) -> Row:
        step = node.step
        text = words_of(step.rule) if step.rule else f"policy of {step.chain}"
        condition = "" if node.cases >= above else self._condition(node.cases)
        return Row(step.rule.line if step.rule else None, text, _factor(step), condition, depth)

    def _condition(self, cases: set[int]) -> str:
        chosen = [case for index, case in enumerate(self.answer.cases) if index in cases]
        text = ", or ".join(conditions_of(self.answer.packet, chosen, self.lines))
        return f"only when {text}" if len(text) <= _CONDITION_WIDTH else "not always"

    # ---- outcomes

    def _follow_outcomes(self) -> None:
        crossings = Crossings(self.graph.bands)
        for index, case in enumerate(self.answer.cases):
            for odds, outcome in case.outcomes:
                for way in self._ways(outcome, crossings.of(outcome)):
                    self.sums.setdefault(way, {}).setdefault(index, []).append(odds)

    def _ways(self, outcome: Outcome, crossed: tuple[Crossing, ...]) -> Iterator[tuple[str, str]]:
        """Yield the ways an outcome takes: from hook to hook, its jumps, to its target and to its end."""
        last = "packet"
        for crossing in crossed:
            end = self.chains.get((crossing.band, crossing.end))
            if not crossing.start and end:
                yield last, end.id
                last = end.id
            start = self.chains.get((crossing.band, crossing.start))
            if start and end and (start.id, end.id) in self.sums:
                yield start.id, end.id
        if outcome.dnat is not None:
            chain = self._translating(translation(outcome), crossed)
            yield chain.id if chain else last, self._known(Kind.TARGET, str(outcome.dnat))
        yield last, self._known(Kind.END, fate_of(outcome).part().text)

    def _translating(self, step: Step | None, crossed: tuple[Crossing, ...]) -> _Chain | None:
        """Return the chain whose rule gave the packet its destination."""
        if step is None:
            return None
        title = f"{step.table} {step.chain}"
        return next((self.chains[each.band, title] for each in crossed if each.end == title), None)

    def _known(self, kind: Kind, text: str) -> str:
        """Return the id of a target or an end, which there is from now on."""
        key = self.ids.setdefault((kind, text), f"{kind}{len(self.ids)}")
        self.graph.places.setdefault(key, Place(key, kind, text, len(self.graph.bands)))
        return key

    def _draw_ways(self) -> None:
        """Make ways of the sums; targets go to the band of the chain that leads to them."""
        places, cases = self.graph.places, len(self.answer.cases)
        reached: dict[str, Shares] = {}
        for (start, end), by_case in self.sums.items():
            shares = Shares({case: total(parts) for case, parts in by_case.items()}, cases)
            outside = places[start].band != places[end].band and places[end].kind is not Kind.TARGET
            self.graph.ways.append(Way(start, end, shares, outside))
            if places[end].kind is Kind.TARGET:
                places[end].band = places[start].band
            reached[end] = reached[end] + shares if end in reached else shares
        for end, shares in reached.items():
            if places[end].kind is not Kind.CHAIN:
                places[end].notes += self._sentences(shares)
                places[end].detail = self._in_short(shares, places[end].kind)
                one = len(shares.values) == 1 and len(shares.odds) == cases
                places[end].share = float(shares.values[0]) if one else None

    def _in_short(self, shares: Shares, kind: Kind) -> str:
        """Return how often; for an end with its condition, for which there is room."""
        if shares.is_certain:
            return "always"
        rows = self._by_odds(shares)
        if kind is Kind.END and len(rows) == 1:
            odds, when = rows[0]
            return when.strip() if odds == CERTAIN else f"{percent(odds)}{when}"
        return shares.label()

    def _sentences(self, shares: Shares) -> Iterator[str]:
        """Yield how often, by condition."""
        if shares.is_certain:
            yield "always"
            return
        for odds, when in self._by_odds(shares):
            yield f"{percent(odds)} ({exact(odds)}){when}"

    def _by_odds(self, shares: Shares) -> list[tuple[Odds, str]]:
        """Return the odds there are, each with " when ..." unless it holds in every case."""
        cases: dict[Odds, list[Case]] = {}
        for index, odds in shares.odds.items():
            cases.setdefault(odds, []).append(self.answer.cases[index])
        rows = []
        for odds, under in cases.items():
            texts = [] if len(under) == shares.cases else conditions_of(self.answer.packet, under, self.lines)
            rows.append((odds, f" when {', or '.join(texts)}" if any(texts) else ""))
        return rows


def _called(node: Node) -> str:
    """Return the chain that a rule jumps to."""
    first = next(iter(node.below.values())).step
    return f"{first.table} {first.chain}"


def _detail(chain: _Chain) -> str:
    """Return what a chain is about: what all its comments name, or how many rules it has."""
    rules = [node.step.rule for node in chain.nodes.values() if node.step.rule]
    if len(rules) == 0:
        return "policy"
    named = [comment for rule in rules if (comment := comment_of(rule)) and "/" in comment.split(" ")[0]]
    if named and len({comment.split(" ")[0].rstrip(":") for comment in named}) == 1:
        return named[0].split(" ")[0].rstrip(":")
    return f"{len(rules):,} rule{'s' if len(rules) > 1 else ''} on the way"


def _is_aside(rule: Rule) -> bool:
    target = rule.target
    if isinstance(target, Jump):
        return target.chain not in ("ACCEPT", "DROP", "QUEUE")
    return target is None or isinstance(target.effect(), _ASIDE)


def _factor(step: Step) -> str:
    if step.odds is None:
        return ""
    return f"{percent(step.odds)} = {exact(step.odds)}" + ("" if step.taken else " (passed by)")

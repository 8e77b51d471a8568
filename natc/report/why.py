"""Why: every rule on the way, chain within chain, with the factor that it contributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from natc.netfilter.hooks import SEQUENCES
from natc.probability import CERTAIN
from natc.report.conditions import conditions_of, lines_of
from natc.report.lines import Line, Part, line
from natc.report.path_tree import Node, Tree
from natc.report.rule_text import exact, words_of
from natc.trace.answer.outcome import Distribution
from natc.trace.state import Step

#: How many rules of one chain a person is shown before "and N more".
_SHOWN = 20
#: How many calls deep the lines are still moved to the right: 3,000 chains in a row would make lines of
#: 6,000 spaces.
_DEEPEST = 24
#: The longest condition that is spelled out beside a rule, in characters.
_CONDITION_WIDTH = 100


def why_lines(answer: Distribution, trees: Mapping[str, Tree]) -> Iterator[Line]:
    """Yield every rule that some packet of the answer meets, chain within chain, in the dump's order.

    ``trees`` are the answer's paths (:func:`natc.report.path_tree.sections`).
    """
    yield line()
    yield line(Part("why", "bold"))
    for title, nodes in sorted(trees.items(), key=lambda item: _moment(item[0], answer.origin)):
        if any(node.step.rule is not None for node in nodes.values()):
            yield line("  ", Part(title, "bold"))
            yield from _nodes(nodes, answer)


#: The hooks in the order in which a packet can come to them.
_HOOKS = {
    "network": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "local": ("OUTPUT", "POSTROUTING", "PREROUTING", "INPUT", "FORWARD"),
}


def _moment(title: str, origin: str) -> tuple[int, int]:
    """Return when a packet comes to a table's builtin chain."""
    table, hook = title.split(" ", 1)
    hooks = _HOOKS[origin]
    return hooks.index(hook), SEQUENCES["legacy"][hook].index(table)


def _nodes(tree: Tree, answer: Distribution) -> Iterator[Line]:
    """Yield the rules of one builtin chain, each before those of the chain it jumps to.

    The calls that wait for their chain's lines are kept in a list: a dump may nest chains by the thousand.
    """
    waiting = [_ordered(tree, set(range(len(answer.cases))))]
    while waiting:
        row = next(waiting[-1], None)
        if row is None:
            waiting.pop()
            continue
        node, above = row
        depth = len(waiting) - 1
        if isinstance(node, int):
            yield line(f"            {_indent(depth)}and {node:,} more rules of this chain")
            continue
        yield _node_line(node, depth, answer, above)
        waiting.append(_ordered(node.below, node.cases))


def _ordered(tree: Tree, above: set[int]) -> Iterator[tuple[Node | int, set[int]]]:
    """Yield the rules of one chain as the dump has them, and how many more there are.

    ``above`` are the cases in which the chain is entered: conditions that hold of all of it are not said
    again.
    """
    ordered = sorted(tree.values(), key=lambda node: node.step.number or 1 << 40)
    for node in ordered[:_SHOWN]:
        yield node, above
    if len(ordered) > _SHOWN:
        yield len(ordered) - _SHOWN, above


def _node_line(node: Node, depth: int, answer: Distribution, above: set[int]) -> Line:
    return line(
        Part(f"    {node.step.rule.line if node.step.rule else '':>6}", "cyan"),
        f"  {_indent(depth)}{_words(node.step, answer)}",
        Part(_factor(node), "green"),
        Part("" if node.cases == above else _only_when(node.cases, answer), "dim"),
    )


def _indent(depth: int) -> str:
    return "  " * depth if depth <= _DEEPEST else "  " * _DEEPEST + f"({depth} calls deep) "


def _words(step: Step, answer: Distribution) -> str:
    if step.rule is not None:
        return words_of(step.rule)
    place = f"{step.table} {step.chain} policy"
    outcomes = (outcome for case in answer.cases for _, outcome in case.outcomes)
    dropped = any(outcome.drop_at == place for outcome in outcomes)
    return f"policy {'DROP' if dropped else 'ACCEPT'}"


def _factor(node: Node) -> str:
    """Return the odds a rule contributes: its own, of what the random rules before it left."""
    left, odds = node.left, node.step.odds
    rest = exact(left)
    if odds is None:
        return "" if left == CERTAIN else f"   x what is left, {rest}"
    passed = "" if node.step.taken else " (passed by)"
    return f"   x {odds}{passed}" + ("" if left == CERTAIN else f" of what is left, {rest}")


def _only_when(cases: set[int], answer: Distribution) -> str:
    """Return the conditions under which a rule is met."""
    chosen = [case for index, case in enumerate(answer.cases) if index in cases]
    text = ", or ".join(conditions_of(answer.packet, chosen, lines_of(answer.questions)))
    return f"   only when {text}" if len(text) <= _CONDITION_WIDTH else "   not always"

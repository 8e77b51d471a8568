"""Paths are laid over each other in time that grows with their steps, not with their number too."""

from natc.netfilter.packet import question_packet
from natc.report import path_tree
from natc.trace.machine import Machine
from tests.trace.dumps import service


def steps_laid(endpoints, monkeypatch):
    count = 0
    original = path_tree._Layer._step

    def counted(self, step, place):
        nonlocal count
        count += 1
        return original(self, step, place)

    answer = Machine.of(service(endpoints)).trace(question_packet("10.96.0.1", 80))
    with monkeypatch.context() as patch:
        patch.setattr(path_tree._Layer, "_step", counted)
        trees = path_tree.sections(answer)
    return count, answer, trees


def test_twice_the_endpoints_are_twice_the_steps(monkeypatch):
    few, _, _ = steps_laid(50, monkeypatch)
    many, _, _ = steps_laid(100, monkeypatch)
    assert many <= 2.1 * few


def rules_of(tree, found):
    for node in tree.values():
        found.setdefault((node.step.table, node.step.chain, node.step.number), set()).update(node.cases)
        rules_of(node.below, found)
    return found


def test_every_rule_of_every_path_is_there_with_its_cases(monkeypatch):
    _, answer, trees = steps_laid(5, monkeypatch)
    expected: dict = {}
    for index, case in enumerate(answer.cases):
        for _, outcome in case.outcomes:
            for step in outcome.steps:
                expected.setdefault((step.table, step.chain, step.number), set()).add(index)
    found: dict = {}
    for tree in trees.values():
        rules_of(tree, found)
    assert found == expected

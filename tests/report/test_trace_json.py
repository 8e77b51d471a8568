"""The JSON of a trace: what must not grow with the square of a service's endpoints."""

from natc.netfilter.packet import question_packet
from natc.report.trace_json import trace_json
from natc.trace.machine import trace
from tests.trace.dumps import service


def outcomes(endpoints):
    answer = trace(service(endpoints), question_packet("10.96.0.1", 80, src="192.0.2.1"))
    (case,) = answer.cases
    return [outcome for _, outcome in case.outcomes], trace_json(answer)["outcomes"]


def test_random_rules_that_were_passed_by_are_listed_while_they_are_few():
    _, found = outcomes(5)
    assert [len(one["factors"]) for one in found] == [1, 2, 3, 4, 4]
    assert [one["passed_by"] for one in found] == [0, 1, 2, 3, 4]


def test_of_many_that_were_passed_by_the_number_is_said():
    _, found = outcomes(80)
    last = max(found, key=lambda one: one["passed_by"])
    assert (last["passed_by"], last["factors"]) == (79, [])
    assert sum(len(one["factors"]) for one in found) < 80 * 66


def test_a_path_is_what_was_taken_of_all_steps():
    for end in outcomes(30)[0]:
        assert list(end.path) == [step for step in end.steps if step.taken]
        assert end.passed_by == sum(not step.taken for step in end.steps)

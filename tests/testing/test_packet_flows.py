"""The packet flows that kube-proxy's own tests publish hold for the clusters natc compiles.

golden/README.md tells where the flows come from. They were published for the layouts of 1.26 and later.
"""

import pytest

from natc.compile import compile as compile_cluster
from natc.netfilter.packet import question_packet
from natc.trace.answer.outcome import MASQUERADE
from natc.trace.machine import Machine
from tests.testing.flows import case_name, cases, cluster_of, config_of, family_of, node_of, origin_of

VERSIONS = ("1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.33", "newer")
CASES = cases()
ARRIVED = {"FORWARD", "OUTPUT", "INPUT"}


def outcomes(machine, flow):
    source, destination, proto, *_ = flow
    host, _, port = destination.rpartition(":")
    packet = question_packet(host.strip("[]"), int(port), proto=proto, src=source, sport=40000)
    answer = machine.trace(packet, origin_of(source))
    return [(odds, outcome) for case in answer.cases for odds, outcome in case.outcomes]


def end_of(found):
    """What became of a packet, in the words of the flows."""
    reached = sorted(str(outcome.dnat) for _, outcome in found if outcome.dnat)
    if reached:
        assert len(reached) == len(found)
        assert {outcome.verdict for _, outcome in found} <= ARRIVED
        assert all(abs(float(odds) * len(found) - 1) < len(found) * 2**-30 for odds, _ in found)
        return reached
    ((_, outcome),) = found
    last = [step for step in outcome.path if step.table == "filter"][-1]
    if outcome.verdict in ARRIVED:
        return "ACCEPT" if last.rule is not None and last.chain == "KUBE-NODEPORTS" else "passes"
    return outcome.verdict


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_the_flows_hold(case, version):
    ruleset = compile_cluster(cluster_of(case), config_of(case, version))
    machine = Machine.of(ruleset, node_of(family_of(case)))
    for flow in case["flows"]:
        found = outcomes(machine, flow)
        assert end_of(found) == (sorted(flow[3]) if isinstance(flow[3], list) else flow[3]), flow
        masqueraded = {outcome.snat == MASQUERADE for _, outcome in found}
        assert masqueraded == {flow[4]}, flow


def test_there_are_as_many_as_are_told_of():
    assert sum(len(case["flows"]) for case in CASES) == 246

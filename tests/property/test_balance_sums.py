"""What a balancer's pods get is the weighted sum of what natc trace says of each node."""

from fractions import Fraction

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from natc.analysis.balance import Node, balance
from natc.analysis.shares import Asked, node_shares
from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.kube.endpoints import complete
from natc.netfilter.packet import NO, question_packet
from natc.testing import clusters
from natc.testing.clusters import NODES
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode

OWN = "192.0.2.1"
#: None is an address of a service: a sender cannot have the address it sends to.
SENDERS = ("203.0.113.7", "172.16.5.9", "10.244.0.7", "192.0.2.7")
DETECTORS = st.sampled_from([{}, {"cluster_cidr": "10.244.0.0/16"}, {"masquerade_all": True}])


def settings_of(version, name, detector):
    return ProxyConfig(kube_version=version, hostname_override=name, with_kubelet=True, **detector)


def destinations(cluster):
    """The addresses and ports at which a balancer may reach the services of a cluster."""
    for service in cluster.services:
        for port in service.ports:
            proto = port.protocol.lower()
            if port.node_port:
                yield None, port.node_port, proto
            for vip in [*service.external_ips, *(one.ip for one in service.ingress)]:
                if "." in vip:
                    yield vip, port.port, proto


def traced(ruleset, asked, sender):
    """Where a sender's first packet goes, and how often, by natc trace."""
    dst = asked.dst or OWN
    own = {int(question_packet(OWN).dst)} if asked.dst is None else set()
    answer = Machine.of(ruleset, OpenNode(frozenset(own))).trace(
        question_packet(dst, asked.port, proto=asked.proto, src=sender)
    )
    found = {}
    for case in answer.cases:
        if all(value.kind == "recent" and known == NO for value, known in case.known.items()):
            for odds, outcome in case.outcomes:
                lost = outcome.verdict in ("DROP", "REJECT", "NO_ROUTE") or outcome.dnat is None
                place = outcome.verdict if lost else outcome.dnat
                found[place] = found.get(place, 0) + Fraction(odds.num, 1 << odds.exp)
    return found


def case_of(found, sender):
    (case,) = (
        case
        for case in found.cases
        if "source" not in case.brought or int(question_packet(sender).dst) in case.brought["source"]
    )
    return case


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    cluster=clusters(max_services=2, max_pods=0),
    version=st.sampled_from(["1.18.6", "1.23.4", "1.30"]),
    detector=DETECTORS,
    weights=st.tuples(*[st.fractions(0, 5, max_denominator=7)] * len(NODES)),
    data=st.data(),
)
def test_shares_are_the_weighted_sum_of_the_nodes_traces(cluster, version, detector, weights, data):
    places = sorted(destinations(cluster), key=str)
    assume(places and any(weights))
    asked = Asked(*data.draw(st.sampled_from(places)))
    whole = complete(cluster)
    rulesets = [compile_cluster(whole, settings_of(version, name, detector)) for name in NODES]
    nodes = [
        Node(name, weight, node_shares(ruleset, asked))
        for name, weight, ruleset in zip(NODES, weights, rulesets, strict=True)
    ]
    found = balance(asked, nodes)
    for case in found.cases:
        assert all(part.exact for part in case.parts.values())
        assert sum(part.low for part in case.parts.values()) == 1
    for sender in SENDERS:
        expected = {}
        for ruleset, part in zip(rulesets, found.weights, strict=True):
            for place, odds in traced(ruleset, asked, sender).items():
                expected[place] = expected.get(place, 0) + part * odds
        parts = {place: part.low for place, part in case_of(found, sender).parts.items()}
        assert {place: part for place, part in parts.items() if part} == {
            place: part for place, part in expected.items() if part
        }

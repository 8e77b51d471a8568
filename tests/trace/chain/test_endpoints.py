"""Rules in a row that lead to endpoints: what is taken as one step is what each rule by itself would have done."""

import re
from unittest.mock import patch

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace import crowd
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.starting import NOTHING_SHOWN, Start
from tests.trace.dumps import service

COUNT = 40
#: Of its endpoints one half is behind a gateway, one is the node itself, and one address cannot be routed to.
NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.0.2.9/24"]},
        {"name": "cni0", "addrs": ["10.244.0.39/27"]},
    ],
    "routes": ["default via 192.0.2.1 dev eth0", "blackhole 10.244.0.3"],
    "ip_forward": 1,
}
PACKET = question_packet("10.96.0.1", 80)


def ends(answer):
    return {
        case.conditions: [(odds.num, odds.exp, outcome, outcome.steps) for odds, outcome in case.outcomes]
        for case in answer.cases
    }


def both(text, packet=PACKET, origin="network", node=None, start=NOTHING_SHOWN):
    """How many rules are looked at for an answer, and how many for the same without rows and crowds."""
    ruleset = read(text)
    together = Machine.of(ruleset, node, start=start).trace(packet, origin)
    with patch.object(crowd, "WORTH_IT", 10**9):
        alone = Machine.of(ruleset, node, use_index=False, start=start).trace(packet, origin)
    assert ends(together) == ends(alone)
    return together.rules_evaluated, alone.rules_evaluated


def test_a_row_of_endpoints_is_one_step():
    together, alone = both(str(service(COUNT)))
    assert together < 50 < 7 * COUNT < alone


@pytest.mark.parametrize("source", ["10.244.0.7", "192.0.2.1", "10.244.9.9"])
@pytest.mark.parametrize("origin", ["network", "local"])
def test_a_given_source_is_marked_where_it_is_the_endpoint(source, origin):
    together, _ = both(str(service(COUNT)), question_packet("10.96.0.1", 80, src=source), origin)
    assert together < 50


def test_counters_do_not_make_rules_unlike():
    counted = iter(range(10**6))
    text = re.sub(r"(?m)^-A", lambda _: f"[{next(counted)}:0] -A", str(service(COUNT)))
    together, _ = both(text)
    assert together < 50


def test_comments_do_not_make_rules_unlike():
    text = re.sub(r"-j (SEP-\d+)", r'-m comment --comment "to \1" -j \1', str(service(COUNT)))
    together, _ = both(text)
    assert together < 50


def test_ipv6_addresses_are_endpoints_too():
    text = str(service(COUNT)).replace("10.96.0.1/32", "fd00::1/128").replace("10.244.0.0/16", "fd01::/16")
    text = re.sub(r"to-destination 10\.244\.0\.(\d+):", r"to-destination [fd01::\1]:", text)
    text = re.sub(r"10\.244\.0\.(\d+)/32", r"fd01::\1/128", text)
    together, _ = both(text, question_packet("fd00::1", 80))
    assert together < 50


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("-s 10.244.0.20/32 -j", "! -s 10.244.0.20/32 -j"),
        ("-s 10.244.0.20/32 -j", "-s 10.244.0.20/30 -j"),
        ("10.244.0.20:8080", "10.244.0.20:8081"),
        ("10.244.0.20:8080", "10.244.0.20-10.244.0.21:8080"),
        ("10.244.0.20:8080", "10.244.0.20:8080 --random"),
    ],
)
def test_a_row_ends_where_a_chain_is_written_in_another_way(written, otherwise):
    text = str(service(COUNT))
    assert text.count(written) == 1
    (whole, _), (together, alone) = both(text), both(text.replace(written, otherwise))
    assert whole < together < alone / 2


def test_a_list_of_each_endpoint_does_not_make_their_chains_unlike():
    """But where a list was shown, each rule is asked by itself: it may change what is known of it."""
    text = re.sub(
        r"-A (SEP-\d+) -p tcp -m tcp",
        r"-A \1 -p tcp -m recent --set --name \1 --rsource",
        str(service(COUNT)),
    )
    together, alone = both(text)
    assert together < 50 < alone
    together, _ = both(text, start=Start(lists={"SEP-7": ()}))
    assert together > 50


def with_affinity(count=COUNT):
    """The service of these tests with session affinity: a list of each endpoint, asked before the draw."""
    text = re.sub(
        r"-A (SEP-\d+) -p tcp -m tcp",
        r"-A \1 -p tcp -m recent --set --name \1 --rsource -m tcp",
        str(service(count)),
    )
    asks = "-A SVC -m recent --rcheck --seconds 10800 --reap --name SEP-{0} --rsource -j SEP-{0}\n"
    first = text.index("-A SVC -m statistic")
    return text[:first] + "".join(asks.format(number) for number in range(count)) + text[first:]


@pytest.mark.parametrize("origin", ["network", "local"])
@pytest.mark.parametrize("source", [None, "10.244.0.7", "192.0.2.1"])
def test_a_row_that_asks_lists_is_one_step_too(source, origin):
    """Of 40 endpoints as of 5,000 some 90 rules are looked at."""
    together, alone = both(with_affinity(), question_packet("10.96.0.1", 80, src=source), origin)
    assert together < 100 < 6 * COUNT < alone


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("--seconds 10800 --reap --name SEP-20", "--seconds 60 --reap --name SEP-20"),
        ("--rcheck --seconds 10800 --reap --name SEP-20", "--update --seconds 10800 --reap --name SEP-20"),
        ("--rcheck --seconds 10800 --reap --name SEP-20", "! --rcheck --seconds 10800 --reap --name SEP-20"),
        ("--name SEP-20 --rsource -j SEP-20", "--name SEP-20 --rsource -j ACCEPT"),
    ],
)
def test_a_row_that_asks_lists_ends_where_one_is_asked_in_another_way(written, otherwise):
    text = with_affinity()
    assert text.count(written) == 1
    (whole, _), (together, alone) = both(text), both(text.replace(written, otherwise))
    assert whole < together < alone / 2


def test_a_list_may_lead_to_the_endpoint_of_another():
    together, _ = both(with_affinity().replace("SEP-20 --rsource -j SEP-20", "SEP-20 --rsource -j SEP-3"))
    assert together < 100


def test_lists_that_were_shown_are_asked_one_by_one():
    together, _ = both(with_affinity(18), start=Start(lists={"SEP-7": ()}))
    assert together > 100


def test_packets_of_which_a_list_is_known_go_through_the_rules():
    asked = "-A SVC -m recent --rcheck --seconds 10800 --reap --name SEP-{} --rsource -j MARK --set-xmark 0x1/0x1\n"
    first = "".join(asked.format(number) for number in range(3, 12))
    together, _ = both(with_affinity(18).replace("-A SVC ! -s", first + "-A SVC ! -s"))
    assert together > 100


def test_packets_to_an_endpoint_itself_go_through_its_rules():
    """Translating them changes nothing, which the kernel does not call a translation."""
    text = str(service(COUNT)).replace("-d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j SVC", "-p tcp -j SVC")
    both(text, question_packet("10.244.0.7", 8080))


@pytest.mark.parametrize("source", [None, "10.244.0.40", "10.244.0.7", "192.0.2.77"])
@pytest.mark.parametrize("origin", ["network", "local"])
def test_endpoints_that_a_node_routes_alike_are_routed_together(source, origin):
    packet = question_packet("10.96.0.1", 80, src=source, in_interface="eth0")
    together, alone = both(str(service(COUNT)), packet, origin, HostNode(Host.from_node(NODE)))
    assert together < alone / 2

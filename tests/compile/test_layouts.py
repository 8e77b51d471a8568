"""The table of layouts: complete, consistent, and honest about what is known."""

import attrs
import pytest

from natc.compile import layouts
from natc.compile.layouts import NEWEST, Chain, Layout, Pass, Sureness, Unmatched, find_version
from natc.compile.proxier import PASSES
from natc.errors import UsageError

LAYOUTS = [value for value in vars(layouts).values() if isinstance(value, Layout)]
SWITCHES = ("slices", "ip_mode", "external_ip_policy", "internal_policy", "terminating", "hints", "node_hints",
            "hints_always", "topology_keys")  # fmt: skip


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def layout(request):
    return request.param


def test_every_pass_is_written():
    assert PASSES.keys() == set(Pass)


def test_every_pass_is_used():
    assert {each for layout in LAYOUTS for each in layout.passes} == set(Pass)


def test_no_pass_runs_twice(layout):
    assert len(set(layout.passes)) == len(layout.passes)


def test_every_chain_kind_has_its_pass(layout):
    writers = {
        Chain.SERVICE: {Pass.SERVICE_CHAIN, Pass.SERVICE_AND_ENDPOINT_CHAINS},
        Chain.LOCAL: {Pass.LOCAL_CHAIN},
        Chain.EXTERNAL: {Pass.EXTERNAL_CHAIN},
        Chain.EXTERNAL_LOCAL: {Pass.EXTERNAL_LOCAL_CHAIN},
        Chain.ENDPOINT: {Pass.ENDPOINT_CHAINS, Pass.SERVICE_AND_ENDPOINT_CHAINS},
    }
    for kind, its_writers in writers.items():
        assert (kind in layout.chains) == bool(its_writers & set(layout.passes)), kind


def test_rules_that_may_be_cut_short_come_last(layout):
    if layout.unmatched_node_ports is Unmatched.SERVICE_CUT_SHORT:
        cut = layout.passes[: layout.passes.index(Pass.NODE_PORT)]
        assert Pass.ENDPOINT_CHAINS not in cut


def test_gates_that_decide_are_gates_of_that_version(layout):
    switches = {name: getattr(layout, name) for name in SWITCHES}
    assert {name for name in switches.values() if isinstance(name, str)} <= layout.gates.keys()


def test_switches_are_all_fields_of_that_type():
    assert {a.name for a in attrs.fields(Layout) if a.type == "Switch"} == set(SWITCHES)


def test_jumps_lead_to_chains_with_a_line(layout):
    chains = {*layout.filter_chains, "KUBE-FIREWALL", "KUBE-POSTROUTING"}
    assert {jump.to for jump in layout.jumps} <= chains


def test_layouts_differ():
    assert len({attrs.evolve(layout, name="") for layout in map(_hashable, LAYOUTS)}) == len(LAYOUTS)


def _hashable(layout):
    return attrs.evolve(layout, gates=tuple(sorted(layout.gates.items())))


@pytest.mark.parametrize(
    ("text", "name", "sureness"),
    [
        ("1.14", "1.14", Sureness.COMPARED),
        ("1.14.9", "1.14", Sureness.SAME_MINOR),
        ("1.15.3", "1.15", Sureness.SOURCES),
        ("1.16", "1.16.13", Sureness.BOUNDARY),
        ("1.16.12", "1.16.11", Sureness.BOUNDARY),
        ("1.17.8", "1.17.7", Sureness.BOUNDARY),
        ("1.17.9", "1.17.9", Sureness.BOUNDARY),
        ("1.18.2", "1.18", Sureness.COMPARED),
        ("1.18.5", "1.18.4", Sureness.BOUNDARY),
        ("1.18.20", "1.18.6", Sureness.SAME_MINOR),
        ("1.20.0", "1.20", Sureness.COMPARED),
        ("1.20.0-rc.0", "1.20", Sureness.COMPARED),
        ("1.22.0", "1.22", Sureness.COMPARED),
        ("1.22", "1.22.5", Sureness.BOUNDARY),
        ("v1.30.5", "1.30", Sureness.COMPARED),
        ("1.30.14", "1.30", Sureness.SAME_MINOR),
        ("1.31.0", "1.31", Sureness.LATER),
        ("1.34", "1.34", Sureness.LATER),
        ("1.35", "1.35", Sureness.LATER),
        ("1.36", "newer", Sureness.LATER),
        ("newer", "newer", Sureness.APPLIED),
    ],
)
def test_version(text, name, sureness):
    version = find_version(text)
    assert (version.layout.name, version.sureness) == (name, sureness)
    assert name in str(version)
    assert sureness.value in str(version)


@pytest.mark.parametrize(
    "text", ["", "1", "1.13", "1.99", "2.0", "1.x", "1.30.", "1.30.5 ", "1.1e1", "latest", "1.\u0663"]
)
def test_unknown_version(text):
    with pytest.raises(UsageError, match=r"1\."):
        find_version(text)


def test_a_version_that_was_not_chosen_is_called_the_newest():
    assert str(find_version(NEWEST)).startswith("the newest kube-proxy known: layout newer, ")
    assert str(find_version("1.27")).startswith("kube-proxy 1.27: layout 1.27, ")

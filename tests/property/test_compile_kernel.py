"""The kernel takes what natc compiles, and shows it exactly as natc prints it."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import natc.testing
from natc.compile import ProxyConfig, node_text
from natc.compile import compile as compile_cluster
from natc.kube.endpoints import complete
from natc.text.writer import save
from tests.kernel import BACKENDS, load_and_save, tables
from tests.property.test_compile import VERSIONS, clusters, configs
from tests.support import IN_CI

pytestmark = pytest.mark.kernel
A_FEW = settings(max_examples=30 if IN_CI else 8, deadline=None)
#: Counters of nfacct are kernel objects that a fresh network namespace does not have.
loadable = configs().map(lambda config: attrs.evolve(config, nfacct=False))


@pytest.mark.parametrize("backend", BACKENDS)
@A_FEW
@given(clusters(), loadable)
def test_a_compiled_ruleset_comes_back_unchanged(backend, cluster, config):
    saved = save(compile_cluster(cluster, config), order=backend)
    assert tables(load_and_save(saved, backend)) == tables(saved)


@pytest.mark.parametrize("backend", BACKENDS)
@A_FEW
@given(clusters(), loadable)
def test_kube_proxys_own_words_are_shown_as_natc_prints_them(backend, cluster, config):
    shown = load_and_save(node_text(cluster, config), backend)
    assert tables(shown) == tables(save(compile_cluster(cluster, config), order=backend))


#: Older ones take load balancer addresses of the other family into their rules, and restore then fails.
DUAL_STACK = [version for version in VERSIONS if ProxyConfig(kube_version=version).layout.dual_stack]


@st.composite
def configs_of_both_families(draw):
    family = draw(st.sampled_from(["ipv4", "ipv6"]))
    config = attrs.evolve(draw(loadable), kube_version=draw(st.sampled_from(DUAL_STACK)))
    if family == "ipv4":
        return config
    return attrs.evolve(
        config,
        ip_family=family,
        cluster_cidr="fd00:10:244::/64" if config.cluster_cidr else "",
        node_ip="fd00::3",
        interface_addresses=("::1/128", "fd00::3/64"),
        nodeport_addresses=(),
    )


@pytest.mark.parametrize("backend", BACKENDS)
@A_FEW
@given(natc.testing.clusters(), configs_of_both_families())
def test_any_cluster_of_an_api_server_comes_back_unchanged(backend, cluster, config):
    saved = save(compile_cluster(complete(cluster), config), order=backend)
    assert tables(load_and_save(saved, backend, 6 if config.is_ipv6 else 4)) == tables(saved)

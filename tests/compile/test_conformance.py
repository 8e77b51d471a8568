"""Equal to the real kube-proxy, byte for byte, in every recorded and every golden case."""

import gzip

import pytest

from natc.compile import ProxyConfig, restore_text
from natc.compile import compile as compile_cluster
from natc.kube.manifests import load_paths
from natc.text.writer import save
from tests.compile.cases import cluster_of, config_of
from tests.support import GOLDEN, case_id, present, shared, shared_cases, without_remarks

BACKENDS = ("legacy", "nft")
CASES = sorted(path.parent for path in GOLDEN.glob("kube-proxy/*/flags.json"))
RECORDED = shared_cases("kube-proxy/corpus/*/[0-9]*")


def assert_equal(case):
    cluster, config = cluster_of(case), config_of(case)
    if config.proxy_mode == "iptables":
        assert restore_text(cluster, config) == (case / "restore.txt").read_text()
    ruleset = compile_cluster(cluster, config)
    for backend in BACKENDS:
        saved = (case / f"save-{backend}.txt").read_text()
        assert without_remarks(save(ruleset, order=backend)) == without_remarks(saved)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_golden_case(case):
    assert_equal(case)


@pytest.mark.shared
@pytest.mark.parametrize("case", RECORDED, ids=case_id)
def test_recorded_case(case):
    assert_equal(present(case))


@pytest.mark.shared
@pytest.mark.parametrize("backend", BACKENDS)
def test_node_where_kubelet_was_first(backend):
    cluster = load_paths([shared("kube-proxy/kubelet-first-cluster.yaml")])
    config = ProxyConfig(
        kube_version="1.30.5",
        cluster_cidr="10.244.0.0/16",
        hostname_override="node1",
        node_ip="192.168.7.3",
        with_kubelet=True,
    )
    saved = shared(f"kube-proxy/kubelet-first-{backend}.txt").read_text()
    assert without_remarks(save(compile_cluster(cluster, config), order=backend)) == without_remarks(saved)


@pytest.mark.shared
@pytest.mark.slow
def test_a_thousand_services():
    cluster = load_paths([shared("bench/cluster-1000.json.gz")])
    config = ProxyConfig(
        kube_version="1.30.5",
        cluster_cidr="10.128.0.0/9",
        hostname_override="node-000",
        node_ip="192.168.0.10",
    )
    saved = gzip.decompress(shared("bench/kube-proxy-1000.save.gz").read_bytes()).decode()
    ours, theirs = (
        without_remarks(save(compile_cluster(cluster, config), order="legacy")),
        without_remarks(saved),
    )
    # That node's kube-proxy walked its services in random order, which shows in the shared chains.
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())

"""Every recorded cluster loads: what the real kube-proxy was given is never refused."""

import pytest

from natc.kube.manifests import load_paths
from tests.support import case_id, present, shared, shared_cases


@pytest.mark.shared
@pytest.mark.parametrize("path", shared_cases("kube-proxy/corpus/*/*/cluster.yaml"), ids=case_id)
def test_a_recorded_cluster_loads(path):
    path = present(path)
    kinds = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("kind:")]
    cluster = load_paths([path])
    assert len(cluster.services) == kinds.count("Service")
    assert len(cluster.endpoint_slices) == kinds.count("EndpointSlice")
    assert len(cluster.endpoints) == kinds.count("Endpoints")
    assert len(cluster.nodes) == kinds.count("Node")
    assert not cluster.skipped


@pytest.mark.shared
def test_the_measuring_cluster_loads():
    cluster = load_paths([shared("bench/cluster-1000.json.gz")])
    assert len(cluster.services) == len(cluster.endpoint_slices) == 1000
    assert sum(len(piece.endpoints) for piece in cluster.endpoint_slices) == 5000

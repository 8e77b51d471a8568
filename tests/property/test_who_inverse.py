"""natc who is natc trace turned round, for whatever cluster."""

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.kube.endpoints import complete
from natc.testing import clusters
from natc.text.writer import save
from tests.inverse import assert_inverse


@settings(max_examples=12, deadline=None)
@given(
    cluster=clusters(max_services=2, max_pods=1),
    version=st.sampled_from(["1.18.6", "1.23.4", "1.30"]),
    detector=st.sampled_from([{}, {"cluster_cidr": "10.244.0.0/16"}, {"masquerade_all": True}]),
    node=st.sampled_from(["node1", "node2"]),
)
def test_the_paths_to_every_pod_are_the_destinations_whose_traces_reach_it(cluster, version, detector, node):
    config = ProxyConfig(kube_version=version, hostname_override=node, with_kubelet=True, **detector)
    assert_inverse(save(compile_cluster(complete(cluster), config)))

"""What is written as manifests reads back as the same cluster, in every notation."""

import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.kube.endpoints import complete
from natc.kube.manifests import load
from natc.kube.model import Cluster
from natc.kube.sources import Source
from natc.testing import clusters, services, to_manifests


def read(text: str) -> Cluster:
    return load([Source("cluster", text)])


def as_stream(objects, **style) -> str:
    """Write objects one after the other; nothing may stand beside the --- between them."""
    return "---\n".join(yaml.dump(each, Dumper=yaml.CSafeDumper, **style) for each in objects)


@settings(deadline=None)
@given(clusters())
def test_a_cluster_comes_back_from_json(cluster):
    whole = {"apiVersion": "v1", "kind": "List", "items": to_manifests(cluster)}
    assert read(json.dumps(whole)) == cluster


@settings(deadline=None)
@given(clusters(), st.sampled_from([None, True, False]), st.booleans())
def test_a_cluster_comes_back_from_yaml(cluster, flow, sort):
    objects = to_manifests(cluster)
    assert read(as_stream(objects, default_flow_style=flow, sort_keys=sort)) == cluster


@settings(deadline=None)
@given(services())
def test_a_service_alone_is_accepted(service):
    cluster = Cluster((service,))
    assert read(json.dumps(to_manifests(cluster)[0])) == cluster


@settings(deadline=None)
@given(clusters(max_pods=5))
def test_completing_keeps_what_is_given_and_is_done_once(cluster):
    whole = complete(cluster)
    given_slices = len(cluster.endpoint_slices)
    assert whole.endpoint_slices[:given_slices] == cluster.endpoint_slices
    known = {(s.namespace, s.service) for s in cluster.endpoint_slices}
    for made in whole.endpoint_slices[given_slices:]:
        assert (made.namespace, made.service) not in known
        addresses = {ip for pod in cluster.pods for ip in pod.pod_ips}
        addresses |= {
            e.addresses[0]
            for each in cluster.endpoints
            for subset in each.subsets
            for e in (*subset.addresses, *subset.not_ready_addresses)
        }
        assert {ip for endpoint in made.endpoints for ip in endpoint.addresses} <= addresses
    assert complete(whole).endpoint_slices == whole.endpoint_slices

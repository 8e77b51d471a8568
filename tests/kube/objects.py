"""Manifests to begin tests with: small, complete, and easy to change."""

import copy
import json

from natc.kube.manifests import load
from natc.kube.sources import Source


def service(**changes):
    """A Service manifest; ``name``, ``namespace``, ``labels``, ``status`` aside, changes go into its spec."""
    meta = {key: changes.pop(key) for key in ("name", "namespace", "labels", "annotations") if key in changes}
    status = changes.pop("status", None)
    spec = {"clusterIP": "10.96.0.1", "ports": [{"port": 80}], **changes}
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", **meta},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }
    return {**manifest, "status": status} if status else manifest


def piece(**changes):
    """An EndpointSlice manifest; changes go to its top."""
    manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-abcde", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.244.0.5"]}],
        **changes,
    }
    return {key: value for key, value in manifest.items() if value is not None}


def endpoints(*subsets, name="web"):
    """An Endpoints manifest."""
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": list(subsets)}


def pod(name="web-0", ip="10.244.0.5", ready=True, **changes):
    """A running Pod's manifest with the label app=web; changes are merged into it, one level deep."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "node1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }
    for part, change in changes.items():
        manifest[part] = {**manifest[part], **change}
    return copy.deepcopy(manifest)


def cluster(*manifests):
    """The cluster some manifests describe."""
    return load([Source("cluster.json", "\n".join(map(json.dumps, manifests)))])

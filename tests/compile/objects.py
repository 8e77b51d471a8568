"""Short ways to make the Kubernetes objects that compile's unit tests talk about."""

from natc.compile import ProxyConfig, restore_text
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    IngressAddress,
    Node,
    Service,
    ServicePort,
)


def service(name="web", *, port=80, node_port=0, vips=(), **more):
    """A Service of one unnamed TCP port, ClusterIP unless more is said."""
    settings = {
        "namespace": "default",
        "cluster_ip": "10.96.0.1",
        "ports": (ServicePort(port, node_port=node_port),),
        "ingress": tuple(IngressAddress(ip) for ip in vips),
    }
    return Service(name=name, **{**settings, **more})


def load_balancer(name="web", **more):
    return service(name, type="LoadBalancer", node_port=30080, **{"vips": ("203.0.113.1",), **more})


def endpoint(ip="10.244.0.5", **more):
    return Endpoint((ip,), **more)


def piece(*endpoints, service="web", name="", port=8080, family="IPv4"):
    """An EndpointSlice of one unnamed TCP port."""
    return EndpointSlice(
        "default", name or f"{service}-abc", service, family, (EndpointPort(port=port),), endpoints
    )


def cluster(*objects, nodes=(), endpoints=()):
    """A cluster of Services and EndpointSlices in any order."""
    return Cluster(
        services=tuple(o for o in objects if isinstance(o, Service)),
        endpoint_slices=tuple(o for o in objects if isinstance(o, EndpointSlice)),
        endpoints=tuple(endpoints),
        nodes=tuple(nodes),
    )


def node(name="node1", zone="a", **more):
    return Node(name, {"topology.kubernetes.io/zone": zone} if zone else {}, **more)


def lines(of, version="1.30", **settings):
    """The lines of the restore text that kube-proxy of a version writes."""
    return restore_text(of, ProxyConfig(kube_version=version, **settings)).splitlines()


def rules(of, holding, version="1.30", **settings):
    """The rules that hold a text."""
    return [line for line in lines(of, version, **settings) if line.startswith("-A") and holding in line]


def targets(of, chain_prefix, version="1.30", **settings):
    """The endpoints that chains with a prefix lead to, by the DNAT behind their jumps."""
    text = lines(of, version, **settings)
    dnat = {line.split()[1]: line.split()[-1] for line in text if "-j DNAT" in line}
    jumps = [line for line in text if line.startswith(f"-A {chain_prefix}") and "--rcheck" not in line]
    return [dnat[line.split()[-1]] for line in jumps if line.split()[-1] in dnat]

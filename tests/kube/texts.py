"""Short ways to make manifest texts and to read them."""

import pytest

from natc.errors import NatcError
from natc.kube.manifests import load
from natc.kube.model import Cluster
from natc.kube.sources import Source

META = "metadata: {name: web}\n"
SERVICE = f"apiVersion: v1\nkind: Service\n{META}spec:\n"
PLAIN = SERVICE + "  clusterIP: 10.96.0.1\n  ports: [{port: 80}]\n"
SLICE = f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n{META}addressType: IPv4\n"


def read(*texts: str | bytes) -> Cluster:
    """Load texts that are in files f0.yaml, f1.yaml, ..."""
    return load([Source(f"f{number}.yaml", text) for number, text in enumerate(texts)])


def refused(*texts: str | bytes) -> list[str]:
    """The one-line messages with which texts are refused, each with line and column."""
    with pytest.raises(NatcError) as caught:
        read(*texts)
    errors = getattr(caught.value, "errors", None) or (caught.value,)
    return [str(error).removeprefix("f0.yaml:") for error in errors]


def service(spec: str) -> str:
    """A Service with a cluster IP and one port, and more lines of its spec."""
    return PLAIN + "".join(f"  {line}\n" for line in spec.splitlines())

"""For test suites, other people's too: what to draw clusters from, and how to write them as manifests.

Needs hypothesis: ``pip install natc[testing]``.
"""

from natc.kube.writing import to_manifests
from natc.testing.clusters import clusters, services

__all__ = ["clusters", "services", "to_manifests"]

"""For test suites, other people's too: clusters and packets to draw, and what to assert of a ruleset.

Needs hypothesis: ``pip install natc[testing]``.
"""

from natc.kube.writing import to_manifests
from natc.testing.clusters import clusters, pods, services, slices
from natc.testing.fairness import assert_fair
from natc.testing.packets import packets

__all__ = ["assert_fair", "clusters", "packets", "pods", "services", "slices", "to_manifests"]

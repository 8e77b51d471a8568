"""The kernel takes what natc compiles, and shows it exactly as natc prints it."""

import attrs
import pytest
from hypothesis import given, settings

from natc.compile import compile as compile_cluster
from natc.compile import node_text
from natc.text.writer import save
from tests.kernel import BACKENDS, load_and_save, tables
from tests.property.test_compile import clusters, configs

pytestmark = pytest.mark.kernel
A_FEW = settings(max_examples=20, deadline=None)
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

"""What natc writes is what iptables-save shows after loading it, in both backends."""

import pytest

from natc.text.reader import read
from natc.text.writer import save
from tests.kernel import BACKENDS, load_and_save, tables
from tests.support import GOLDEN, case_id

SAVES = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))


@pytest.mark.kernel
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dump", SAVES, ids=case_id)
def test_a_written_dump_is_unchanged_by_the_kernel(dump, backend):
    ruleset = read(dump.read_text())
    text = save(ruleset)
    assert tables(load_and_save(text, backend, ruleset.family)) == tables(text)

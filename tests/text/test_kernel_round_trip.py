"""What natc writes is what iptables-save shows after loading it, in both backends."""

import re
import subprocess

import pytest

from natc.errors import DumpError
from natc.text.files import ENCODING, read_dump
from natc.text.reader import read
from natc.text.writer import save
from tests.kernel import BACKENDS, PROGRAMS, load_and_save, tables
from tests.support import GOLDEN, case_id, need_kernel, present, shared_cases

SAVES = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))


@pytest.mark.kernel
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dump", SAVES, ids=case_id)
def test_a_written_dump_is_unchanged_by_the_kernel(dump, backend):
    ruleset = read(dump.read_text())
    text = save(ruleset)
    assert tables(load_and_save(text, backend, ruleset.family)) == tables(text)


def rules_alone(table: str) -> str:
    """A table without the counters of its rules, which iptables-save shows only when asked."""
    return re.sub(r"^\[\d+:\d+\] ", "", table, flags=re.MULTILINE)


@pytest.mark.kernel
@pytest.mark.shared
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", shared_cases("dumps/*.txt"), ids=case_id)
def test_a_found_ruleset_is_written_as_the_kernel_shows_it(path, backend):
    """For whatever natc reads and this machine's restore loads; what only one takes is test_dumps' business."""
    path = present(path)
    if path.stat().st_size > 200_000:
        pytest.skip("would take the kernel minutes")
    try:
        ruleset = read_dump(path)
    except DumpError:
        pytest.skip("natc refuses it")
    program = f"{PROGRAMS[ruleset.family]}-{backend}"
    need_kernel(f"{program}-restore", f"{program}-save")
    script = f"{program}-restore -c && {program}-save"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script], input=path.read_bytes(), capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{program}-restore refuses it")
    shown = tables(done.stdout.decode(**ENCODING))
    written = tables(save(ruleset, order=backend))
    assert {name: rules_alone(table) for name, table in written.items()} == {
        name: shown[name] for name in written
    }

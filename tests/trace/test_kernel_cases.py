"""Replays against what a kernel did with real packets, both backends."""

import json

import pytest

from tests.support import GOLDEN, case_id, present, shared_cases
from tests.trace.kernel_cases import compare_case

RECORDED = shared_cases("kernel/cases/*")
KEPT = sorted(GOLDEN.glob("kernel/*/packets.json"))


@pytest.mark.shared
@pytest.mark.parametrize("case", RECORDED, ids=case_id)
def test_the_kernel_did_the_same(case):
    found = compare_case(present(case))
    assert found.compared > 0
    assert found.differences == []


@pytest.mark.parametrize("case", KEPT, ids=case_id)
def test_a_kept_case_is_replayed_as_the_kernel_did(case):
    found = compare_case(case.parent)
    assert found.compared > 0
    assert found.differences == []


def test_there_are_kept_cases_of_both_modes():
    modes = {json.loads(case.read_text())["mode"] for case in KEPT}
    assert modes == {"sequence", "branches"}

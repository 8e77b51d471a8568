"""What tests need from outside the project, and what happens when it is not there.

Without the recorded answers beside the checkout, without root or without iptables, the tests that
need them skip and say why. In CI (``CI=true``) a missing part is a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "golden"
#: The golden rules of extensions that a kernel had a say in.
KERNEL_EXTENSIONS = [
    path for path in sorted(GOLDEN.glob("extensions/*/*.txt")) if " a stand-in," not in path.read_text()
]
SHARED = Path(os.environ.get("NATC_SHARED", ROOT.parent / "shared"))
IN_CI = os.environ.get("CI") == "true"


def lacking(reason: str) -> None:
    """Skip the running test for want of something, or fail it in CI."""
    if IN_CI:
        pytest.fail(f"CI lacks a part: {reason}")
    pytest.skip(reason)


def shared(path: str = "") -> Path:
    """Return a file or folder of the recorded answers; skip without it."""
    found = SHARED / path
    if not found.exists():
        lacking(f"{path or 'the folder of recorded answers'} is not beside the checkout (NATC_SHARED)")
    return found


def shared_cases(pattern: str) -> list[Path | None]:
    """Return the recorded cases that match, to parametrize over; [None] stands for "there are none"."""
    return list[Path | None](sorted(SHARED.glob(pattern))) or [None]


def case_id(path: object) -> str:
    """Name a parametrized case by its place among the recorded answers or the golden cases."""
    if not isinstance(path, Path):
        return "none"
    for base in (SHARED, GOLDEN):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name


def present(case: Path | None) -> Path:
    """Return a case of :func:`shared_cases`; skip when there are none."""
    if case is None:
        lacking("the recorded answers are not beside the checkout (NATC_SHARED)")
    assert case is not None
    return case


def need_kernel(*programs: str) -> None:
    """Skip unless this is root on Linux with the given programs."""
    if os.geteuid() != 0:
        lacking("asking the kernel needs root")
    for program in ("unshare", *programs):
        if shutil.which(program) is None:
            lacking(f"{program} is not installed")


def without_remarks(text: str) -> str:
    """Return a dump without its comment lines, which carry a time."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))

"""Asking iptables and the kernel of this machine, each time in a network namespace of its own."""

import subprocess

from natc.text.files import ENCODING
from tests.support import need_kernel, without_remarks

PROGRAMS = {4: "iptables", 6: "ip6tables"}
BACKENDS = ("legacy", "nft")


def load_and_save(text: str, backend: str, family: int = 4) -> str:
    """Load a dump with that backend's iptables-restore and return what its iptables-save then shows.

    Skips without root or iptables. Raises AssertionError with the program's words when it refuses.
    """
    program = f"{PROGRAMS[family]}-{backend}"
    need_kernel(f"{program}-restore", f"{program}-save")
    script = f"{program}-restore && {program}-save"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tables(text: str) -> dict[str, str]:
    """Split a dump into its tables, without comment lines: their order tells only which was touched last."""
    parts = without_remarks(text).split("*")[1:]
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in parts}


def refusal(text: str, backend: str, family: int = 4, *options: str) -> str:
    """Return what that backend's iptables-restore says when it refuses a text; empty when it takes it.

    Skips without root or iptables.
    """
    program = f"{PROGRAMS[family]}-{backend}-restore"
    need_kernel(program)
    done = subprocess.run(
        ["unshare", "-n", program, *options], input=text, capture_output=True, check=False, **ENCODING
    )
    return done.stderr or f"exit status {done.returncode}" if done.returncode else ""

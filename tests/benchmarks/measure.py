"""Measuring whole processes: CPU time and peak memory, two commands in turn, the best of several."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

from attrs import frozen


@frozen
class Cost:
    """What a process took: CPU seconds, user and system, and its peak memory in MiB."""

    cpu: float
    memory: float


def cost(command: list[str], environment: Mapping[str, str] = {}) -> Cost:
    """Run a command to its end, its output thrown away; raises CalledProcessError when it fails."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command, stderr=complaint)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def against(
    command: list[str],
    reference: list[str],
    environment: Mapping[str, str],
    *,
    rounds: int = 5,
    theirs: Callable[[list[str]], Cost] = cost,
) -> tuple[Cost, Cost]:
    """Run the two in turn, natc in ``environment``, and return the least each took."""
    ours, others = [], []
    for _ in range(rounds):
        ours.append(cost(command, environment))
        others.append(theirs(reference))
    return min(ours, key=lambda c: c.cpu), min(others, key=lambda c: c.cpu)


def python(code: str) -> list[str]:
    """The command that runs a piece of Python in this environment."""
    return [sys.executable, "-c", code]


def natc(*arguments: str) -> list[str]:
    """The command that runs natc in this environment."""
    return [sys.executable, "-m", "natc", *arguments]

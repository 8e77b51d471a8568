"""Whoever works out the shares of nodes, the answers are the same: they hang on a dump's bytes alone."""

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

import natc
from natc.analysis.shares import Asked, NodeShares, shares_of
from natc.cli import run
from natc.cli.fleet import Failed, all_cores, answers, right_here
from tests.support import GOLDEN, lacking

DUMPS = [
    str(GOLDEN / f"kube-proxy/{case}/save-legacy.txt") for case in ("1.29.1-901", "1.23.4-906", "1.25.4-910")
]
#: A cluster of one worker on the loopback device, until standard input ends. It is a process of its own:
#: Dask's threads would not outlive the forks of other tests.
CLUSTER = """
from distributed import LocalCluster
if __name__ == "__main__":
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "protocol": "tcp://"}
    with LocalCluster(**options, host="127.0.0.1", dashboard_address=None) as workers:
        print(workers.scheduler_address, flush=True)
        input()
"""


@pytest.fixture
def environment():
    """Where a program of Python's finds natc as these tests do."""
    if find_spec("distributed") is None:
        lacking("distributed is not installed")
    return {**os.environ, "PYTHONPATH": str(Path(natc.__file__).parents[1])}


@pytest.fixture
def scheduler(environment):
    """The address of a Dask cluster on this machine; bytes and answers pass through sockets."""
    program = [sys.executable, "-c", CLUSTER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(program, env=environment, text=True, **pipes) as workers:
        yield workers.stdout.readline().strip()
        workers.communicate("\n", timeout=60)


def said(environment, *words):
    """What natc balance says in a process of its own: exit status, output, errors."""
    program = [sys.executable, "-m", "natc", "balance", "--dst", ":30090", *words]
    done = subprocess.run(program, check=False, env=environment, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_all_cores_answer_as_one():
    names, work = [*DUMPS, "/nowhere"], partial(shares_of, asked=Asked(None, 30090))
    expected = list(answers(names, right_here(work)))
    assert all(isinstance(one, NodeShares) for one in expected[:-1])
    assert len(set(expected[:-1])) > 1
    *read, unread = answers(names, all_cores(names, work))
    assert read == expected[:-1]
    assert isinstance(unread, Failed)
    assert unread.error.render() == "/nowhere:1:1: No such file or directory"


def test_a_cluster_answers_as_this_machine_does(capsys, environment, scheduler):
    words = [*DUMPS, "--output", "json"]
    assert run(["balance", "--dst", ":30090", *words]) == 0
    assert said(environment, *words, "--scheduler", scheduler) == (0, capsys.readouterr().out, "")
    unread = said(environment, DUMPS[0], "/nowhere", "--scheduler", scheduler)
    assert unread == (2, "", "/nowhere:1:1: No such file or directory\n")


def test_an_address_without_a_scheduler_is_an_error(environment):
    status, out, err = said(environment, *DUMPS, "--scheduler", "tcp://no-port")
    assert (status, out) == (2, "")
    assert err.startswith("no scheduler answers at tcp://no-port: ")

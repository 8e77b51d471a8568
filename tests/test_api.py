"""The few names a library user starts from."""

import subprocess
import sys

import pytest

import natc
from natc.compile import ProxyConfig
from natc.errors import DumpError
from natc.kube.model import Cluster
from tests.support import GOLDEN

DUMP = GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt"


def test_load_takes_a_path_or_a_text():
    assert natc.load(DUMP) == natc.load(str(DUMP)) == natc.load(DUMP.read_text())


def test_load_refuses_what_is_no_dump():
    with pytest.raises(DumpError, match="No such file"):
        natc.load("no-such-file")


def test_str_of_a_ruleset_is_its_save_form():
    assert str(natc.load(DUMP)) == DUMP.read_text()


@pytest.mark.parametrize("first", ["natc", "natc.compile.layouts"])
def test_compile_is_a_function_and_a_room(first):
    code = f"import {first}, natc; print(natc.compile(natc.kube.model.Cluster(), natc.compile.ProxyConfig()))"
    done = subprocess.run(
        [sys.executable, "-c", f"import natc.kube.model; {code}"], capture_output=True, text=True, check=True
    )
    assert "*nat" in done.stdout


def test_compile_gives_a_ruleset():
    assert "nat" in natc.compile(Cluster(), ProxyConfig()).tables

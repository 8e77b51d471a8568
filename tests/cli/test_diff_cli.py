"""natc diff: text, JSON and exit status, and that the lines for natc trace run and show the difference."""

import json
import shlex

import pytest

from natc.cli import run
from tests.support import GOLDEN

FOLDER = GOLDEN / "kube-proxy/1.29.1-901"
BEFORE = str(FOLDER / "save-legacy.txt")


@pytest.fixture
def after(tmp_path):
    """The node with the second of the service's two endpoints gone."""
    lines = (FOLDER / "save-legacy.txt").read_text().splitlines(keepends=True)
    kept = (line for line in lines if "10.244.2.14" not in line)
    text = "".join(kept).replace("-m statistic --mode random --probability 0.50000000000 ", "")
    path = tmp_path / "after.txt"
    path.write_text(text)
    return str(path)


def test_text_shows_odds_on_both_sides(after, capsys):
    assert run(["diff", BEFORE, after]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "2 destinations changed\n\n10.105.182.209:3000/tcp  default/nodeport-svc cluster IP\n"
    )
    assert "        50 %       100 %   10.244.0.23:8080\n        50 %           -   10.244.2.14:8080\n" in out
    assert ":30090/tcp on the node's addresses  default/nodeport-svc\n" in out


def test_the_lines_for_trace_run_and_show_the_difference(after, capsys):
    run(["diff", BEFORE, after, "--output", "json"])
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {"dst", "proto", "a", "b", "packet"} <= changes[0].keys()
    for change in changes:
        targets = []
        for side in "ab":
            words = shlex.split(change["trace"][side])
            assert run([*words[1:], "--output", "json"]) == 0
            answer = json.loads(capsys.readouterr().out)
            targets.append({target["ip"] for target in answer["targets"]})
        assert targets == [{"10.244.0.23", "10.244.2.14"}, {"10.244.0.23"}]


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_difference_is_silence(output, tmp_path, capsys):
    lines = (FOLDER / "save-legacy.txt").read_text().replace("KUBE-SVC", "OTHER").splitlines(keepends=True)
    other = tmp_path / "other.txt"
    other.write_text("".join(line for line in lines if not line.startswith("#")))
    assert run(["diff", BEFORE, str(other), "--output", output]) == 0
    out = capsys.readouterr().out
    assert out == "" if output == "text" else json.loads(out)["changes"] == []


def test_manifests_are_compiled_as_the_other_sides_kube_proxy_would(after, capsys):
    manifests = str(FOLDER / "cluster.yaml")
    assert run(["diff", manifests, manifests, "--cluster-cidr", "10.244.0.0/16"]) == 0
    assert run(["diff", BEFORE, manifests]) == 0
    assert run(["diff", after, manifests]) == 1
    assert "    natc compile " in capsys.readouterr().out
    assert run(["diff", BEFORE, manifests, "--masquerade-all"]) == 1
    out = capsys.readouterr().out
    assert "50 %           -   10.244.0.23:8080, source kept" in out
    assert "--masquerade-all=true" in out


def test_one_destination_can_be_asked_for(after, capsys):
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.209:3000"]) == 1
    assert capsys.readouterr().out.startswith("1 destination changed\n")
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.210"]) == 1  # as an address of the node
    assert ":30090/tcp" in capsys.readouterr().out
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.209:3001"]) == 0


def test_both_cannot_be_standard_input(capsys):
    assert run(["diff", "-", "-"]) == 2
    assert capsys.readouterr().err == "both sides cannot be standard input\n"

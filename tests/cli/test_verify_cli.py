"""natc verify: silence without drift, a summary first with it, and the same as JSON."""

import json

from natc.cli import run
from tests.support import GOLDEN

CASE = GOLDEN / "kube-proxy/1.29.1-901"
DUMP, MANIFESTS = str(CASE / "save-legacy.txt"), str(CASE / "cluster.yaml")


def drifted(tmp_path):
    text = (CASE / "save-legacy.txt").read_text().replace("10.244.2.14:8080", "10.244.2.99:8080")
    path = tmp_path / "node.txt"
    path.write_text(text)
    return str(path)


def test_silence_without_drift(capsys):
    assert run(["verify", DUMP, MANIFESTS]) == 0
    assert capsys.readouterr() == ("", "")


def test_drift_is_status_1_with_a_summary_first(tmp_path, capsys):
    assert run(["verify", drifted(tmp_path), MANIFESTS, "--kube-version", "1.29.1"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("findings in 1 service port, of 1 that should be on this node")
    assert any("NV104  endpoint stale" in line for line in out)
    assert "default/nodeport-svc" in out


def test_json(tmp_path, capsys):
    assert run(["verify", drifted(tmp_path), MANIFESTS, "--output", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert list(document)[:2] == ["natc", "schema"]
    assert {"code", "service", "line", "message"} <= document["findings"][0].keys()
    assert document["taken_from_dump"]["cluster_cidr"] == "10.244.0.0/16"


def test_flags_win_over_the_dump(capsys):
    assert run(["verify", DUMP, MANIFESTS, "--cluster-cidr", "10.0.0.0/8"]) == 1
    assert "NV107" in capsys.readouterr().out


def test_manifests_are_needed(capsys):
    assert run(["verify", DUMP]) == 2
    assert "MANIFESTS" in capsys.readouterr().err

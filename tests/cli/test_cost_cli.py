"""natc cost: a summary, the worst first, and all of them as JSON."""

import json

from natc.cli import run
from tests.support import GOLDEN

DUMP = str(GOLDEN / "kube-proxy/1.27.1-902/save-legacy.txt")


def test_text(capsys):
    assert run(["cost", DUMP, "--top", "3"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "destinations: a first packet is compared with up to" in out[0]
    assert len(out) == 5
    assert out[-1].strip().startswith("and ")


def test_json_has_all_worst_first(capsys):
    assert run(["cost", DUMP, "--output", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    counts = [service["most"] for service in document["services"]]
    assert counts == sorted(counts, reverse=True)
    assert {"dst", "proto", "name", "least", "most", "line"} <= document["services"][0].keys()

"""The blueprints natc is delivered with are what Lark says, and spare it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from natc.text import grammar
from natc.text.files import read_dump
from natc.text.reader import read
from natc.text.shapes import delivered
from natc.text.writer import save
from tests.delivered import counted, made
from tests.support import GOLDEN

DUMP = GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt"


def test_the_file_holds_what_lark_makes_of_the_golden_lines():
    assert Path(delivered.FILE).read_text() == made(), "the grammar or a golden case has changed: make shapes"


@pytest.mark.parametrize("counters", [False, True])
def test_without_any_cache_lark_is_not_imported_for_the_lines_of_kube_proxy(counters, tmp_path):
    text = counted(DUMP.read_text()) if counters else DUMP.read_text()
    dump = tmp_path / "dump.txt"
    dump.write_text(text)
    code = (
        f"import sys; from natc.cli import run; run(['fmt', {str(dump)!r}]); sys.exit('lark' in sys.modules)"
    )
    environment = {**os.environ, "NATC_NO_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (0, text), done.stderr


def test_with_another_grammar_they_are_not_used(monkeypatch):
    built = []
    monkeypatch.setenv("NATC_NO_CACHE", "1")
    monkeypatch.setattr(delivered, "crc32", len)
    delivered._file.cache_clear()
    build = grammar.build
    monkeypatch.setattr(grammar, "build", lambda blocks: built.append(blocks) or build(blocks))
    assert read_dump(DUMP) == read(DUMP.read_text())
    delivered._file.cache_clear()
    assert len(built) > 1


def test_a_shape_that_is_not_delivered_is_learnt_beside_them(monkeypatch, tmp_path):
    """With option words that delivered shapes have, too: both places are looked into."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NATC_NO_CACHE", raising=False)
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udplite -m comment --comment x -j LOG\nCOMMIT\n"
    (tmp_path / "dump").write_text(text)
    assert save(read_dump(tmp_path / "dump")) == text
    assert list(tmp_path.glob("natc/*"))
    monkeypatch.setattr(grammar, "build", None)
    assert save(read_dump(tmp_path / "dump")) == text


def test_for_one_line_lark_gets_the_blocks_of_that_line_and_then_those_of_the_text(monkeypatch):
    built = []
    build = grammar.build
    monkeypatch.setattr(grammar, "build", lambda blocks: built.append(blocks) or build(blocks))
    odd = ["-A INPUT -p udplite -m comment --comment x -j LOG", "-A INPUT -m ttl --ttl-eq 3 -j LOG"]
    texts = [DUMP.read_text().replace("-A INPUT", "\n".join([*odd[:n], "-A INPUT"]), 1) for n in (1, 2)]
    read(texts[0], cache=delivered.DeliveredShapes())
    assert built == [{"matches/comment", "targets/LOG"}]
    read(texts[1], cache=delivered.DeliveredShapes())
    assert built[2] > {"matches/comment", "matches/ttl", "matches/statistic", "targets/DNAT", "targets/LOG"}
    assert len(built) == 3

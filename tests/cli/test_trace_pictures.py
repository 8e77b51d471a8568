"""natc trace --output dot and html on the command line."""

from natc.cli import run
from tests.support import GOLDEN

DUMP = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
TRACE = ["trace", DUMP, "--dst", "10.105.182.209:3000"]


def test_graphviz_text(capsysbinary):
    assert run([*TRACE, "--output", "dot"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert out.startswith("digraph trace {\n")
    assert out.endswith("}\n")


def test_a_page(capsysbinary):
    assert run([*TRACE, "--output", "html"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert out.startswith("<!DOCTYPE html>")
    assert out.endswith("</html>\n")


def test_branches_are_not_drawn(capsys):
    assert run([*TRACE, "--branches", "--output", "html"]) == 2
    assert "--branches are listed, not drawn" in capsys.readouterr().err

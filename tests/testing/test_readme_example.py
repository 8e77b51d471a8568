"""The example that README gives to other people's test suites runs as it stands."""

import textwrap

import natc
from tests.support import GOLDEN, ROOT


def example():
    """The code block that follows the words that introduce it."""
    text = (ROOT / "README.md").read_text().split("In a test suite of your own", 1)[1]
    block = text.split("\n\n    ", 1)[1].split("\n\n`assert_fair`", 1)[0]
    return textwrap.dedent(f"    {block}")


def test_it_runs(tmp_path, monkeypatch):
    save = GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt"
    (tmp_path / "rules.txt").write_text(save.read_text())
    monkeypatch.chdir(tmp_path)
    names = {"my_program": lambda text: str(natc.load(text))}
    exec(compile(example(), "README.md", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()

"""The cache of shapes: it spares Lark, changes no answer, and is left alone where others could write it."""

import json
import multiprocessing
from pathlib import Path

import pytest

from natc.text import grammar
from natc.text.cache_file import default_folder
from natc.text.reader import read
from natc.text.shapes.cache import ShapeCache
from natc.text.shapes.delivered import known_shapes
from natc.text.writer import save
from tests.support import GOLDEN

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-*.txt"))


@pytest.fixture
def builds(monkeypatch):
    """The sets of blocks that a parser was built for."""
    built = []
    build = grammar.build
    monkeypatch.setattr(grammar, "build", lambda blocks: built.append(blocks) or build(blocks))
    return built


def learnt(folder: Path) -> Path:
    """Read the golden dumps with a cache in ``folder`` and return its file."""
    for dump in DUMPS:
        read(dump.read_text(), cache=ShapeCache(folder))
    return folder / "shapes.json"


def test_with_the_cache_lark_is_not_asked_and_the_answer_is_the_same(tmp_path, builds):
    learnt(tmp_path / "natc")
    assert builds
    builds.clear()
    for dump in DUMPS:
        text = dump.read_text()
        ruleset = read(text, cache=ShapeCache(tmp_path / "natc"))
        assert save(ruleset) == text
        assert ruleset == read(text)
        assert [rule.matches for rule in ruleset.rules()] == [rule.matches for rule in read(text).rules()]
    without = len(builds)
    assert without
    read(DUMPS[0].read_text(), cache=ShapeCache(tmp_path / "natc"))
    assert len(builds) == without


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"made by": "natc 0"}', "[" * 100_000, '{"shapes": {"4 *": [["append"]]}}'],
    ids=["empty", "broken", "list", "null", "another maker", "deep", "no maker"],
)
def test_a_file_that_is_none_of_natcs_is_passed_over(tmp_path, content):
    file = learnt(tmp_path / "natc")
    file.write_text(content)
    text = DUMPS[0].read_text()
    assert save(read(text, cache=ShapeCache(tmp_path / "natc"))) == text
    assert json.loads(file.read_text())["shapes"]


def test_a_blueprint_that_is_none_is_passed_over(tmp_path):
    file = learnt(tmp_path / "natc")
    content = json.loads(file.read_text())
    content["shapes"] = {key: [[1, 2], None, 7] for key in content["shapes"]}
    file.write_text(json.dumps(content))
    text = DUMPS[0].read_text()
    assert save(read(text, cache=ShapeCache(tmp_path / "natc"))) == text


def test_a_file_or_folder_that_others_may_write_is_neither_read_nor_written(tmp_path, builds):
    file = learnt(tmp_path / "natc")
    text = DUMPS[0].read_text()
    for path, mode in ((file, 0o666), (file.parent, 0o777), (file, 0o620)):
        before = path.stat().st_mode
        path.chmod(mode)
        builds.clear()
        read(text, cache=ShapeCache(tmp_path / "natc"))
        assert builds, "what others may have written was believed"
        if path is file:
            continue
        assert list(file.parent.iterdir()) == [file]
        path.chmod(before)


def test_a_link_in_the_place_of_the_file_or_the_folder_is_not_followed(tmp_path, builds):
    file = learnt(tmp_path / "real")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "natc").mkdir(mode=0o700)
    (tmp_path / "natc" / "shapes.json").symlink_to(file)
    for folder in ("linked", "natc"):
        builds.clear()
        read(DUMPS[0].read_text(), cache=ShapeCache(tmp_path / folder))
        assert builds


def test_another_natc_grammar_or_lark_begins_anew(tmp_path, monkeypatch, builds):
    learnt(tmp_path / "natc")
    for part in ("natc.text.cache_file.__version__", "natc.text.cache_file.crc32"):
        with monkeypatch.context() as patch:
            patch.setattr(
                part, "another" if part.endswith("__") else lambda data, before=0: len(data) ^ before
            )
            builds.clear()
            read(DUMPS[0].read_text(), cache=ShapeCache(tmp_path / "natc"))
            assert builds


def _write(folder: Path, number: int) -> None:
    dump = DUMPS[number % len(DUMPS)].read_text()
    for _ in range(5):
        read(dump, cache=ShapeCache(folder))
        (folder / "shapes.json").unlink(missing_ok=True)
    read(dump, cache=ShapeCache(folder))


def test_writers_at_once_leave_a_whole_file(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path / "natc", n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert json.loads((tmp_path / "natc" / "shapes.json").read_text())["shapes"]
    assert list((tmp_path / "natc").iterdir()) == [tmp_path / "natc" / "shapes.json"]


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    text = DUMPS[0].read_text()
    assert save(read(text, cache=ShapeCache(tmp_path / "file" / "natc"))) == text


def test_the_folder_is_where_the_platform_keeps_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/natc")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_folder() == Path("/home/someone/.cache/natc")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder() == Path("/home/someone/Library/Caches/natc")


def test_the_environment_turns_it_off(monkeypatch):
    assert known_shapes().further is not None
    monkeypatch.setenv("NATC_NO_CACHE", "1")
    assert known_shapes().further is None

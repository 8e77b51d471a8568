"""The house itself: floors point down, and what belongs together is complete."""

import ast
import re
import tomllib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

import natc
from tests.support import ROOT

PACKAGE = Path(natc.__file__).parent
#: The floor of each room; a module may import from its own room and from lower floors.
FLOORS = {
    "collector": 0, "values": -1, "errors": 0, "probability": 0, "verb": 0, "inputs": 0.5,
    "netfilter": 1,
    "text": 2, "kube": 2,
    "compile": 3, "trace": 3,
    "analysis": 4, "testing": 4,
    "report": 5,
    "cli": 6, "__main__": 7, "__init__": 7,
}  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Rooms whose ``__init__.py`` says what is where.
TOURS = [path for path in MODULES if path.name == "__init__.py" and "\n* ``" in path.read_text()]


def imports_of(path: Path) -> set[str]:
    """The rooms of natc that a module imports from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "natc":
            names |= {f"natc.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("natc.")} - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for other in imports_of(path):
        assert FLOORS[other] < FLOORS[own] or other == own, f"{path.name} imports from {other}"


def test_every_room_has_a_floor():
    rooms = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES}
    assert rooms <= FLOORS.keys()


@pytest.mark.parametrize("tour", TOURS, ids=lambda path: path.parent.name)
def test_a_tour_names_every_module_of_its_room(tour):
    named = set(re.findall(r"``(\w+\.py)``", tour.read_text()))
    assert named == {path.name for path in tour.parent.glob("*.py")} - {"__init__.py"}


def test_the_tour_of_the_house_names_modules_that_are_there():
    named = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text()))
    there = ["/" + path.relative_to(ROOT).as_posix() for path in [*MODULES, *(ROOT / "tests").rglob("*.py")]]
    assert len(named) > 60
    assert {name for name in named if not any(path.endswith("/" + name) for path in there)} == set()


REFERENCE = re.compile(r":(?:mod|class|func|data|meth|attr):`~?(natc\.[\w.]+)`")


def stands_for_something(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    with suppress(ModuleNotFoundError):
        found: object = import_module(name)
        return True
    module, _, own = name.rpartition(".")
    with suppress(ModuleNotFoundError):
        found = import_module(module)
        return hasattr(found, own)
    module, _, kind = module.rpartition(".")
    found = getattr(import_module(module), kind)
    return hasattr(found, own) or own in getattr(found, "__annotations__", ())


def test_docstrings_name_what_is_there():
    named = {name for path in MODULES for name in REFERENCE.findall(path.read_text())}
    assert len(named) > 60
    assert [name for name in sorted(named) if not stands_for_something(name)] == []


def test_only_one_module_imports_scapy():
    users = {
        path.name
        for path in MODULES
        if "import scapy" in path.read_text() or "from scapy" in path.read_text()
    }
    assert users <= {"scapy_packets.py"}


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == natc.__version__

"""natc knows every extension file of the iptables on this machine, and each option they declare."""

import pytest

from natc.netfilter.matches import match_class
from natc.netfilter.matches.policy import Policy, PolicyElement
from natc.netfilter.targets import target_class
from tests.xtables import File, extension_files

pytestmark = pytest.mark.kernel
#: What a file declares for the verdicts: no extension of its own.
_VERDICTS = "standard"


def files() -> list[File]:
    return [file for file in extension_files() if file.name != _VERDICTS]


def class_of(file: File):
    return match_class(file.name) if file.kind == "matches" else target_class(file.name)


def options_of(file: File):
    """The options natc's class declares, by their spelling."""
    cls = class_of(file)
    return (
        {**cls.by_spelling, **PolicyElement.by_spelling, "--next": None} if cls is Policy else cls.by_spelling
    )


def test_there_are_files_to_compare_with():
    assert len({(file.kind, file.name) for file in files()}) >= 95


def test_no_extension_is_missing():
    assert {f"{file.kind}/{file.name}" for file in files() if class_of(file) is None} == set()


def test_no_option_is_missing():
    missing = {
        f"{file.kind}/{file.name} --{option.name}"
        for file in files()
        for option in file.options
        if f"--{option.name}" not in options_of(file)
    }
    assert missing == set()


def test_extensions_are_for_the_families_iptables_has_them_for():
    families: dict[type, set[int]] = {}
    for file in files():
        families.setdefault(class_of(file), set()).update(file.families)
    assert {cls.name: set(cls.families) for cls in families} == {
        cls.name: found for cls, found in families.items()
    }


def test_negation_is_allowed_where_iptables_allows_it():
    """By the newest revision and the name a save shows; files of the old style do not say."""
    newest = {(file.kind, file.name): file for file in sorted(files(), key=lambda file: file.revision)}
    compared = 0
    for file in newest.values():
        for option in file.options:
            found = options_of(file).get(f"--{option.name}")
            if found and found[1].name == f"--{option.name}" and option.invertible is not None:
                assert found[1].negatable == option.invertible, (file.name, option.name)
                assert found[1].required or not option.required, (file.name, option.name)
                compared += 1
    assert compared > 200

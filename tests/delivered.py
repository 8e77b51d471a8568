"""``make shapes``: what Lark makes of the golden kube-proxies' lines, written where natc finds it."""

import json
from collections.abc import Sequence

from natc.text.blueprints import Blueprint, as_kept, key_of
from natc.text.delivered import FILE, checksums, shortened
from natc.text.grammar import FRAME
from natc.text.reader import read
from natc.text.shape_cache import Shelf
from tests.support import GOLDEN


class Collected:
    """The blueprints that Lark made while texts were read."""

    def __init__(self) -> None:
        self._blueprints: dict[str, list[Blueprint]] = {}

    dumps = None

    def sources(self) -> Sequence[Shelf]:
        return ()

    def add(self, words: tuple[str, ...], blueprint: Blueprint) -> None:
        known = self._blueprints.setdefault(key_of(blueprint.family, words), [])
        if blueprint not in known:
            known.append(blueprint)

    def save(self) -> None:
        """Nothing to do: :meth:`text` is what is wanted."""

    def text(self) -> str:
        """Return the content of the file."""
        blueprints = [blueprint for found in self._blueprints.values() for blueprint in found]
        parts = {f"matches/{part.name}" for one in blueprints for part in one.matches}
        parts |= {f"targets/{one.target.name}" for one in blueprints if one.target}
        shapes = {
            key: sorted((shortened(as_kept(one)) for one in found), key=json.dumps)
            for key, found in sorted(self._blueprints.items())
        }
        lines = (f"{json.dumps(key)}: {json.dumps(found)}" for key, found in shapes.items())
        used = json.dumps(checksums({FRAME, *parts}))
        return f'{{"grammar": {used},\n"shapes": {{\n' + ",\n".join(lines) + "}}\n"


def made() -> str:
    """Return what the file should hold."""
    collected = Collected()
    for text in sorted({path.read_text() for path in GOLDEN.glob("kube-proxy/*/*.txt")}):
        read(text, cache=collected, missing=[])  # a restore names chains that the node has already
    return collected.text()


if __name__ == "__main__":
    FILE.write_text(made())

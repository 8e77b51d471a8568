"""Rules made by chance, read by natc and loaded by iptables: ``python -m tests.differential --count 500``.

Every rule is asked of both: is it taken, and how does a save show it? Many go to the kernel at once; only
when iptables refuses such a batch is each asked by itself.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from natc.errors import NatcError
from natc.text import grammar
from natc.text.files import ENCODING
from natc.text.reader import read
from natc.text.writer import save
from tests.kernel import BACKENDS, PROGRAMS
from tests.rules import class_of, place_of, rules

_BATCH = 40
#: What rules refer to and what has to be there before them.
_SETS = "".join(
    f"create ip{family} hash:ip family {name}\ncreate port{family} hash:ip,port family {name}\n"
    for family, name in ((4, "inet"), (6, "inet6"))
)
_ESTIMATORS = (
    "*mangle\n-A FORWARD -j RATEEST --rateest-name est1 --rateest-interval 250ms --rateest-ewmalog 500ms\n"
    "-A FORWARD -j RATEEST --rateest-name est2 --rateest-interval 250ms --rateest-ewmalog 500ms\nCOMMIT\n"
)
#: Loads each file N.in by itself and leaves N.out when it was taken, N.err when not.
_LOOP = """\
[ -s sets ] && ipset restore < sets
[ -s before ] && $1-restore < before
for file in *.in; do
  if $1-restore < $file 2> ${file%.in}.err; then $1-save -t $2 > ${file%.in}.out; rm ${file%.in}.err; fi
done
"""


@frozen
class Answer:
    """The rules of a save, or None and why there is none."""

    shown: tuple[str, ...] | None
    why: str = ""


@frozen
class Disagreement:
    """A rule that natc and iptables do not answer alike."""

    block: str
    program: str
    rule: str
    ours: Answer
    theirs: Answer

    def __str__(self) -> str:
        return f"{self.program} {self.block}: {self.rule}\n    ours   {_shown(self.ours)}\n    theirs {_shown(self.theirs)}"


def _shown(answer: Answer) -> str:
    return f"refused: {answer.why}" if answer.shown is None else " / ".join(answer.shown)


def compared(block: str, family: int, backend: str, given: Sequence[str]) -> Iterator[Disagreement]:
    """Ask natc and iptables about rules and yield where they differ."""
    program = f"{PROGRAMS[family]}-{backend}"
    texts = [f"*{place_of(block).table}\n-A {place_of(block).chain} {rule}\nCOMMIT\n" for rule in given]
    ours = [natc_answer(text, family, backend) for text in texts]
    order = sorted(range(len(given)), key=lambda index: ours[index].shown is None)
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        theirs = kernel_answers([texts[index] for index in part], program, place_of(block).table, block)
        for index, answer in zip(part, theirs, strict=True):
            if ours[index].shown != answer.shown:
                yield Disagreement(block, program, given[index], ours[index], answer)


def natc_answer(text: str, family: int, backend: str) -> Answer:
    """Return how natc reads a text."""
    try:
        return Answer(_rules(save(read(text, family=family), order=backend)))
    except NatcError as error:
        return Answer(None, error.message)


def kernel_answers(texts: Sequence[str], program: str, table: str, block: str) -> list[Answer]:
    """Return how iptables takes each text, in a network namespace of its own."""
    lines = [line for text in texts for line in text.splitlines() if line.startswith("-A")]
    whole = f"*{table}\n" + "\n".join(lines) + "\nCOMMIT\n"
    (together,) = _loaded([whole], program, table, block)
    if together.shown is not None and len(together.shown) == len(texts):
        return [Answer((line,)) for line in together.shown]
    return _loaded(texts, program, table, block)


def _loaded(texts: Sequence[str], program: str, table: str, block: str) -> list[Answer]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, text in enumerate(texts):
            (folder / f"{number:04}.in").write_text(text, **ENCODING)
        (folder / "sets").write_text(_SETS if block in ("matches/set", "targets/SET") else "")
        (folder / "before").write_text(_ESTIMATORS if block == "matches/rateest" else "")
        subprocess.run(
            ["unshare", "-n", "sh", "-c", _LOOP, "sh", program, table],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        return [_answer(folder / f"{number:04}") for number in range(len(texts))]


def _answer(path: Path) -> Answer:
    out = path.with_suffix(".out")
    if out.exists():
        return Answer(_rules(out.read_text(**ENCODING)))
    words = path.with_suffix(".err").read_text(**ENCODING).split("\n")
    return Answer(None, next((line for line in words if line.strip()), ""))


def _rules(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line.startswith("-A"))


def main() -> int:
    """Compare so many rules of every extension and print where natc and iptables differ."""
    arguments = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    arguments.add_argument("--count", type=int, default=100)
    arguments.add_argument("--seed", default="0")
    arguments.add_argument("--backend", choices=BACKENDS, action="append")
    arguments.add_argument("block", nargs="*", help="matches/NAME or targets/NAME")
    given = arguments.parse_args()
    asked: Counter[str] = Counter()
    found = 0
    for block in given.block or sorted(grammar.all_blocks()):
        for family in sorted(class_of(block).families):
            for backend in given.backend or BACKENDS:
                for wrong in compared(
                    block, family, backend, list(rules(block, family, given.count, given.seed))
                ):
                    found += 1
                    print(wrong, flush=True)
                asked[block] += given.count
    print(f"{sum(asked.values())} rules of {len(asked)} extensions, {found} disagreements")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.fuzz``: break texts for a while, keep what natc answers wrongly, count the rest."""

import argparse
import sys
import time
from pathlib import Path

from natc.text.files import ENCODING
from tests.fuzz.limits import bound_process
from tests.fuzz.run import Run


def main() -> int:
    """Return 1 when something was found."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--keep", type=Path, help="a folder for the inputs that were found")
    given = arguments.parse_args()
    bound_process()
    run, found, start = Run(given.seed), 0, time.process_time()
    for finding in run.findings(given.seconds):
        found += 1
        print(f"seed {given.seed} input {finding.number} {finding.door}: {finding.what}", flush=True)
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            (given.keep / f"{given.seed}-{finding.number}.txt").write_text(finding.text, **ENCODING)
    for (door, outcome), count in sorted(run.counts.items()):
        print(f"{door:14} {outcome:24} {count:9}")
    print(f"{run.number} inputs, {time.process_time() - start:.0f} s of processor time, {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

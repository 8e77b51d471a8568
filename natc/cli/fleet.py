"""The same question about many dumps: on all cores, answered in the order asked.

What is done with one dump is a function of its bytes (:func:`report_of`), so that something larger than
one machine can carry it too.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from natc.errors import NatcError

#: A dump's report, and its exit status.
Report = tuple[str, int]


def report_of(content: bytes, name: str, table: str | None, output: str) -> Report:
    """Return the audit of a dump: its report as text or JSON, and 0 or 1, or its error and 2.

    ``table`` is that of lines that name none.
    """
    from natc.analysis.audit import audit
    from natc.report.audit import audit_json, audit_lines
    from natc.text.files import text_of
    from natc.text.shape_cache import usual_cache
    from natc.text.tidy import read_pasted

    try:
        ruleset, _ = read_pasted(text_of(content, name), file=name, table=table, cache=usual_cache())
        services = audit(ruleset)
    except NatcError as error:
        return (json.dumps(error.render()) if output == "json" else error.render()), 2
    status = 0 if all(service.fair for service in services) else 1
    if output == "json":
        return "".join(audit_json(services)), status
    return "".join(f"{line}\n" for line in audit_lines(services)), status


def audits(dumps: Sequence[str], table: str | None, output: str) -> Iterator[Report]:
    """Yield each dump's report in order. Twice as many dumps as cores are in hand at one time."""
    workers = min(len(dumps), len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(workers) as pool, _bar(len(dumps)) as advance:
        waiting: deque[Future[Report]] = deque()
        for name in dumps:
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
                advance()
            waiting.append(pool.submit(_read_and_report, name, table, output))
        while waiting:
            yield waiting.popleft().result()
            advance()


def _read_and_report(name: str, table: str | None, output: str) -> Report:
    import gc

    from natc.errors import DumpError
    from natc.inputs import name_of, read_bytes

    gc.disable()
    try:
        content = read_bytes(name, error=DumpError)
    except NatcError as error:
        return (json.dumps(error.render()) if output == "json" else error.render()), 2
    try:
        return report_of(content, name_of(name), table, output)
    finally:
        gc.collect()


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Show how many are done, on a terminal whose other channel is not the answer's."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("dumps", total=total)
        yield lambda: progress.advance(task)

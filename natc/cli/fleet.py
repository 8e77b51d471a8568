"""The same question about many dumps: on all cores or a cluster's, answered in the order asked.

What is done with one dump is a function of its bytes (:func:`natc.cli.audit.report_of`,
:func:`natc.analysis.shares.shares_of`), so whoever has the bytes can carry it.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

from natc.errors import DumpError, NatcError
from natc.inputs import STDIN, name_of, read_bytes
from natc.values import frozen

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Work = Callable[[bytes, str], T]
"""From a dump's bytes and the name that errors call it to the answer."""


@frozen
class Failed:
    """A dump that could not be read, and why."""

    error: NatcError


class Waiting(Protocol[T_co]):
    """An answer that is being worked out."""

    def result(self) -> T_co:
        """Wait for it."""
        ...


@frozen
class Crew(Generic[T]):
    """Those who do the work."""

    submit: Callable[[str], Waiting[T | Failed]]
    """Begin with one dump."""
    hands: int
    """How many dumps are worked on at one time."""


def answers(dumps: Sequence[str], crew: AbstractContextManager[Crew[T]]) -> Iterator[T | Failed]:
    """Yield each dump's answer in order. Twice as many dumps as there are hands are begun at one time."""
    with crew as at_work, _bar(len(dumps)) as advance:
        waiting: deque[Waiting[T | Failed]] = deque()
        for name in dumps:
            if len(waiting) >= 2 * at_work.hands:
                yield waiting.popleft().result()
                advance()
            waiting.append(at_work.submit(name))
        while waiting:
            yield waiting.popleft().result()
            advance()


@contextmanager
def all_cores(dumps: Sequence[str], work: Work[T]) -> Iterator[Crew[T]]:
    """Have processes on this machine read the dumps and do the work."""
    cores = min(len(dumps), len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(cores) as pool:
        # The first thing to do forks all processes: now, while no thread of the bar can hold a lock.
        pool.submit(int)

        def submit(name: str) -> Waiting[T | Failed]:
            if name != STDIN:
                return pool.submit(_read_and_do, work, name)
            content = contents(name)  # only this process has the standard input
            return (
                Done(content)
                if isinstance(content, Failed)
                else pool.submit(done, work, content, name_of(name))
            )

        yield Crew(submit, cores)


@contextmanager
def right_here(work: Work[T]) -> Iterator[Crew[T]]:
    """Do the work in this process: of one dump there is nothing to share out."""
    yield Crew(lambda name: Done(_read_and_do(work, name)), 1)


@frozen
class Done(Generic[T]):
    """An answer that needs no waiting."""

    answer: T

    def result(self) -> T:
        """Return it."""
        return self.answer


def _read_and_do(work: Work[T], name: str) -> T | Failed:
    content = contents(name)
    return content if isinstance(content, Failed) else done(work, content, name_of(name))


def contents(name: str) -> bytes | Failed:
    """Return what a file holds."""
    try:
        return read_bytes(name, error=DumpError)
    except NatcError as error:
        return Failed(error)


def done(work: Work[T], content: bytes, name: str) -> T | Failed:
    """Do the work on one dump. Its million objects are kept or dropped at once, not looked through."""
    import gc

    from natc.collector import collector_paused

    try:
        with collector_paused():
            return work(content, name)
    except NatcError as error:
        return Failed(error)
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

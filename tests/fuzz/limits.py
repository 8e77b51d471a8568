"""How much one input may cost."""

import resource
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds of processor time: for any input, and for each 10,000 characters of it.
SECONDS, SECONDS_MORE = 5.0, 3.0
#: Bytes of memory: for any input (the tables of a parser among them), and for each character.
BYTES, BYTES_MORE = 64 << 20, 4000
#: What the whole process may ever map: an input that explodes ends as a MemoryError, not as a full machine.
_MAPPED = 4 << 30


class TooSlow(BaseException):
    """An input took more processor time than it may."""


class TooLargeError(AssertionError):
    """An input took more memory than it may."""


def bound_process() -> None:
    """Bound what this process may map; called once by a long run."""
    resource.setrlimit(resource.RLIMIT_AS, (_MAPPED, _MAPPED))


@contextmanager
def bounded(size: int, *, memory: bool) -> Iterator[None]:
    """Run a block for an input of ``size`` characters within its limits.

    Raises :class:`TooSlow`, and with ``memory``, which makes the block several times slower, :class:`TooLargeError`.
    """
    signal.signal(signal.SIGPROF, _stop)
    factor = 4 if memory else 1
    signal.setitimer(signal.ITIMER_PROF, factor * (SECONDS + SECONDS_MORE * size / 10_000))
    if memory:
        tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] if memory else 0
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if memory:
            tracemalloc.stop()
    if peak > BYTES + BYTES_MORE * size:
        raise TooLargeError(f"{peak} bytes for {size} characters")


def _stop(_signal: int, _frame: object) -> None:
    raise TooSlow

"""The same work on the machines of a Dask cluster (the extra ``natc[cluster]``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from natc.cli.fleet import Crew, Done, Failed, T, Waiting, Work, contents, done
from natc.errors import UsageError
from natc.inputs import name_of

#: Seconds to wait for the scheduler.
_PATIENCE = 10


@contextmanager
def cluster(address: str, work: Work[T]) -> Iterator[Crew[T]]:
    """Have the workers of a scheduler do the work: the dumps are read here and their bytes sent there.

    Raises :class:`~natc.errors.UsageError` without Dask, without a scheduler at the address, or
    without workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask: pip install 'natc[cluster]'") from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise UsageError(
            f"no scheduler answers at {address}: {problem}", expected="tcp://HOST:PORT"
        ) from None
    with client:
        hands = sum(client.nthreads().values())
        if not hands:
            raise UsageError(f"the scheduler at {address} has no workers")

        def submit(name: str) -> Waiting[T | Failed]:
            content = contents(name)
            if isinstance(content, Failed):
                return Done(content)
            waiting: Waiting[T | Failed] = client.submit(done, work, content, name_of(name), pure=False)
            return waiting

        yield Crew(submit, hands)

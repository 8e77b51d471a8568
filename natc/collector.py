"""Making many values at once without the garbage collector walking over them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: How many values may be made in pauses before the collector looks at everything: of a small program, and
#: of one that holds many values a share of these. Looking at a million costs a twentieth of making them.
_MANY: Final = 500_000
_SHARE: Final = 4
#: How many characters of text count as one value: expressions made of its lines are as long as these.
_CHARACTERS: Final = 4


class _Ledger:
    """What the collector has not been told of: it counts nothing that is made in a pause.

    Without this a program that reads dump after dump would keep every reference cycle of every one.
    """

    made: int = 0
    due: int = _MANY

    def settle(self) -> None:
        """Let the collector look at everything when it is due."""
        if self.made > self.due:
            gc.collect()
            self.made = 0
            self.due = max(_MANY, len(gc.get_objects()) // _SHARE)


_LEDGER = _Ledger()


@contextmanager
def collector_paused(characters: int = 0) -> Iterator[None]:
    """Switch the cyclic garbage collector off for a while, and on again if it was on.

    For work that makes hundreds of thousands of values and hardly a reference cycle: the collector would
    find nothing and take a third of the time. What was made counts as old afterwards, or the very
    next value made would have it walk over all of it after all. Where it was on, it looks at everything
    once enough has been made in pauses, before the next one; ``characters`` of text that is read count too.
    """
    was_enabled = gc.isenabled()
    if was_enabled:
        _LEDGER.settle()
    gc.disable()
    before = gc.get_count()[0]
    try:
        yield
    finally:
        if was_enabled:
            _LEDGER.made += max(0, gc.get_count()[0] - before) + characters // _CHARACTERS
            if not gc.get_freeze_count():  # else unfreezing would undo what the caller has frozen
                gc.freeze()
                gc.unfreeze()
            gc.enable()

"""The collector pauses, comes back as it was, and does not make up for the pause at once."""

import gc
import weakref

import pytest

from natc import collector
from natc.cli.fleet import done
from natc.collector import collector_paused


def test_it_comes_back_even_after_an_error():
    with pytest.raises(ValueError, match="x"), collector_paused():
        assert not gc.isenabled()
        raise ValueError("x")
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off():
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_made_counts_as_old():
    with collector_paused():
        made = [[] for _ in range(50_000)]
    assert len(gc.get_objects(generation=0)) < len(made)


def test_cycles_made_in_pauses_are_found_at_last(monkeypatch):
    monkeypatch.setattr(collector, "_LEDGER", collector._Ledger())  # whatever other tests have made

    class Cycle:
        def __init__(self):
            self.own = self

    gone = weakref.ref(Cycle())
    for _ in range(3):
        with collector_paused(characters=1_200_000):
            made = [[] for _ in range(1000)]
    assert made and gone() is None
    left = gc.get_stats()[2]["collections"]
    with collector_paused():
        pass
    assert gc.get_stats()[2]["collections"] == left


def test_what_the_caller_froze_stays_frozen():
    gc.freeze()
    try:
        with collector_paused():
            pass
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_a_dump_done_in_this_process_leaves_the_collector_on():
    assert done(lambda content, name: gc.isenabled(), b"", "dump") is False
    assert gc.isenabled()

"""A bounded run of the fuzzer, the same inputs each time, and proof that it sees what it looks for."""

import pytest

from tests.fuzz.doors import DOORS, Door
from tests.fuzz.limits import SECONDS
from tests.fuzz.run import Run, attempt


@pytest.mark.parametrize("seed", range(4))
def test_no_broken_text_breaks_natc(seed):
    run = Run(seed)
    assert list(run.findings(60, inputs=250)) == []
    outcomes = {outcome for _, outcome in run.counts}
    assert outcomes == {"taken", "refused"}


def test_every_door_takes_its_seeds():
    for door in DOORS:
        taken = [attempt(door, seed) for seed in door.seeds()[:5]]
        assert "taken" in taken and set(taken) <= {"taken", "refused"}


def test_a_crash_a_hang_and_an_explosion_are_seen():
    def crash(_text):
        raise KeyError("x")

    def hang(_text):
        while True:
            pass

    def explode(_text):
        return bool([0] * (100 << 20))

    assert attempt(Door("crash", tuple, crash), "") == "KeyError: 'x'"
    assert attempt(Door("hang", tuple, hang), "") == "too slow"
    assert attempt(Door("explosion", tuple, explode), "", memory=True).startswith("TooLarge")
    assert SECONDS < 10

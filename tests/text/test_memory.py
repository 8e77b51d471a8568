"""What reading keeps: nothing of a ruleset that nobody holds any more, however many were read."""

import gc
import weakref

import pytest

from natc.errors import DumpError
from natc.text.reader import read
from natc.text.writer import save

RULES = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -m ttl -p tcp --dport 22 --ttl-gt 7 -j DROP\n"
TEXT = f"*filter\n:INPUT ACCEPT [0:0]\n:own - [0:0]\n{RULES}{RULES}COMMIT\n"
BROKEN = TEXT.replace("--ttl-gt", "--ttl-gtt", 1)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("unfolded", [False, True])
def test_a_ruleset_goes_when_nobody_holds_it(no_collector, unfolded):
    ruleset = read(TEXT)
    if unfolded:
        save(ruleset)
    gone = weakref.ref(ruleset)
    del ruleset
    assert gone() is None


def test_errors_that_were_read_over_hold_nothing(no_collector):
    problems: list[DumpError] = []
    ruleset = read(BROKEN, problems=problems)
    gone = weakref.ref(ruleset)
    del ruleset
    assert gone() is None
    assert [(error.__traceback__, error.__context__) for error in problems] == [(None, None)]


def test_reading_again_and_again_keeps_no_more():
    texts = [TEXT.replace("22", str(port)) for port in range(1, 4)] + [BROKEN]
    counts = []
    for _ in range(3):
        for number in range(40):
            problems: list[DumpError] = []
            save(read(texts[number % 4], problems=problems))
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert counts[2] - counts[1] < 100

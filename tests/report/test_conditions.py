"""Conditions in words: cases that together leave a value open say nothing of it."""

from natc.report.fates import conditions_of
from natc.report.trace_text import trace_lines
from tests.report.pictures import answer

MARKED = """\
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD ! -s 10.0.0.0/8 -j DROP
COMMIT
"""


def test_a_value_that_may_be_anything_is_no_condition():
    result = answer(MARKED, "1.2.3.4", 80)
    text = "\n".join(map(str, trace_lines(result)))
    assert "dropped, by line 7 of filter FORWARD when source outside 10.0.0.0/8\n" in text
    assert "forwarded, source kept when source in 10.0.0.0/8\n" in text


def test_the_same_for_sources():
    text = MARKED.replace("-i eth0", "-s 10.0.0.0/8").replace("! -s 10.0.0.0/8", "-i eth0")
    result = answer(text, "1.2.3.4", 80)
    dropped = [case for case in result.cases if case.outcomes[0][1].verdict == "DROP"]
    assert len(dropped) == 2  # with the mark and without it
    assert conditions_of(result.packet, dropped) == ["incoming interface is eth0"]

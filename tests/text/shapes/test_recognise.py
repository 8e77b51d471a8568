"""A line is taken literal by literal exactly where the expression of the whole line takes it."""

import json
import re
from pathlib import Path

import pytest

from natc.text.shapes import delivered
from natc.text.shapes.blueprints import from_kept
from natc.text.shapes.line_shape import line_shapes
from natc.text.shapes.recognise import PATIENCE, expression, recogniser
from tests.delivered import counted, node_dumps
from tests.support import GOLDEN

TEXTS = [*(path.read_text() for path in GOLDEN.glob("kube-proxy/*/*.txt")), *node_dumps()]
LINES = sorted({line for text in TEXTS for line in (*text.split("\n"), *counted(text).split("\n"))})
CHANGED = [line[:-1] for line in LINES] + [f"{line} " for line in LINES]
KEPT = json.loads(Path(delivered.FILE).read_text())["shapes"]
#: A blueprint for every sixth of the option words that lines are known by.
BLUEPRINTS = [from_kept(delivered._spelled_out(each[0])) for each in KEPT.values()][::6]


@pytest.mark.parametrize("sample", BLUEPRINTS, ids=lambda each: f"{each.family} {' '.join(each.fixed)}")
def test_both_ways_take_the_same_lines(sample):
    careful = recogniser(sample.fixed, sample.literals)
    whole = re.compile(expression(sample.fixed, sample.literals)).fullmatch
    taken = 0
    for line in (*LINES, *CHANGED):
        at_once, found = whole(line), careful(line)
        assert (found and found.groups()) == (at_once and at_once.groups()), line
        taken += found is not None
    assert taken


def test_a_common_shape_gets_an_expression_of_its_own():
    (shape,) = line_shapes(next(each for each in BLUEPRINTS if each.kind == "commit"))
    kinds = [type(shape.fullmatch("COMMIT")) for _ in range(PATIENCE + 1)]
    assert kinds[-1] is re.Match
    assert re.Match not in kinds[:PATIENCE]

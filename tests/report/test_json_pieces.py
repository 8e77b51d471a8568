"""JSON in pieces is what Python's own encoder writes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from natc.report.document import whole_json
from natc.report.json_pieces import Recurring, pieces

SAME = Recurring({"rule": 1, "inner": {"text": 'a"b'}, "none": {}})
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just(SAME),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, min_size=1))
def test_it_is_laid_out_as_by_the_encoder(content):
    assert "".join(pieces(content)) == json.dumps(content, indent=1)


@given(st.dictionaries(st.text(), st.lists(values), min_size=1))
def test_an_iterator_is_a_list(content):
    iterators = {key: iter(value) for key, value in content.items()}
    assert "".join(pieces(iterators)) == json.dumps(content, indent=1)


@given(st.integers(14000, 20000), st.integers(0, 1 << 64))
def test_a_number_too_long_for_python_is_hexadecimal(bits, low):
    number = 1 << bits | low
    assert whole_json(number) == hex(number)
    assert json.loads("".join(pieces({"num": whole_json(number)}))) == {"num": hex(number)}

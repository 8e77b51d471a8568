"""Conditions in words: the networks that a set of addresses is said to be."""

from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from hypothesis import given
from hypothesis import strategies as st

from natc.netfilter.intervals import Intervals
from natc.trace.answer.wording import set_words


@given(st.sampled_from([(32, IPv4Address), (128, IPv6Address)]), st.data())
def test_a_span_of_addresses_is_said_in_the_fewest_networks(kind, data):
    bits, address = kind
    free = data.draw(st.integers(0, bits))
    low = data.draw(st.integers(0, 2**bits - 1)) >> free << free
    count = data.draw(st.integers(1, 20)) << free
    last = min(low + count, 2**bits) - 1
    networks = list(summarize_address_range(address(low), address(last)))
    said = [str(each).removesuffix(f"/{bits}") for each in networks]
    if len(said) > 4:
        said = [f"{address(low)}-{address(last)}"]
    words = set_words("src", Intervals(((low, last + 1),)), bits)
    assert words.replace(" and ", ", ").split(", ") == said

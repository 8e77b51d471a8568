"""Conditions in words: the networks that a set of addresses is said to be."""

from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from hypothesis import example, given
from hypothesis import strategies as st

from natc.netfilter.intervals import Intervals, all_addresses, union
from natc.netfilter.kinds.addresses import shown
from natc.netfilter.packet import question_packet
from natc.trace.answer.wording import phrase, set_words


@given(st.sampled_from([(32, IPv4Address), (128, IPv6Address)]), st.data())
def test_a_span_of_addresses_is_said_in_the_fewest_networks(kind, data):
    bits, address = kind
    free = data.draw(st.integers(0, bits))
    low = data.draw(st.integers(0, 2**bits - 1)) >> free << free
    count = data.draw(st.integers(1, 20)) << free
    last = min(low + count, 2**bits) - 1
    networks = list(summarize_address_range(address(low), address(last)))
    said = [f"{shown(each[0])}/{each.prefixlen}".removesuffix(f"/{bits}") for each in networks]
    if len(said) > 4:
        said = [f"{shown(address(low))}-{shown(address(last))}"]
    words = set_words("src", Intervals(((low, last + 1),)), bits)
    assert words.replace(" and ", ", ").split(", ") == said


PACKET = question_packet("10.0.0.1", 80)
WHOLE = all_addresses(32)


def of_mask(value, mask, more=()):
    """The addresses that are ``value`` in the bits of ``mask``, a mask without its last 8 bits; and some more."""
    varying = [1 << bit for bit in range(8, 32) if not mask >> bit & 1]
    lows = [value & mask]
    for bit in varying:
        lows += [low | bit for low in lows]
    return union([(low, low + 256) for low in lows] + list(more))


def said(domain):
    return phrase(PACKET, PACKET.src, domain)


@given(st.sets(st.integers(8, 31), min_size=7, max_size=9), st.integers(0, 2**32 - 1))
@example(set(range(9, 16)), 0)
def test_what_a_mask_with_holes_stands_for_is_said_with_it(free, value):
    mask = 0xFFFFFF00 & ~sum(1 << bit for bit in free)
    domain = of_mask(value, mask)
    if len(domain.spans) > 64:
        written = f"{IPv4Address(value & mask)}/{IPv4Address(mask)}"
        assert said(domain) == f"source in {written}"
        assert said(WHOLE - domain) == f"source outside {written}"


def test_what_a_mask_lacks_or_has_besides_is_said_beside_it():
    domain = of_mask(0x0A000100, 0xFF00FF00)
    hole, more = (0x0A050100, 0x0A050200), (0x0B000000, 0x0C000000)
    assert said(domain - Intervals((hole,))) == "source in 10.0.1.0/255.0.255.0 except 10.5.1.0/24"
    assert said(WHOLE - (domain | Intervals((more,)))) == "source outside 10.0.1.0/255.0.255.0 and 11.0.0.0/8"


def test_many_addresses_without_a_mask_are_listed():
    domain = union((0x0A000000 + 7 * n * n, 0x0A000001 + 7 * n * n) for n in range(100))
    assert said(domain).count(",") == 98

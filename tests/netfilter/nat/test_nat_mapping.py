"""What NAT targets ask for, and the addresses of a range that a hash chooses."""

from hypothesis import given
from hypothesis import strategies as st

from natc.netfilter.conntrack.connection import Tuple
from natc.netfilter.nat.mapping import Mapping, hashed_address, jenkins
from tests.netfilter.nodes import number


def test_netmap_keeps_the_host_part() -> None:
    wanted = Mapping.netmap(number("10.96.0.77"), number("10.244.1.0"), number("255.255.255.0"))
    assert wanted == Mapping.to(number("10.244.1.77"))


def test_lookup3_of_known_words() -> None:
    # The published self-test of lookup3: the hash of nothing is its start value.
    assert jenkins([], 0) == 0xDEADBEEF


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 300), st.integers(1, 255))
def test_a_hashed_address_is_within_its_range(src: int, dst: int, low: int, more: int) -> None:
    current = Tuple(4, 6, src, 1, dst, 2)
    for persistent in (False, True):
        wanted = Mapping(low, low + more, persistent=persistent)
        assert low <= hashed_address(current, "dst", wanted, 0) <= low + more


@given(
    st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 300), st.integers(1, 255)
)
def test_a_hashed_address_of_ipv6_is_within_the_rules(src: int, dst: int, low: int, more: int) -> None:
    if low >> 32 != low + more >> 32:
        return
    wanted = Mapping(low, low + more)
    assert low <= hashed_address(Tuple(6, 6, src, 1, dst, 2), "src", wanted, 0) <= low + more

import pytest

from natc.errors import NodeError
from natc.netfilter.node.iproute import NextHop, PolicyRule, Prefix, Route, parse_route, parse_rule
from tests.netfilter.nodes import number


def prefix(text: str, length: int) -> Prefix:
    return Prefix(number(text), length, 128 if ":" in text else 32)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        (
            "default via 192.168.1.1 dev eth0",
            Route(prefix("0.0.0.0", 0), hops=(NextHop("eth0", number("192.168.1.1")),)),
        ),
        (
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 linkdown",
            Route(prefix("10.244.1.0", 24), hops=(NextHop("cni0"),), source=number("10.244.1.1"), scope=253),
        ),
        ("blackhole 10.66.0.0/16", Route(prefix("10.66.0.0", 16), "blackhole")),
        ("10.1.2.3 dev eth1 metric 7 table 100 tos 0x10", Route(
            prefix("10.1.2.3", 32), hops=(NextHop("eth1"),), metric=7, table=100, tos=16, scope=253)),
        ("default nexthop via 10.0.0.1 dev a weight 2 nexthop via 10.0.0.2 dev b", Route(
            prefix("0.0.0.0", 0), hops=(NextHop("a", number("10.0.0.1"), 2), NextHop("b", number("10.0.0.2"))))),
        ("local 10.9.0.0/16 dev lo", Route(
            prefix("10.9.0.0", 16), "local", (NextHop("lo"),), table=255, scope=254)),
    ],
)  # fmt: skip
def test_a_route_reads(text: str, route: Route) -> None:
    assert parse_route(text, 4) == route


def test_a_route_of_ipv6_has_the_metric_of_the_user() -> None:
    assert parse_route("fd00::/64 via 2001:db8::1 dev eth0", 6).metric == 1024
    assert parse_route("fd00::/64 dev eth0 proto kernel metric 256 pref medium", 6).metric == 256


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("fwmark 0x8 table 100", PolicyRule(None, 100, mark=8, mark_mask=0xFFFFFFFF)),
        ("fwmark 0x8/0xc lookup 100 priority 5", PolicyRule(5, 100, mark=8, mark_mask=12)),
        ("32766:	from all lookup main", PolicyRule(32766, 254)),
        ("not from 10.0.0.0/8 iif eth0 tos 0x10 table 7", PolicyRule(
            None, 7, source=prefix("10.0.0.0", 8), in_interface="eth0", tos=16, inverted=True)),
        ("to 8.8.8.8 prohibit", PolicyRule(None, None, "prohibit", destination=prefix("8.8.8.8", 32))),
        ("ipproto tcp dport 80-90 uidrange 0-5 oif eth1 table main suppress_prefixlength 0", PolicyRule(
            None, 254, protocol=6, dports=(80, 90), uids=(0, 5), out_interface="eth1", suppress_prefix=0)),
        ("from all goto 100", PolicyRule(None, None, "goto", goto=100)),
    ],
)  # fmt: skip
def test_a_rule_reads(text: str, rule: PolicyRule) -> None:
    assert parse_rule(text, 4) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default via", "route 'default via': it ends in the middle"),
        ("default fast dev eth0", "'fast' is no word of a route"),
        ("fd00::/64 dev eth0", "'fd00::/64' is not a network of IPv4"),
        ("10.0.0.0/33 dev eth0", "'10.0.0.0/33' is not a network"),
        ("default via 10.0.0 dev eth0", "'10.0.0' is not an IP address"),
        ("default dev eth0 metric low", "'low' is not a number"),
    ],
)
def test_a_bad_route_is_refused(text: str, message: str) -> None:
    with pytest.raises(NodeError, match=message):
        parse_route(text, 4)


def test_a_bad_rule_is_refused() -> None:
    with pytest.raises(NodeError, match="'perhaps' is no word of a rule"):
        parse_rule("perhaps table 100", 4)

"""What needs a -p is refused without it, as libxtables or both backends' kernels refuse it."""

import pytest

from natc.errors import DumpError
from natc.text.reader import read
from tests.kernel import BACKENDS, refusal

REFUSED = [
    (4, "filter", "-A INPUT -m tcp --dport 80 -j ACCEPT", "tcp needs -p tcp"),
    (4, "filter", "-A INPUT -p udp -m tcp --dport 80", "tcp needs -p tcp"),
    (4, "filter", "-A INPUT -p all -m udp --dport 80", "udp needs -p udp"),
    (4, "filter", "-A INPUT ! -p icmp -m icmp --icmp-type 8", "icmp needs -p icmp"),
    (6, "filter", "-A INPUT -p tcp -m icmp6 --icmpv6-type 8", "icmp6 needs -p ipv6-icmp"),
    (4, "filter", "-A INPUT ! -p tcp -m multiport --dports 1,2", "multiport needs -p tcp or -p udp"),
    (4, "filter", "-A INPUT -m ah --ahspi 4", "ah needs -p ah"),
    (4, "filter", "-A INPUT -p udp -j REJECT --reject-with tcp-reset", "REJECT needs -p tcp"),
    (4, "filter", "-A INPUT -m ecn ! --ecn-tcp-ece", "ecn needs -p tcp"),
    (4, "nat", "-A PREROUTING -j REDIRECT --to-ports 80", "REDIRECT needs -p icmp or -p tcp"),
    (4, "nat", "-A PREROUTING -j DNAT --to-destination 192.0.2.1:80", "DNAT needs"),
    (6, "nat", "-A PREROUTING -p icmpv6 -j DNAT --to-destination [fd00::1]:80", "DNAT needs"),
    (4, "mangle", "-A FORWARD -j TCPMSS --set-mss 100", "TCPMSS needs -p tcp"),
    (4, "raw", "-A PREROUTING ! -p tcp -j CT --helper ftp", "CT needs a protocol"),
    (4, "filter", "-A INPUT ! -p all -j ACCEPT", "true of no packet"),
    (4, "filter", '-A INPUT -i "" -j ACCEPT', "without a name"),
    (6, "filter", "-A INPUT -f -j ACCEPT", "-f is not for IPv6"),
    (4, "filter", "-A INPUT -m recent --name a/b --set", "no name for a file"),
]
TAKEN = [
    (4, "filter", "-A INPUT ! -p udp -m udp --dport 80"),  # nf_tables' programs say it in their own words
    (4, "nat", "-A PREROUTING ! -p tcp -j REDIRECT --to-ports 80"),
    (4, "nat", "-A PREROUTING -j DNAT --to-destination 192.0.2.1"),
    (6, "nat", "-A PREROUTING -j DNAT --to-destination fd00::1"),
    (4, "filter", "-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable"),
    (4, "filter", "-A INPUT -m ecn --ecn-ip-ect 1"),
    (6, "filter", "-A INPUT -m ah --ahspi 4"),
]


def text(table: str, *rules: str) -> str:
    return "\n".join([f"*{table}", *rules, "COMMIT", ""])


@pytest.mark.parametrize("family, table, rule, words", REFUSED)
def test_a_rule_without_the_protocol_is_refused(family, table, rule, words):
    with pytest.raises(DumpError) as caught:
        read(text(table, rule), family=family)
    assert words in caught.value.message
    assert caught.value.span.line == 2


def test_a_rule_of_a_shape_that_was_good_is_looked_at_again():
    """Without a protocol it is the word itself that decides."""
    good = "-A PREROUTING -j DNAT --to-destination 192.0.2.1"
    with pytest.raises(DumpError) as caught:
        read(text("nat", good, f"{good}:80"))
    assert caught.value.span.line == 3


@pytest.mark.kernel
@pytest.mark.parametrize("backend", BACKENDS)
def test_both_backends_refuse_these(backend):
    for family, table, rule, _ in REFUSED:
        assert refusal(text(table, rule), backend, family), rule


@pytest.mark.kernel
def test_one_backend_takes_these():
    for family, table, rule in TAKEN:
        read(text(table, rule), family=family)
        assert not all(refusal(text(table, rule), backend, family) for backend in BACKENDS), rule

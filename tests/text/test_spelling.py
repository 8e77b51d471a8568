"""Unusual spellings: words as iptables-restore cuts them, options cut short or behind another module."""

import pytest

from natc.errors import DumpError
from natc.text.grammar import Grammar
from natc.text.reader import read
from natc.text.spelling import words_of
from natc.text.writer import save

WORDS = {
    "-A  X\t-j Y": ["-A", "X", "-j", "Y"],
    'a"b c"d': ["ab c", "d"],
    r'"a\"b\\c"': [r'a"b\c'],
    r"a\b": [r"a\b"],
    '"" x': ["", "x"],
    'x "open end': ["x", "open end\n"],
}


@pytest.mark.parametrize("line", WORDS)
def test_words_are_cut_as_iptables_restore_does(line):
    assert words_of(line) == WORDS[line]


#: What iptables-save 1.8.9 prints of these after loading them.
SPELLINGS = {
    "-A INPUT -m limit -m comment --limit 3/min --comment x -j LOG --log-p y --dest 1.1.1.1 --limit-burst 3": (
        "-A INPUT -d 1.1.1.1/32 -m limit --limit 3/min --limit-burst 3 -m comment --comment x -j LOG --log-prefix y"
    ),
    '-A INPUT -j LOG --log-prefix="a b"': '-A INPUT -j LOG --log-prefix "a b"',
    "-AINPUT -j ACCEPT": "-A INPUT -j ACCEPT",
    "-j LOG -A INPUT": "-A INPUT -j LOG",
    '"-A" "INPUT" -j "ACCEPT"': "-A INPUT -j ACCEPT",
    "-A INPUT --sou 1.1.1.1 --proto tcp --dp 80 --j LOG": "-A INPUT -s 1.1.1.1/32 -p tcp -m tcp --dport 80 -j LOG",
    "-A INPUT -p tcp -j ACCEPT -m multiport --dports 1,2": "-A INPUT -p tcp -m multiport --dports 1,2 -j ACCEPT",
    "-A INPUT -c 1 2 -j LOG": "[1:2] -A INPUT -j LOG",
    "-A INPUT -p tcp --tcp-flags SYN,RST SYN -m comment --comment x --dport 9 -j LOG": (
        "-A INPUT -p tcp -m tcp --dport 9 --tcp-flags SYN,RST SYN -m comment --comment x -j LOG"
    ),
    "-4 -A INPUT -j ACCEPT": "-A INPUT -j ACCEPT",
    "-A INPUT -6 -j ACCEPT": None,
    '-A INPUT -m comment --comment "abc': '-A INPUT -m comment --comment "abc\n"',
    "-A INPUT -p icmp -m icmp --icmp-t 8 -j LOG": "-A INPUT -p icmp -m icmp --icmp-type 8 -j LOG",
    "-A INPUT -m hashlimit --hashlimit-upto 5000mb/s --hashlimit-name x": (
        "-A INPUT -m hashlimit --hashlimit-upto 5286113568b/s --hashlimit-name x"
    ),
    "-A INPUT -m hashlimit --hashlimit-upto 3000mb/s --hashlimit-name x": (
        "-A INPUT -m hashlimit --hashlimit-upto 3120mb/s --hashlimit-name x"
    ),
    "-A INPUT -j SET ! --add-set x src": "-A INPUT -j SET --add-set x src",
    "-A INPUT -m rateest --rateest1 x ! --rateest-lt --rateest-bps 8bit --rateest-gt": (
        "-A INPUT -m rateest --rateest x ! --rateest-gt --rateest-bps 8bit"
    ),
    "-A INPUT -m conntrack --ctorigdstport 7:65536": "-A INPUT -m conntrack --ctorigdstport 7",
    "-A INPUT -j REJECT -p tcp --reject tcp-reset": "-A INPUT -p tcp -j REJECT --reject-with tcp-reset",
}


@pytest.mark.parametrize("line", SPELLINGS)
def test_a_spelling_is_resolved_as_iptables_does(line):
    rules = [rule.show() for rule in read(f"*filter\n{line}\nCOMMIT\n", family=4).rules()]
    assert rules == ([SPELLINGS[line]] if SPELLINGS[line] else [])


@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -p tcp --s 1.1.1.1",
        "-A INPUT --limit 3/min -m limit -j LOG",
        "-A INPUT -s1.1.1.1",
        '-A INPUT -m comment --comment x"a b"c -j DROP',
        "-A INPUT -m limit --limit",
        "-A INPUT -A FORWARD",
        "-A INPUT -t filter -j ACCEPT",
        "-A INPUT -w -j ACCEPT",
        "-P INPUT DROP -j ACCEPT",
        "-A INPUT -m rateest --rateest1 x --rateest-lt",
        "-A INPUT -m rateest --rateest1 x --rateest-lt --rateest-pps1 4294967296",
        "-A INPUT -m rateest --rateest1 x --rateest-lt --rateest-pps1=7",
        "-A INPUT -m hashlimit --hashlimit 7/s --hashlimit-name x --hashlimit-rate-match --hashlimit-rate-interval 0x9",
        "[3:4 -A INPUT",
    ],
)
def test_what_cannot_be_resolved_is_refused(line):
    with pytest.raises(DumpError) as caught:
        read(f"*filter\n{line}\nCOMMIT\n", family=4)
    assert caught.value.span.line == 2


@pytest.mark.parametrize("name", ["icmpv6", "ipv6-icmp"])
def test_a_match_is_known_by_its_other_names(name):
    ruleset = read(f"*filter\n-A INPUT -p icmpv6 -m {name} --icmpv6-ty 128 -j ACCEPT\nCOMMIT\n", family=6)
    assert [rule.save() for rule in ruleset.rules()] == [
        "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT"
    ]


def test_the_policy_of_a_chain_of_ones_own_is_passed_over_as_nf_tables_does():
    text = "*filter\n:INPUT ACCEPT [0:0]\n:X [0:0]\n:Y DROP [0:0]\nCOMMIT\n"
    assert save(read(text)) == text.replace(":X ", ":X - ").replace("DROP", "-")


def test_nf_tables_shows_no_table_whose_chains_nothing_names():
    text = "*mangle\nCOMMIT\n*raw\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    assert "*mangle" in save(read(text), order="legacy")
    assert "*mangle" not in save(read(text), order="nft")


def test_nf_tables_keeps_more_of_a_prefix_for_nflog():
    ruleset = read(f"*filter\n-A INPUT -j NFLOG --nflog-prefix {'q' * 200}\nCOMMIT\n")
    (rule,) = ruleset.rules()
    assert rule.save().count("q") == 63
    assert rule.save(nft=True).count("q") == 127


def test_an_odd_shape_costs_lark_two_calls_however_often_it_comes(monkeypatch):
    asked = []
    parse = Grammar.parse
    monkeypatch.setattr(Grammar, "parse", lambda self, line: asked.append(line) or parse(self, line))
    lines = [f"-A INPUT -m limit -m comment --limit {i}/min --comment x -j LOG" for i in range(1, 50)]
    ruleset = read("\n".join(["*filter", *lines, "COMMIT", ""]))
    assert len(list(ruleset.rules())) == 49
    assert sum(line.startswith("-A") for line in asked) == 2


@pytest.mark.parametrize(
    "rule",
    ["-jACCEPT", "--jump=ACCEPT", "-p tcp --syn=1", "-m limit --limit ! 3/min", "-j LOG --log-prefix ! x"],
)
def test_what_iptables_does_not_resolve_is_refused(rule):
    with pytest.raises(DumpError):
        read(f"*filter\n-A INPUT {rule}\nCOMMIT\n")

"""Reading dumps: what is refused, with which message, and what is kept."""

import gzip

import pytest

from natc.errors import DumpError
from natc.netfilter.condition import Unknown
from natc.netfilter.extension import Term
from natc.netfilter.kinds.ports import PortRange
from natc.netfilter.rule import Jump
from natc.text.dumps import family_of
from natc.text.grammar import Grammar
from natc.text.reader import read
from natc.text.writer import save
from tests.support import GOLDEN, case_id, present, shared, shared_cases

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-*.txt"))


def nat(*rules: str) -> str:
    return "\n".join(["*nat", ":PREROUTING ACCEPT [0:0]", ":X - [0:0]", ":Y - [0:0]", *rules, "COMMIT", ""])


REFUSED = {
    "": "<text>:1:1: there is no table in this text (expected a line such as *filter)",
    "hello\n": "<text>:1:1: did not expect 'hello'",
    "*foo\nCOMMIT\n": "<text>:1:2: unknown table 'foo' (expected raw, mangle, nat, filter, security)",
    "*nat\n:X - [0:0]\n": "the table is not closed (expected COMMIT)",
    "*nat\n*filter\nCOMMIT\n": "<text>:2:1: table filter begins before nat is closed (expected COMMIT)",
    "-A X -j ACCEPT\n": "<text>:1:1: this line stands in no table (expected a line such as *filter before it)",
    "*nat\n:X - [0:0]\n-A X\nCOMMIT\n-A X\n": "<text>:5:1: this line stands in no table",
    "*nat\n:X\nCOMMIT\n": "<text>:2:2: the line ends too early (expected policy)",
    "  *nat\nCOMMIT\n": "<text>:1:3: *nat is known only at the beginning of a line",
    "*nat\nCOMMIT \n": "<text>:2:1: COMMIT must be all of its line",
    "*nat\n -A X\n": "<text>:2:5: there is no chain 'X' in table nat",
    "*nat\n:INPUT RETURN\nCOMMIT\n": "<text>:2:8: RETURN is no policy (expected ACCEPT or DROP)",
    nat("-A Z -j X"): "<text>:5:4: there is no chain 'Z' in table nat",
    nat("-A X -j Z"): "<text>:5:9: there is no chain, verdict or target 'Z' in this table",
    nat("-A X -g ACCEPT"): "<text>:5:9: there is no chain 'ACCEPT' in this table",
    nat(
        "-A X -m tcp --dprot 5"
    ): "<text>:5:13: unknown option '--dprot' (expected --dport, --sport, --protocol)",
    nat("-A X -m tcp --dport 99999"): "<text>:5:21: --dport: port 99999 is not between 0 and 65535",
    nat("-A X -m tcp --dport 9:8"): "<text>:5:21: --dport: port range 9:8 ends before it begins",
    nat("-A X -m tpc --dport 9"): "<text>:5:9: unknown match 'tpc' (expected tcp)",
    nat("-A X -m tcp --dport 1 --dport 2"): "--dport given twice",
    nat("-A X --dport 1"): "<text>:5:6: --dport without a -p or -m before it that has such an option",
    nat("-A X -s 1.2.3.400 -j Y"): "<text>:5:9: -s: '1.2.3.400' is not an IP address",
    nat("-A X -s 1.2.3.4/33 -j Y"): "<text>:5:9: -s: /33 is longer than 32 bits",
    nat("-A X -j DNAT"): "<text>:5:9: DNAT needs --to-destination",
    nat("-A X -j"): "<text>:5:7: the line ends too early (expected chain or target)",
    nat("-A X -j Y -j ACCEPT"): "<text>:5:11: a rule has one target",
    nat("-A X -m comment --comment"): "<text>:5:25: the line ends too early (expected string)",
    nat("-I X 3 -j Y"): "<text>:5:1: there is no rule 3",
}


REFUSED |= {
    nat(line): f"<text>:5:{message}"
    for line, message in {
        "-N Y": "4: there is a chain 'Y' already",
        "-N OUTPUT": "4: there is a chain 'OUTPUT' already",
        "-N DNAT": "4: 'DNAT' is no name for a chain",
        "-N ACCEPT": "4: ACCEPT is a verdict, no name for a chain",
        f"-N {'x' * 29}": f"4: chain name '{'x' * 29}' is longer than 28 bytes",
        f":{'é' * 15} - [0:0]": f"2: chain name '{'é' * 15}' is longer than 28 bytes",
        "-D X 1": "1: there is no rule 1",
        "-D X -j Y": "1: X has no such rule",
        "-C X -j Y": "1: X has no such rule",
        "-R X 1 -j Y": "1: there is no rule 1",
        "-F Z": "4: there is no chain 'Z' in table nat",
        "-X PREROUTING": "4: PREROUTING is a builtin chain",
        "-P X DROP": "4: X is no builtin chain: it has no policy",
        "-P OUTPUT RETURN": "11: RETURN is no policy (expected ACCEPT or DROP)",
        "-E PREROUTING Z": "4: PREROUTING is a builtin chain",
        "-E X Y": "6: there is a chain 'Y' already",
        "-A X -j PREROUTING": "9: PREROUTING is a builtin chain: nothing can lead to it",
        "-A X -j Z\n-N Z": "9: chain 'Z' is made only in line 6",
    }.items()
}
REFUSED |= {
    nat("-A X -j Y\n-X Y"): "<text>:6:4: line 5 leads to chain 'Y'",
    nat("-A X -j Y\n-X X"): "<text>:6:4: chain 'X' is not empty",
    nat("-A PREROUTING -j X\n-A X -j Y\n-A Y -g X"): (
        "<text>:7:9: the chains go round in a circle: X -> Y -> X"
    ),
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_says_where_and_what_was_expected(text):
    with pytest.raises(DumpError) as caught:
        read(text)
    assert REFUSED[text] in str(caught.value)


def test_an_error_draws_the_line_with_a_caret():
    with pytest.raises(DumpError) as caught:
        read(nat("-A X -m tcp --dport 99999 -j Y"), file="node1.txt")
    assert caught.value.render().splitlines() == [
        "node1.txt:5:21: --dport: port 99999 is not between 0 and 65535",
        "    -A X -m tcp --dport 99999 -j Y",
        "                        ^^^^^",
    ]


def test_a_bad_literal_in_a_known_shape_is_found_too():
    with pytest.raises(DumpError, match="port 65536 is not between"):
        read(nat("-A X -p tcp -m tcp --dport 80 -j Y", "-A X -p tcp -m tcp --dport 65536 -j Y"))


def test_control_characters_are_never_printed_raw():
    with pytest.raises(DumpError) as caught:
        read(nat("-A X -m tcp --dport \x1b[31mred"))
    assert "\x1b" not in caught.value.render()
    assert "\\x1b[31mred" in caught.value.render()


def test_a_rule_gives_typed_parts():
    rule = (
        read(nat("-A X ! -s 10.0.0.0/8 -p tcp -m tcp --dport 80:90 -j Y")).tables["nat"].chains["X"].rules[0]
    )
    assert str(rule.header.source.value) == "10.0.0.0/8"
    assert rule.header.source.inverted
    assert rule.header.protocol == Term(6)
    assert rule.matches[0].dport == Term(PortRange(80, 90))
    assert rule.target == Jump("Y")
    assert rule.line == 5


SPELLINGS = {
    "-A X -m comment --comment ns/name -m tcp -p tcp -d 10.0.0.1 --dport 80 -j Y": (
        '-A X -d 10.0.0.1/32 -p tcp -m comment --comment "ns/name" -m tcp --dport 80 -j Y'
    ),
    "-A X -p tcp --dport 80 -j Y": "-A X -p tcp -m tcp --dport 80 -j Y",
    "-A X -s 0.0.0.0/0 -p all -j Y": "-A X -j Y",
    "-A X -s 10.1.2.3/255.255.0.0 -j Y": "-A X -s 10.1.0.0/16 -j Y",
    "-A X --source ! 10.1.2.3 -j Y": "-A X ! -s 10.1.2.3/32 -j Y",
    "-A X -j MARK --or-mark 0x00004000": "-A X -j MARK --set-xmark 0x4000/0x4000",
    "-A X -j MARK --xor-mark 0x00004000": "-A X -j MARK --set-xmark 0x4000/0x0",
    "-A X -m mark ! --mark 0x00004000/0x00004000 -j Y": "-A X -m mark ! --mark 0x4000/0x4000 -j Y",
    "-A X -m statistic --mode random --probability 0.3333333333 -j Y": (
        "-A X -m statistic --mode random --probability 0.33333333349 -j Y"
    ),
    "-A X -p tcp --syn -j Y": "-A X -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j Y",
    "-A X -m conntrack ! --ctstate DNAT,RELATED -j Y": "-A X -m conntrack ! --ctstate RELATED,DNAT -j Y",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_another_spelling_is_written_as_iptables_save_prints_it(written):
    assert save(read(nat(written))) == nat(SPELLINGS[written])


@pytest.mark.parametrize("blank", ["\t", " \t", "\t ", "  "])
def test_any_blank_stands_behind_the_chain_of_a_rule(blank):
    rules = [f"-A X{blank}-p tcp -j Y", f"[1:2] -A X{blank}-j Y", "-A X\t", "-A X -j Y"]
    saved = ["-A X -p tcp -j Y", "[1:2] -A X -j Y", "-A X", "-A X -j Y"]
    assert save(read(nat(*rules))) == nat(*saved)


def test_insert_puts_a_rule_where_it_says():
    rules = read(nat("-A X -j Y", "-I X -j ACCEPT", "-I X 2 -j RETURN")).tables["nat"].chains["X"].rules
    assert [rule.target.chain for rule in rules] == ["ACCEPT", "RETURN", "Y"]


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("# Generated by ip6tables-save v1.8.9\n*nat\nCOMMIT\n", 6),
        (nat("-A X -s fd00::1 -j Y"), 6),
        (nat("-A X -s 10.0.0.1 -j Y"), 4),
        (nat("-A X -p tcp -j DNAT --to-destination [fd00::1]:80"), 6),
        (nat("-A X -p tcp -j DNAT --to-destination 10.0.0.1:80"), 4),
    ],
)
def test_the_family_is_told_from_the_text(text, family):
    assert family_of(text) == family


@pytest.mark.parametrize("dump", DUMPS, ids=case_id)
def test_a_golden_save_comes_back_byte_for_byte(dump):
    text = dump.read_text()
    assert save(read(text)) == text


def test_there_are_golden_saves():
    assert DUMPS


@pytest.mark.parametrize("dump", DUMPS, ids=case_id)
def test_lark_is_asked_once_for_a_shape(dump, monkeypatch):
    asked = []
    parse = Grammar.parse
    monkeypatch.setattr(Grammar, "parse", lambda self, line: asked.append(line) or parse(self, line))
    ruleset = read(dump.read_text())
    shapes = {rule.shape.template for rule in ruleset.rules()}
    assert len(asked) <= len(shapes) + len(["table", "chain", "commit", "remark", "empty"])


@pytest.mark.shared
@pytest.mark.parametrize("dump", shared_cases("kube-proxy/corpus/*/*/save-*.txt"), ids=case_id)
def test_every_recorded_save_comes_back_byte_for_byte(dump):
    text = present(dump).read_text()
    assert save(read(text)) == text


@pytest.mark.shared
@pytest.mark.parametrize("size", [1000, 10000])
def test_the_measuring_dumps_come_back_byte_for_byte(size):
    text = gzip.decompress(shared(f"bench/kube-proxy-{size}.save.gz").read_bytes()).decode()
    assert save(read(text)) == text


ORDERS = {
    "-A X -j Y\n-A X -j ACCEPT\n-D X 1": "-A X -j ACCEPT",
    "-A X -s 1.2.3.4 -j Y\n-A X -j Y\n-A X -j Y\n--delete X -j Y": "-A X -s 1.2.3.4/32 -j Y\n-A X -j Y",
    "-A X -j Y\n-R X 1 -j ACCEPT": "-A X -j ACCEPT",
    "-A X -j Y\n-F X": "",
    "-A X -j Y\n-F": "",
    "[5:6] -A X -j Y\n-Z X 1": "[0:0] -A X -j Y",
    "-A X -j Y\n-C X -j Y\n-L\n-S X 1": "-A X -j Y",
    "-N Z\n-X Z\n-A X -j Y": "-A X -j Y",
}


@pytest.mark.parametrize("lines", ORDERS)
def test_orders_are_carried_out(lines):
    assert save(read(nat(lines))) == nat(*ORDERS[lines].splitlines())


def test_a_chain_is_renamed_with_the_jumps_to_it():
    chains = read(nat("-A X -j Y", "-A Y -j ACCEPT", "-E Y Z")).tables["nat"].chains
    assert [*chains] == ["PREROUTING", "X", "Z"]
    assert [rule.save() for chain in chains.values() for rule in chain.rules] == [
        "-A X -j Z",
        "-A Z -j ACCEPT",
    ]


def test_a_policy_is_set_and_counters_are_zeroed():
    text = save(read("*filter\n:INPUT DROP [7:8]\n:X - [1:2]\n-P INPUT ACCEPT\n-Z X\nCOMMIT\n"))
    assert text == "*filter\n:INPUT ACCEPT [7:8]\n:X - [0:0]\nCOMMIT\n"


def test_builtin_chains_are_there_without_a_declaration():
    text = save(read("*filter\n-N X\n:FORWARD DROP\n-A INPUT -j X\nCOMMIT"))
    assert text == (
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:X - [0:0]\n-A INPUT -j X\nCOMMIT\n"
    )


def test_a_table_that_comes_twice_is_flushed_unless_asked_not_to():
    text = "*filter\n-A INPUT -j DROP\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n"
    assert [rule.save() for rule in read(text).rules()] == ["-A INPUT -j ACCEPT"]
    assert [rule.save() for rule in read(text, noflush=True).rules()] == [
        "-A INPUT -j DROP",
        "-A INPUT -j ACCEPT",
    ]


@pytest.mark.parametrize("name", ["#hash", "*filter", ":colon", "COMMIT", "%s", "-X-"])
def test_odd_chain_names(name):
    text = nat(f":{name} - [0:0]", f"-A {name} -j Y")
    if not name.startswith("-"):
        text = text.replace("-j Y", f"-j Y\n-A X -j {name}")
    chain = read(text).tables["nat"].chains[name]
    assert len(chain.rules) == 1


def test_a_long_way_of_chains_is_no_circle_and_no_recursion():
    chains = [f":C{i} - [0:0]" for i in range(3000)]
    rules = [f"-A C{i} -j C{i + 1}" for i in range(2999)]
    assert read(nat(*chains, *rules, "-A PREROUTING -j C0"))
    with pytest.raises(DumpError, match="round in a circle"):
        read(nat(*chains, *rules, "-A PREROUTING -j C0", "-A C2999 -j C7"))


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (
            "-A INPUT -d 3.3.3.3,4.4.4.0/24 -s 1.1.1.1,2.2.2.2 -j DROP",
            [
                "-A INPUT -s 1.1.1.1/32 -d 3.3.3.3/32 -j DROP",
                "-A INPUT -s 1.1.1.1/32 -d 4.4.4.0/24 -j DROP",
                "-A INPUT -s 2.2.2.2/32 -d 3.3.3.3/32 -j DROP",
                "-A INPUT -s 2.2.2.2/32 -d 4.4.4.0/24 -j DROP",
            ],
        ),
        ("-I INPUT -s 1.1.1.1,2.2.2.2", ["-A INPUT -s 2.2.2.2/32", "-A INPUT -s 1.1.1.1/32"]),
        ("-A INPUT -s 10.1 -d 10/8", ["-A INPUT -s 10.1.0.0/32 -d 10.0.0.0/8"]),
        ("-A INPUT -s 010.0.0.1 -d 0x0a.1.1.1/8", ["-A INPUT -s 8.0.0.1/32 -d 10.0.0.0/8"]),
        ("-A INPUT -s 10.1.2.3/255.255.0.0", ["-A INPUT -s 10.1.0.0/16"]),
        ("-A INPUT -s mail.example.com", ["-A INPUT -s mail.example.com"]),
        ("-A INPUT -p tcp --dport ssh:http", ["-A INPUT -p tcp -m tcp --dport 22:80"]),
    ],
)
def test_addresses_and_services_as_people_write_them(line, rules):
    assert [rule.save() for rule in read(f"*filter\n{line}\nCOMMIT\n").rules()] == rules


def test_a_host_name_is_an_open_question():
    rule = next(read("*filter\n-A INPUT -s mail.example.com -j DROP\nCOMMIT\n").rules())
    assert rule.condition == Unknown("which addresses mail.example.com has", "host name")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-A INPUT ! -s 1.1.1.1,2.2.2.2", "2:15: a list of addresses cannot be negated"),
        ("-A INPUT -s 1.1.1.1,2.2.2.256", "is not an IP address"),
        ("-A INPUT -s 1.1.1.1 -d ::1", "is no address of IPv4"),
        ("-A INPUT -s 1.2.3.4.5", "is not an IP address"),
        ("-A INPUT -p tcp --dport nosuch", "'nosuch' is not a port"),
    ],
)
def test_addresses_and_services_that_are_none(line, message):
    with pytest.raises(DumpError) as caught:
        read(f"*filter\n{line}\nCOMMIT\n", family=4)
    assert message in str(caught.value)


def test_comment_lines_stay_where_they_stood():
    text = nat("# a note", "-A X -j Y", "# the next", "-A X -j ACCEPT").replace(":Y", "# about Y\n:Y")
    assert save(read(text)) == text


def test_a_text_that_iptables_save_says_it_wrote_comes_back_in_its_own_spelling():
    head = "# Generated by iptables-save v1.4.7 on Tue Dec 23 14:02:21 2014\n"
    text = (
        head
        + nat("-A X -s 10.1.2.3/16 -j Y ", "", "-A X -m recent --set --name a --rsource ")
        + "# Completed\n"
    )
    ruleset = read(text)
    assert save(ruleset) == text
    assert "-A X -s 10.1.0.0/16 -j Y\n" in save(ruleset, order="legacy")


@pytest.mark.parametrize(("length", "taken"), [(255, True), (256, True), (1023, True), (1024, False)])
def test_a_comment_is_cut_and_a_word_too_long_is_refused(length, taken):
    comment = ("c " * length)[: length - 1] + "c"
    text = f'*filter\n-A INPUT -m comment --comment "{comment}"\nCOMMIT\n'
    if taken:
        (rule,) = read(text).rules()
        assert len(rule.matches[0].comment) == min(length, 255)
        return
    with pytest.raises(DumpError, match="longer than 1023 bytes") as caught:
        read(text)
    assert caught.value.span.line == 2

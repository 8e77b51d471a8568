"""Extensions known by name only, and reading on after a bad line."""

import pytest

from natc.errors import DumpError
from natc.netfilter.condition import Unknown
from natc.netfilter.effect import Undecided
from natc.text.reader import read
from natc.text.writer import save

HEAD = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"

OPAQUE = [
    "-A INPUT -m geoip --source-country CN,RU -j DROP",
    '-A INPUT -p tcp -m ndpi ! --proto "a b" --flag -m tcp --dport 80 -j TARPIT --honeypot',
    "-A INPUT -s 1.1.1.1/32 -m quota2 ! --name foo --quota 100 -j ACCEPT",
    "-A INPUT -m psd -j TARPIT",
]


@pytest.mark.parametrize("line", OPAQUE)
def test_an_extension_from_outside_is_kept_word_for_word(line):
    text = f"{HEAD}{line}\nCOMMIT\n"
    assert save(read(text)) == text


def test_an_opaque_extension_is_an_open_question_by_its_name():
    rule = next(read(f"{HEAD}{OPAQUE[3]}\nCOMMIT\n").rules())
    assert rule.condition == Unknown("-m psd")
    assert rule.target.effect() == Undecided("-j TARPIT")


def test_a_chain_may_have_the_name_of_an_opaque_target():
    rule = next(read(f"{HEAD}:ECHO - [0:0]\n-A INPUT -j ECHO\nCOMMIT\n").rules())
    assert rule.target.chain == "ECHO"


@pytest.mark.parametrize("line", ["-A INPUT -m ndpj", "-A INPUT -j TARPTI", "-A INPUT -j DROP --honeypot"])
def test_any_other_unknown_name_is_refused(line):
    with pytest.raises(DumpError):
        read(f"{HEAD}{line}\nCOMMIT\n")


def test_reading_on_keeps_bad_lines_in_their_place_and_reports_them():
    bad = "-A INPUT -p tcp --dport 99999 -j DROP"
    text = f"$ iptables-save\r\n{HEAD}-A INPUT -j LOG\n{bad}\n-A INPUT -m nosuch --x 1 -j ACCEPT\nCOMMIT\n"
    problems: list[DumpError] = []
    ruleset = read(text, problems=problems)
    assert [problem.span.line for problem in problems] == [1, 7]
    assert save(ruleset) == text.replace("\r", "")
    rule = ruleset.tables["filter"].chains["INPUT"].rules[1]
    assert rule.condition == Unknown(f"a rule that could not be read: {bad}")
    assert rule.target.effect() == Undecided(f"a rule that could not be read: {bad}")


def test_a_text_without_any_table_is_refused_even_then():
    with pytest.raises(DumpError, match="no table"):
        read("hello\n", problems=[])


def test_reading_on_reports_what_is_wrong_with_a_table():
    problems: list[DumpError] = []
    read(f"{HEAD}-A INPUT -j NOSUCH\nCOMMIT\n", problems=problems)
    assert [problem.span.line for problem in problems] == [5]

"""The grammar: unambiguous as a whole, and shipped in the package."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.text import grammar
from natc.text.reader import _OWN_CHAINS


def test_the_whole_grammar_is_unambiguous():
    """Lark in strict mode refuses any conflict, overlapping terminals in one state included.

    The shape cache rests on it: a line's shape decides which terminal takes which word.
    """
    pytest.importorskip("interegular")
    assert grammar.build(grammar.all_blocks(), strict=True).patterns


def test_a_block_is_only_built_when_it_is_named():
    assert grammar.blocks_named("-A X -m tcp --dport 1 -j DNAT") == {"matches/tcp", "targets/DNAT"}
    assert grammar.blocks_named("-A X -m\tmark") == {"matches/mark"}
    assert grammar.blocks_named("-A X --match tcp --jump MARK") == {"matches/tcp", "targets/MARK"}
    assert grammar.blocks_named("-m nosuch -j KUBE-SVC") == frozenset()


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r":[!-~]{1,30} - \[[0-9]{1,20}:[0-9]{1,20}\]", fullmatch=True))
def test_what_the_reader_takes_for_a_declaration_lark_takes_too(line):
    if _OWN_CHAINS.fullmatch(f"{line}\n"):
        tree = grammar.build(frozenset()).parse(line)
        (chain,) = tree.find_data("chain")
        assert " ".join(chain.children) == line

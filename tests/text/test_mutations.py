"""Rules broken on purpose: natc and iptables-restore refuse the same ones, and show the others alike."""

import re

import pytest

from natc.errors import DumpError
from natc.netfilter.ruleset import Ruleset
from natc.text.reader import read
from natc.text.writer import save
from tests.kernel import BACKENDS
from tests.support import need_kernel
from tests.text.mutations import Judge, Mutant, judge, mutants

SEEDS = range(3)

#: What natc reads although it cannot be loaded, by the words of iptables-restore, and why.
READ_NONETHELESS = {
    r"line \d+ failed|(?:APPEND|INSERT) failed": "the kernel's own check of options is not repeated "
    "(that -m tcp stands beside -p tcp); restore --test takes these",
    r"Set .* doesn't exist|connlabel|rateest": "asks the node for something that a fresh one does not have",
    r"not found|getaddrinfo": "a host name stays an open question",
    r"Need TCP, UDP, SCTP or DCCP|only works with": "what a target needs beside it is not looked at",
    r"you need to use --gid-owner first": "the order of options is not looked at",
}
#: What natc refuses although it can be loaded, by natc's words, and why.
REFUSED_NONETHELESS = {
    r"longer than": "iptables cuts the name or the mask short and says nothing: nobody means that",
    r"unknown option '-(?:M|-[a-z]+)'|ambiguous": "--modprobe and --help, and options cut so short that "
    "only the extension loaded says which it is",
    r"MAJOR:MINOR|is not an IP address|\(expected (?:flags|word)\)": "numbers and words that iptables reads by "
    "their beginning or cut to their width",
    r"ends before it begins": "some extensions take a range that nothing is in",
}
#: Marked for the other family: such a rule is passed over without a look at it.
OTHER_FAMILY = re.compile(r" -[46]\b")
#: ``!`` between an option and its argument, as iptables before 1.8.9 took it.
OLD_NEGATION = re.compile(r" --?[\w-]+ ! ?")


def natc_reads(mutant: Mutant) -> tuple[Ruleset | None, str]:
    try:
        return read(mutant.text, family=mutant.family), ""
    except DumpError as error:
        return None, str(error)


def disagreement(mutant: Mutant, asked: Judge) -> str | None:
    """Return how natc and both backends differ over a mutant, if they do and no reason is known."""
    ruleset, why = natc_reads(mutant)
    answers = {backend: asked.load(mutant, backend) for backend in BACKENDS}
    said = " ".join(words for taken, words in answers.values() if not taken)
    if ruleset is None:
        known = any(re.search(words, why) for words in REFUSED_NONETHELESS)
        return None if known or not any(taken for taken, _ in answers.values()) else f"refused: {why}"
    if not any(taken for taken, _ in answers.values()):
        known = any(re.search(words, said) for words in READ_NONETHELESS)
        meant = OLD_NEGATION.search(mutant.text) or OTHER_FAMILY.search(mutant.text)
        return None if known or meant else f"read: {said}"
    for backend, (taken, shown) in answers.items():
        written = save(ruleset, order=backend)
        if taken and without_counters(written) != without_counters(shown):
            return f"{backend} shows {shown} and natc {written}"
    return None


def without_counters(text: str) -> str:
    return re.sub(r"\[\d+:\d+\]", "[0:0]", text)


@pytest.mark.kernel
@pytest.mark.parametrize("seed", SEEDS)
def test_natc_and_both_backends_agree_over_broken_rules(seed):
    need_kernel("nsenter", "iptables-legacy-restore", "iptables-nft-restore")
    with judge() as asked:
        found = {mutant.text: disagreement(mutant, asked) for mutant in mutants(seed)}
    assert len(found) > 100
    assert {text: how for text, how in found.items() if how} == {}


def test_mutants_are_the_same_each_time():
    assert [*mutants(1)] == [*mutants(1)]
    assert [*mutants(1)] != [*mutants(2)]

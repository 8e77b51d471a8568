"""Whatever is changed in a node's dump, verify names it, and names nothing else."""

import os
import re
from functools import lru_cache
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from natc.analysis.drift.codes import CODES
from natc.analysis.drift.verify import compare, compare_written
from natc.analysis.drift.written import Shown
from natc.analysis.service_chains import comment_of, jump_of, kind_of, name_in, owners
from natc.compile import compile as compile_cluster
from natc.errors import DumpError
from natc.text.reader import read
from natc.text.shapes.delivered import known_shapes
from natc.text.unproved import NotProvedError, Unproved
from tests.compile.cases import cluster_of, config_of
from tests.support import GOLDEN, case_id, present, shared_cases

CASES = sorted(path.parent for path in GOLDEN.glob("kube-proxy/*/flags.json"))
VERSIONS = shared_cases("kube-proxy/corpus/*")
#: Changes of each recorded version's dumps: NATC_CHANGES=110 makes 2,090 of them, CI has not that much time.
EACH_VERSION = int(os.environ.get("NATC_CHANGES", "30"))

#: Lines of kube-proxy's own: its chains' rules, and its jumps.
OURS = re.compile(
    r"-A (?:KUBE-(?:SVC|SVL|EXT|XLB|FW|SEP)-[A-Z2-7]{16}|KUBE-SERVICES|KUBE-NODEPORTS|KUBE-EXTERNAL-SERVICES|"
    r"KUBE-PROXY-FIREWALL|KUBE-POSTROUTING|KUBE-MARK-MASQ|KUBE-FORWARD|KUBE-PORTALS-\w+|KUBE-NODEPORT-[A-Z-]+) "
    r"|-A [A-Z]+ .*-j KUBE-(?:SERVICES|NODEPORTS|EXTERNAL-SERVICES|FORWARD|POSTROUTING|PORTALS\S+)$"
)
ADDRESS = re.compile(r"(?<= -s |.-d )(\S+)/(\d+)|(?<=--to-destination )([\d.]+|\[[\da-f:]+\]):(\d+)")
ENDPOINT = re.compile(r"(KUBE-SEP-[A-Z2-7]{16})|-m comment --comment \S+(?: -> \S+)? ")
SWAPS = {
    "-j DROP": "-j ACCEPT",
    "-j ACCEPT": "-j DROP",
    "-j REJECT --reject-with": "-j DROP",
    "-j RETURN": "-j ACCEPT",
}


@lru_cache(maxsize=32)
def base(case):
    """A case's dump by lines, what should be there, and the settings."""
    config = config_of(case)
    lines = (case / "save-legacy.txt").read_text().splitlines()
    return lines, compile_cluster(cluster_of(case), config), config


def read_lines(lines, config):
    return read("\n".join(lines) + "\n", family=6 if config.is_ipv6 else 4)


# ---- what is done to a line; None where it cannot be done


def deleted(draw, lines, at):
    return [*lines[:at], *lines[at + 1 :]]


def doubled(draw, lines, at):
    return [*lines[: at + 1], *lines[at:]]


def replaced(lines, at, line):
    return None if line == lines[at] else [*lines[:at], line, *lines[at + 1 :]]


def endpoint(draw, lines, at):
    address = draw(st.sampled_from(["192.0.2.1:80", "192.0.2.1:1"]))
    address = (
        address.replace("192.0.2.1", "[2001:db8::9]")
        if ":" in lines[at].partition("--to-destination [")[2]
        else address
    )
    return replaced(lines, at, re.sub(r"--to-destination \S+", f"--to-destination {address}", lines[at]))


def weight(draw, lines, at):
    part = draw(
        st.sampled_from(["0.00000000000", "0.10000000009", "0.49999999953", "0.99999999953", "1.00000000000"])
    )
    return replaced(lines, at, re.sub(r"--probability \S+", f"--probability {part}", lines[at]))


def without_weight(draw, lines, at):
    return replaced(lines, at, re.sub(r"-m statistic --mode random --probability \S+ ", "", lines[at]))


def port(draw, lines, at):
    return replaced(lines, at, re.sub(r"--dport \d+", "--dport 64999", lines[at]))


def destination(draw, lines, at):
    other = "-d 2001:db8::99/128" if "::" in lines[at] else "-d 192.0.2.99/32"
    return replaced(lines, at, re.sub(r"-d \S+", other, lines[at]))


def negated(draw, lines, at):
    side = draw(st.sampled_from(["-s", "-d"]))
    return replaced(lines, at, lines[at].replace(f" {side} ", f" ! {side} ", 1).replace("! ! ", ""))


def source(draw, lines, at):
    return replaced(
        lines, at, re.sub(r"-s \S+/\d+", "-s 0.0.0.0/1" if "." in lines[at] else "-s 8000::/1", lines[at])
    )


def verdict(draw, lines, at):
    for one, other in SWAPS.items():
        if one in lines[at]:
            return replaced(lines, at, re.sub(f"{one}.*", other, lines[at]))
    return None


def comment(draw, lines, at):
    return replaced(lines, at, re.sub(r'--comment ("[^"]*"|\S+)', '--comment "somebody was here"', lines[at]))


def retargeted(draw, lines, at):
    """The same rule, to another chain of the same table."""
    table = max(i for i in range(at) if lines[i].startswith("*"))
    chains = [line[1:].split()[0] for line in lines[table + 1 : at] if line.startswith(":KUBE-")]
    return replaced(lines, at, re.sub(r"-j KUBE-\S+", f"-j {draw(st.sampled_from(chains))}", lines[at]))


def swapped(draw, lines, at):
    """Two rules of one service's chain in each other's place, unless they only differ in their endpoint."""
    one, other = lines[at], lines[at + 1]
    if (
        one.split()[:2] != other.split()[:2]
        or not kind_of(one.split()[1])
        or ENDPOINT.sub("", one) == ENDPOINT.sub("", other)
    ):
        return None
    return [*lines[:at], other, one, *lines[at + 2 :]]


def chain_gone(draw, lines, at):
    """A chain with all that leads to it."""
    chain = lines[at].split()[1]
    if not kind_of(chain):
        return None
    return [line for line in lines if not re.search(rf"(?:^:|-A |-j ){chain}(?:\s|$)", line)]


def chain_left(draw, lines, at):
    """A chain that nothing leads to, with a rule to an endpoint."""
    start = lines.index("*nat")
    end = lines.index("COMMIT", start)
    kind = draw(st.sampled_from(["SVC", "SEP", "SVL", "XLB", "FW", "EXT"]))
    rule = [f"-A KUBE-{kind}-AAAAAAAAAAAAAAAA -j RETURN"] if draw(st.booleans()) else []
    return [
        *lines[: start + 1],
        f":KUBE-{kind}-AAAAAAAAAAAAAAAA - [0:0]",
        *lines[start + 1 : end],
        *rule,
        *lines[end:],
    ]


CHANGES = (
    deleted, doubled, endpoint, weight, without_weight, port, destination, negated, source, verdict, comment,
    retargeted, swapped, chain_gone, chain_left,
)  # fmt: skip


class Changed(list):
    """The lines of a changed dump; a failing test shows where, not all of them."""

    def __repr__(self):
        return f"{self.change} of line {self.at + 1}"


@st.composite
def changed(draw, lines):
    """A changed dump."""
    ours = [i for i, line in enumerate(lines) if OURS.match(line)]
    changes = draw(st.permutations(CHANGES))
    at = draw(st.sampled_from(ours))
    for change in changes:
        after = change(draw, lines, at)
        if after is not None:
            out = Changed(after)
            out.change, out.at = change.__name__, at
            return out
    raise AssertionError("deleting is always possible")


def concerned(before, after, lines, changed_lines):
    """The services that the lines on one side only are about."""
    names = {""}
    gone, come = set(lines) - set(changed_lines), set(changed_lines) - set(lines)
    doubled = {line for line in changed_lines if changed_lines.count(line) != lines.count(line)}
    moved = {a for pair in zip(lines, changed_lines, strict=False) if pair[0] != pair[1] for a in pair}
    few = moved if len(moved) <= 2 else set()
    for ruleset in (before, after):
        whose = owners(ruleset.tables["nat"])
        for rule in ruleset.rules():
            if rule.text in gone | come | doubled | few:
                names |= {whose.get(rule.chain, ""), whose.get(jump_of(rule), ""), name_in(comment_of(rule))}
    return names


def assert_at_a_glance(case, lines, found):
    """Compare a dump whose lines are proved good by being as expected; found is None for a bad dump."""
    config = base(case)[2]
    text = "\n".join(["# Generated by iptables-save v1.8.9", *lines, ""])
    with patch("natc.text.unproved.LARGE", 0):
        unproved = Unproved.of(text, file="<text>", cache=known_shapes())
    if unproved is None:
        return
    try:
        result = compare_written(Shown.of(unproved.ruleset), cluster_of(case), config, unproved)[0]
    except (NotProvedError, DumpError):
        return
    assert found is not None, "a bad dump was taken for a good one"
    assert [f.code for f in result.findings] == [f.code for f in found.findings]
    assert [f.message for f in result.findings] == [f.message for f in found.findings]


def assert_named(case, data):
    lines, expected, config = base(case)
    after = data.draw(changed(lines))
    worth = data.draw(st.sampled_from([1, 4]))
    try:
        ruleset = read_lines(after, config)
    except DumpError:
        with patch("natc.compile.saved._WORTH", worth):
            assert_at_a_glance(case, after, None)
        assume(False)  # iptables would not load it either
    node = Shown.of(ruleset)
    found = compare(expected, ruleset, config)
    findings = found.findings
    with patch("natc.compile.saved._WORTH", worth):
        assert compare_written(node, cluster_of(case), config)[0] == found
        assert_at_a_glance(case, after, found)
    assert findings, [line for line in after if line not in lines] or "lines are gone or moved"
    names = concerned(read_lines(lines, config), ruleset, lines, after)
    assert {finding.service for finding in findings} <= names
    assert {finding.code for finding in findings} <= CODES.keys()


FREE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@settings(max_examples=150, deadline=None, suppress_health_check=FREE)
@given(st.data())
def test_a_change_in_a_golden_dump_is_named(data):
    assert_named(data.draw(st.sampled_from(CASES)), data)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS, ids=case_id)
@settings(max_examples=EACH_VERSION, deadline=None, suppress_health_check=FREE)
@given(data=st.data())
def test_a_change_in_a_recorded_dump_is_named(version, data):
    cases = sorted(present(version).glob("[0-9]*"))
    assert_named(data.draw(st.sampled_from(cases)), data)

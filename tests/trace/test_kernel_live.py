"""Rulesets, nodes and packets that hypothesis thinks of, answered by the running kernel and by natc.

Alone, every random branch of a packet is forced in the kernel, so odds and outcomes are compared exactly.
In flows, each packet meets what those before it left behind. Both backends answer, in IPv4 and IPv6. The
kernel is asked by the program beside the recorded answers.
"""

import json
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import need_kernel, shared
from tests.trace.kernel_cases import BACKENDS, compare_case
from tests.trace.live_packets import packets, sequences
from tests.trace.live_rules import HOOKS, USER_CHAINS, Place, dumps, goals, matches
from tests.trace.live_worlds import WORLD4, WORLD6, worlds

#: Rulesets of each of the four kinds and packets for each; of those some answer nothing and fall away.
RULESETS, PACKETS = 18, 40
#: How many packets of each kind both backends and natc must have answered: 2,000 in all.
COMPARED = 500
#: What the rulesets must speak of, or the comparison is worth less than it says.
MATCHES = (
    "addrtype ah conntrack connlimit connmark devgroup dscp dst eui64 frag hashlimit hbh hl icmp icmp6 ipcomp iprange "
    "ipv6header length limit mac mark mh multiport owner quota recent rpfilter rt sctp set srh statistic tcp tos ttl udp"
)
TARGETS = (
    "ACCEPT CLASSIFY CONNMARK CT DNAT DROP DSCP HL LOG MARK MASQUERADE NETMAP NFLOG NOTRACK REDIRECT REJECT RETURN "
    "SET SNAT TCPMSS TOS TTL"
)


class Kernel:
    """The running kernel, asked by a process of its own."""

    def __init__(self, oracle: Path) -> None:
        need_kernel(
            "ip", "nft", "ipset", *(f"{p}tables-{b}-restore" for p in ("ip", "ip6") for b in BACKENDS)
        )
        worker = Path(__file__).with_name("live_worker.py")
        words = [sys.executable, str(worker), str(oracle.parent)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, case, backend):
        self.process.stdin.write(json.dumps({**case, "backend": backend}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@st.composite
def cases(draw, family, stateful):
    world = draw(worlds(family))
    drawn = (
        sequences(world, PACKETS)
        if stateful
        else st.lists(packets(world), min_size=PACKETS, max_size=PACKETS)
    )
    return {
        "node": world.node(),
        "dump": draw(dumps(world, stateful)),
        "packets": draw(drawn),
        "ipsets": world.ipsets(),
        "branches": not stateful,
    }


@pytest.mark.kernel
@pytest.mark.slow
@pytest.mark.parametrize("stateful", [False, True], ids=["branches", "flows"])
@pytest.mark.parametrize("family", [4, 6])
def test_the_running_kernel_does_the_same(tmp_path, family, stateful):
    compared = 0

    @settings(
        max_examples=RULESETS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[
            Phase.generate
        ],  # the case that failed is printed; shrinking would ask the kernel for minutes
    )
    @given(cases(family, stateful))
    def agree(case):
        nonlocal compared
        found = {backend: kernel.ask(case, backend) for backend in BACKENDS}
        assert not any("refused" in answer for answer in found.values()), (found, case["dump"])
        kept = written(tmp_path, case, found)
        if differences := compare_case(tmp_path).differences:
            raise AssertionError("\n".join([*differences, json.dumps(case)]))
        compared += kept

    with closing(Kernel(shared("kernel/kernel_oracle.py"))) as kernel:
        agree()
    assert compared >= COMPARED


def written(folder, case, found):
    """Write a case and its answers as the recorded ones are; return how many packets were answered clearly."""
    answers = {backend: found[backend]["packets"] for backend in BACKENDS}
    sent = [i for i in range(len(case["packets"])) if all(answers[b][i] for b in BACKENDS)]
    unclear = {i for i in sent if any(is_lost(answers[b][i]) for b in BACKENDS)}
    moved = {old: new for new, old in enumerate(sent)}
    listed = [case["packets"][i] for i in sent]
    listed = [{**p, **({"reply_to": moved[p["reply_to"]]} if "reply_to" in p else {})} for p in listed]
    mode = "branches" if case["branches"] else "sequence"
    described = {"mode": mode, "volatile": ["snat.port"], "packets": listed}
    kernel = {
        backend: {"load": {"rc": 0}, "packets": [NOT_COMPARED if i in unclear else results[i] for i in sent]}
        for backend, results in answers.items()
    }
    (folder / "dump.txt").write_text(case["dump"])
    (folder / "ipset.txt").write_text(case["ipsets"])
    for name, content in (("node", case["node"]), ("packets", described), ("kernel", kernel)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return len(sent) - len(unclear)


#: Stands for the answer to something that is no packet.
NOT_COMPARED = {"op": "unclear"}


def is_lost(answer):
    """Whether the program that asks could not see what became of a packet."""
    results = [branch["result"] for branch in answer["branches"]] if "branches" in answer else [answer]
    return any(result["verdict"] == "LOST" for result in results)


def test_the_rulesets_speak_of_what_natc_decides():
    texts = []
    for world in (WORLD4, WORLD6):
        for table, chain, hooks in places():
            place = Place(world, table, chain, hooks, stateful=True)
            alone = Place(world, table, chain, hooks, stateful=False)
            for proto in ("", "tcp", "udp", "icmp", "sctp"):
                texts += [*matches(place, proto), *goals(place, proto), *goals(alone, proto)]
    words = " ".join(texts).split()
    used = {option: {after for word, after in pairwise(words) if word == option} for option in ("-m", "-j")}
    assert used["-m"] >= set(MATCHES.split())
    assert used["-j"] >= set(TARGETS.split())
    assert "-g" in words


def places():
    for table, hooks in HOOKS.items():
        yield from ((table, hook, (hook,)) for hook in hooks)
        yield from ((table, chain, reached) for chain, reached in USER_CHAINS[table].items())

"""Rulesets and packets that hypothesis thinks of, answered by the running kernel and by natc.

Every random branch is forced in the kernel, so odds and outcomes are compared exactly. The kernel is asked
by the program beside the recorded answers.
"""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import need_kernel, shared
from tests.trace.kernel_cases import compare_case

#: 36 rulesets of 30 packets, each answered by both backends: 2,160 packets.
RULESETS, PACKETS = 36, 30

NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.1.254/24"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}
USER_CHAINS = ("ONE", "TWO", "THREE")
HOOKS = {
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
ADDRESSES = ("10.244.1.5", "10.244.1.6", "192.168.1.77", "10.96.0.10", "8.8.8.8")
networks = st.sampled_from([*(f"{a}/32" for a in ADDRESSES), "10.244.1.0/24", "10.0.0.0/8"])
negation = st.sampled_from(["", "", "! "])

matches = st.one_of(
    st.builds("-m mark {}--mark {}/0x3".format, negation, st.sampled_from(["0x1", "0x2", "0x0"])),
    st.builds("-m connmark {}--mark {}/0x3".format, negation, st.sampled_from(["0x1", "0x0"])),
    st.builds("-m conntrack {}--ctstate {}".format, negation,
              st.sampled_from(["NEW", "INVALID", "ESTABLISHED,RELATED", "DNAT", "NEW,SNAT"])),
    st.builds("-m addrtype {}--dst-type LOCAL".format, negation),
    st.builds("-m ttl --ttl-gt {}".format, st.sampled_from(["62", "63"])),
    st.builds("-m multiport {}--dports 80,443:500".format, negation),
)  # fmt: skip
coins = st.sampled_from(["0.25", "0.50000000000", "0.33333333349", "0.9"]).map(
    "-m statistic --mode random --probability {}".format
)
translations = {
    "PREROUTING": ["DNAT --to-destination 10.244.1.5:8080", "DNAT --to-destination 10.244.1.6", "REDIRECT --to-ports 8080"],
    "OUTPUT": ["DNAT --to-destination 10.244.1.6:80", "REDIRECT"],
    "POSTROUTING": ["MASQUERADE", "SNAT --to-source 192.168.1.10"],
    "INPUT": ["SNAT --to-source 10.244.1.254"],
}  # fmt: skip


@st.composite
def rule(draw, table, chain, random_left):
    """A rule; user chains are called only from chains before them."""
    words = [f"-A {chain}"]
    if draw(st.booleans()):
        words.append(f"{draw(negation)}-s {draw(networks)}")
    if draw(st.booleans()):
        words.append(f"{draw(negation)}-d {draw(networks)}")
    proto = draw(st.sampled_from(["tcp", "udp"]))
    words.append(f"-p {proto}")
    if draw(st.booleans()):
        words.append(draw(matches))
    if random_left[0] and draw(st.integers(0, 3)) == 0:
        random_left[0] -= 1
        words.append(draw(coins))
    words.append(draw(st.sampled_from(list(goals(table, chain)))))
    return " ".join(word for word in words if word)


def goals(table, chain):
    yield from ["", "-j RETURN", "-j ACCEPT", "-j MARK --set-xmark 0x1/0x1", "-j MARK --set-xmark 0x2/0x3"]
    yield "-j CONNMARK --set-xmark 0x1/0x1"
    later = USER_CHAINS[USER_CHAINS.index(chain) + 1 :] if chain in USER_CHAINS else USER_CHAINS
    yield from (f"-{jump} {name}" for name in later for jump in "jg")
    if table == "filter":
        yield from ["-j DROP", "-j REJECT --reject-with icmp-port-unreachable"]
    if table == "mangle":
        yield "-j TTL --ttl-dec 1"
    if table == "nat" and chain in translations:
        yield from (f"-j {words}" for words in translations[chain])


@st.composite
def dumps(draw):
    lines, random_left = [], [3]
    for table, hooks in HOOKS.items():
        lines += [f"*{table}", *(f":{hook} ACCEPT [0:0]" for hook in hooks)]
        lines += [f":{name} - [0:0]" for name in USER_CHAINS]
        for chain in (*hooks, *USER_CHAINS):
            for _ in range(draw(st.integers(0, 4))):
                lines.append(draw(rule(table, chain, random_left)))
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"


packets = st.fixed_dictionaries(
    {
        "way": st.sampled_from([
            ("eth0", "192.168.1.77"), ("cni0", "10.244.1.5"), ("cni0", "10.244.1.6"), ("local", "auto"),
        ]),
        "dst": st.sampled_from([*ADDRESSES, "192.168.1.10", "10.244.1.254"]),
        "proto": st.sampled_from(["tcp", "udp"]),
        "dport": st.sampled_from([80, 443, 8080]),
        "sport": st.integers(40000, 40100),
    }
).map(lambda p: {k: v for k, v in p.items() if k != "way"} | {"origin": p["way"][0], "src": p["way"][1]})  # fmt: skip


@pytest.mark.kernel
@pytest.mark.slow
def test_the_running_kernel_does_the_same(tmp_path):
    need_kernel("ip", "nft", "iptables-legacy-restore", "iptables-nft-restore")
    oracle = shared("kernel/kernel_oracle.py")
    compared = 0

    @settings(
        max_examples=RULESETS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # the case that failed is printed; shrinking asks the kernel for hours
    )
    @given(dumps(), st.lists(packets, min_size=PACKETS, max_size=PACKETS))
    def agree(dump, listed):
        nonlocal compared
        case = tmp_path / "case"
        case.mkdir(exist_ok=True)
        (case / "dump.txt").write_text(dump)
        (case / "node.json").write_text(json.dumps(NODE))
        described = {"mode": "branches", "volatile": ["snat.port"], "packets": listed}
        (case / "packets.json").write_text(json.dumps(described))
        (case / "kernel.json").write_text(json.dumps({b: asked(oracle, case, b) for b in ("legacy", "nft")}))
        found = compare_case(case)
        assert found.differences == [], dump
        compared += found.compared

    agree()
    assert compared >= 2000


def asked(oracle, case, backend):
    """What the kernel does, in the form of the recorded answers."""
    words = [sys.executable, str(oracle), "branches", "--variant", backend]
    words += [
        w for name in ("dump", "node", "packets") for w in (f"--{name}", str(next(case.glob(f"{name}.*"))))
    ]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        return {"load": {"rc": 1, "stderr": done.stderr}, "packets": []}
    listed = json.loads(done.stdout)
    return {"load": {"rc": 0}, "packets": [{"branches": [plain(b) for b in branches]} for branches in listed]}


def plain(branch):
    """The oracle's own form of a branch, with steps written as in the recorded answers."""
    result = dict(branch["result"])
    result["path"] = [step(s) + (f" @{s['line']}" if s.get("line") else "") for s in result["path"]]
    if "drop_at" in result:
        result["drop_at"] = step(result["drop_at"])
    return branch | {"result": result}


def step(entry):
    return f"{entry['table']} {entry['chain']} {entry['n'] if entry['type'] == 'rule' else 'policy'}"

"""Every check of natc lint, where it finds something and where it must not; real nodes are clean."""

import pytest

from natc.analysis.lint import CHECKS, CODES, lint
from natc.errors import DumpError, UsageError
from natc.text.reader import read
from tests.support import GOLDEN, case_id, present, shared_cases

CASES = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))
RECORDED = shared_cases("kube-proxy/corpus/*/[0-9]*/save-legacy.txt")

#: What real kube-proxies' own dumps show, each looked at and true. 1.22.0 makes chains for endpoints that
#: are not ready and leads nobody there (kubernetes/kubernetes#106030); up to 1.18 Endpoints may name
#: one endpoint twice; node ports that no address takes leave KUBE-XLB- or KUBE-NODEPORTS behind; where kube-proxy knows no
#: pods' CIDR, it masquerades nothing; up to 1.18.3 nothing guarded loopback addresses, and between 1.24
#: and 1.26 only kubelet did.
TRUE = {
    "1.22.0": {"NL103", "NL104", "NL105"},
    "1.14.0": {"NL103", "NL105", "NL114"},
    "1.16.0": {"NL103", "NL105", "NL114"},
    "1.17.2": {"NL103", "NL105", "NL114"},
    "1.18.2": {"NL103", "NL105", "NL114"},
    "1.18.6": {"NL103", "NL105"},
    "1.19.2": {"NL105"},
    "1.20.0": {"NL105"},
    "1.21.1": {"NL105"},
    "1.23.4": {"NL105"},
    "newer": {"NL105"},
    "1.25.4": {"NL114"},
    "1.26.0": {"NL114"},
}


def nat(*rules, chains=(), head=""):
    declared = [
        ":PREROUTING ACCEPT [0:0]",
        ":INPUT ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]",
    ]
    declared += [f":{name} - [0:0]" for name in chains]
    return "\n".join([head + "*nat", *declared, *rules, "COMMIT", ""])


def filtering(*rules, chains=(), forward="ACCEPT"):
    declared = [":INPUT ACCEPT [0:0]", f":FORWARD {forward} [0:0]", ":OUTPUT ACCEPT [0:0]"]
    declared += [f":{name} - [0:0]" for name in chains]
    return "\n".join(["*filter", *declared, *rules, "COMMIT", ""])


def found(code, text, **more):
    problems = []
    ruleset = read(text, problems=problems)
    return [(f.line, f.message) for f in lint(ruleset, problems, select=[code], **more)]


SERVICES = (
    "-A PREROUTING -j KUBE-SERVICES",
    "-A OUTPUT -j KUBE-SERVICES",
    '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "ns/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAAAA',
    "-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-AAAAAAAAAAAAAAAA",
    "-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080",
)
OURS = ("KUBE-SERVICES", "KUBE-SVC-AAAAAAAAAAAAAAAA", "KUBE-SEP-AAAAAAAAAAAAAAAA")
HOSTPORT = (
    "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "-A CNI-HOSTPORT-DNAT -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.9:80",
)
TO_NODE_PORTS = '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS'
GUARD = "-A INPUT ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"

#: Code, a dump in which it is found, words of its message, and dumps in which it is not.
EXAMPLES = [
    (
        "NL101",
        nat(*HOSTPORT, *SERVICES, chains=(*OURS, "CNI-HOSTPORT-DNAT")),
        "PREROUTING translates before KUBE-SERVICES",
        [
            nat(*SERVICES, *HOSTPORT, chains=(*OURS, "CNI-HOSTPORT-DNAT")),
            nat(HOSTPORT[0], *SERVICES, chains=(*OURS, "CNI-HOSTPORT-DNAT")),
            nat(*HOSTPORT, chains=("CNI-HOSTPORT-DNAT",)),
        ],
    ),
    (
        "NL102",
        nat("-A PREROUTING -p tcp -j DNAT --to-destination 10.244.0.5:0"),
        "10.244.0.5:0",
        [nat(*SERVICES, chains=OURS), nat("-A PREROUTING -p tcp -j DNAT --to-destination 10.244.0.10:10")],
    ),
    (
        "NL102",
        nat("-A PREROUTING -p tcp -j DNAT --to-destination :0 --persistent --to-destination :0 --persistent"),
        "port 0",
        [],
    ),
    (
        "NL103",
        nat(
            *SERVICES[:3],
            "-A KUBE-SVC-AAAAAAAAAAAAAAAA -m statistic --mode random --probability 0.9 -j KUBE-SEP-AAAAAAAAAAAAAAAA",
            "-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-BBBBBBBBBBBBBBBB",
            SERVICES[4],
            SERVICES[4].replace("A" * 16, "B" * 16).replace("0.5:", "0.6:"),
            chains=(*OURS, "KUBE-SEP-BBBBBBBBBBBBBBBB"),
        ),
        "10.244.0.5:8080 90 % and 10.244.0.6:8080 10 %",
        [nat(*SERVICES, chains=OURS)],
    ),
    (
        "NL104",
        nat(*SERVICES[:3], chains=OURS),
        "10.96.0.1:80/tcp leads to KUBE-SVC-AAAAAAAAAAAAAAAA",
        [
            nat(*SERVICES, chains=OURS),
            nat(*SERVICES[:3], "-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-MARK-DROP", chains=(*OURS, "KUBE-MARK-DROP")),
        ],
    ),
    (
        "NL105",
        nat(*SERVICES, chains=(*OURS, "KUBE-SVC-BBBBBBBBBBBBBBBB")),
        "KUBE-SVC-BBBBBBBBBBBBBBBB",
        [nat(*SERVICES, chains=(*OURS, "KUBE-PROXY-CANARY", "KUBE-MARK-DROP", "OTHERS"))],
    ),
    (
        "NL106",
        nat(*SERVICES[1:], chains=OURS),
        "KUBE-SERVICES of table nat is not reached from PREROUTING",
        [nat(*SERVICES, chains=OURS), nat(chains=OURS)],
    ),
    (
        "NL107",
        filtering("-A INPUT -m mark --mark 0x1/0x1 -m mark --mark 0x0/0x1 -j DROP"),
        "no packet matches: -A INPUT -m mark --mark 0x1/0x1",
        [filtering("-A INPUT -m mark --mark 0x1/0x1 -m mark --mark 0x0/0x2 -j DROP")],
    ),
    (
        "NL107",
        filtering("-A INPUT -m mark --mark 0x5/0x4 -j DROP"),
        "no packet matches: -A INPUT -m mark --mark 0x5/0x4",
        [filtering("-A INPUT -m mark --mark 0x4/0x5 -j DROP")],
    ),
    (
        "NL107",
        filtering("-A INPUT -m statistic --mode random --probability 0.0 -j DROP"),
        "probability 0.00000000000",
        [filtering("-A INPUT -m statistic --mode random --probability 0.1 -j DROP")],
    ),
    (
        "NL107",
        filtering("-A OUTPUT -j MINE", "-A MINE -i eth0 -j DROP", chains=("MINE",)),
        "at OUTPUT they came in by no interface",
        [
            filtering("-A OUTPUT -j MINE", "-A INPUT -j MINE", "-A MINE -i eth0 -j DROP", chains=("MINE",)),
            filtering("-A OUTPUT -j MINE", "-A MINE ! -i eth0 -j DROP", chains=("MINE",)),
        ],
    ),
    (
        "NL108",
        filtering("-A INPUT -s 10.0.0.0/8 -p tcp -j ACCEPT", "-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j DROP"),
        "line 5 takes all its packets",
        [
            filtering("-A INPUT -s 10.1.0.0/16 -p tcp -j ACCEPT", "-A INPUT -s 10.0.0.0/8 -p tcp -j DROP"),
            filtering("-A INPUT -s 10.0.0.0/8 -p tcp -j LOG", "-A INPUT -s 10.1.0.0/16 -p tcp -j DROP"),
            filtering("-A INPUT -p tcp -m limit --limit 1/s -j ACCEPT", "-A INPUT -p tcp -j DROP"),
            filtering("-A INPUT -p tcp -m statistic --mode random --probability 0.5 -j ACCEPT", "-A INPUT -p tcp -j DROP"),
            filtering("-A INPUT -m mark --mark 0x1 -j ACCEPT", "-A INPUT -j MARK --set-mark 1", "-A INPUT -m mark --mark 0x1 -j DROP"),
            filtering("-A INPUT -m set --match-set trusted src -j ACCEPT", "-A INPUT -m set --match-set trusted src -j DROP"),
            filtering("-A INPUT -p tcp -j MINE", "-A INPUT -p tcp -j DROP", "-A MINE -s 10.0.0.1 -j RETURN", "-A MINE -j ACCEPT", chains=("MINE",)),
        ],
    ),
    (
        "NL108",
        filtering("-A INPUT -p tcp -j MINE", "-A INPUT -s 10.0.0.1 -p tcp -j DROP", "-A MINE -p tcp -j ACCEPT", chains=("MINE",)),
        "line 6 takes all its packets",
        [filtering("-A INPUT -j MINE", "-A INPUT -s 10.0.0.1 -j DROP", "-A MINE -p tcp -j ACCEPT", chains=("MINE",))],
    ),
    (
        "NL108",
        filtering("-A INPUT -m conntrack --ctstate NEW -j ACCEPT", "-A INPUT -p tcp -m conntrack --ctstate NEW -j DROP"),
        "line 5 takes all its packets",
        ["*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate UNTRACKED -j ACCEPT\n"
         "-A PREROUTING -j CT --notrack\n-A PREROUTING -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n"],
    ),
    (
        "NL109",
        nat(head="# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"),
        "iptables-legacy tables present",
        [nat(head="# Generated by iptables-save v1.8.9\n")],
    ),
    (
        "NL110",
        filtering("-A INPUT -m conntrack [unsupported revision] -j ACCEPT"),
        "-A INPUT -m conntrack [unsupported revision] -j ACCEPT",
        [filtering("-A INPUT -m conntrack --ctstate NEW -j ACCEPT")],
    ),
    (
        "NL111",
        nat(*SERVICES, chains=OURS) + filtering(),
        "FORWARD's policy is ACCEPT",
        [
            nat(*SERVICES, chains=OURS) + filtering(forward="DROP"),
            nat(
                *SERVICES[:3],
                "-A KUBE-SVC-AAAAAAAAAAAAAAAA ! -s 10.244.0.0/16 -d 10.96.0.1/32 -j MARK --set-xmark 0x4000/0x4000",
                *SERVICES[3:],
                "-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE",
                chains=OURS,
            )
            + filtering(),
        ],
    ),
    (
        "NL112",
        nat("-A PREROUTING -s 10.0.0.1 -j KUBE-MARK-DROP", chains=("KUBE-MARK-DROP",)) + filtering(),
        "KUBE-MARK-DROP marks nothing, and line 7 counts on it",
        [nat("-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000", chains=("KUBE-MARK-DROP",)) + filtering()],
    ),
    (
        "NL112",
        nat("-A PREROUTING -s 10.0.0.1 -j KUBE-MARK-DROP", "-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
            chains=("KUBE-MARK-DROP",)) + filtering("-A X -m mark --mark 0x8000/0x8000 -j DROP", chains=("X",)),
        "no rule of filter drops packets marked 0x8000",
        [
            nat("-A PREROUTING -s 10.0.0.1 -j KUBE-MARK-DROP", "-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
                chains=("KUBE-MARK-DROP",)) + filtering("-A INPUT -m mark --mark 0x8000/0x8000 -j DROP"),
        ],
    ),
    (
        "NL113",
        nat("-A PREROUTING -j MARK --set-xmark 0x4000/0x4000", "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
            chains=("KUBE-MARK-MASQ",)),
        "sets the bit 0x4000, which marks packets for masquerading",
        [nat("-A PREROUTING -j MARK --set-xmark 0x2000/0x2000", "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
             chains=("KUBE-MARK-MASQ",))],
    ),
    (
        "NL113",
        nat("-A POSTROUTING -j MARK --set-mark 0x1", "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
            chains=("KUBE-MARK-MASQ",)),
        "clears the bit 0x4000",
        [nat("-A PREROUTING -j MARK --set-mark 0x1", "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
             chains=("KUBE-MARK-MASQ",))],
    ),
    (
        "NL114",
        nat(*SERVICES, TO_NODE_PORTS, chains=(*OURS, "KUBE-NODEPORTS")) + filtering(),
        "node ports answer on 127.0.0.0/8",
        [
            nat(*SERVICES, TO_NODE_PORTS, chains=(*OURS, "KUBE-NODEPORTS")) + filtering(GUARD),
            nat(*SERVICES, TO_NODE_PORTS.replace("-m addr", "! -d 127.0.0.0/8 -m addr"), chains=(*OURS, "KUBE-NODEPORTS")),
            nat(*SERVICES, chains=OURS),
        ],
    ),
    (
        "NL115",
        nat("-A PREROUTING -d 169.254.169.254/32 -p tcp -j DNAT --to-destination 127.0.0.1:8181"),
        "127.0.0.1:8181",
        [nat("-A OUTPUT -d 169.254.169.254/32 -p tcp -j DNAT --to-destination 127.0.0.1:8181")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "bad", "words", "good"), EXAMPLES, ids=[e[0] + e[2][:20] for e in EXAMPLES])
def test_each_check(code, bad, words, good):
    findings = found(code, bad)
    assert len(findings) == 1
    assert words in findings[0][1]
    for text in good:
        assert found(code, text) == []


def test_every_check_has_an_example():
    assert {example[0] for example in EXAMPLES} == CODES.keys()


@pytest.mark.parametrize(("of", "value", "words", "answered"), [
    ("all", 1, "for net.ipv4.conf.all.route_localnet is 1", True),
    ("eth0", 1, "for net.ipv4.conf.eth0.route_localnet is 1", False),
    ("all", 0, None, False), ("lo", 1, "once route_localnet is 1", False),
])  # fmt: skip
def test_what_a_node_shows_of_route_localnet_decides(of, value, words, answered):
    sysctls = {f"net.ipv4.conf.{of}.route_localnet": value}
    open_ports = read(nat(*SERVICES, TO_NODE_PORTS, chains=(*OURS, "KUBE-NODEPORTS")) + filtering())
    messages = [finding.message for finding in lint(open_ports, sysctls=sysctls, select=["NL114"])]
    assert len(messages) == (words is not None)
    assert not words or words in messages[0]
    to_loopback = read(next(text for code, text, *_ in EXAMPLES if code == "NL115"))
    assert (lint(to_loopback, sysctls=sysctls, select=["NL115"]) == ()) is answered


def test_two_dumps_of_one_node_with_rules_each():
    legacy, nft = read(nat(*SERVICES, chains=OURS)), read(nat(*SERVICES, chains=OURS))
    assert [f.code for f in lint(nft, others=[legacy], select=["NL109"])] == ["NL109"]
    assert lint(nft, others=[read(nat())], select=["NL109"]) == ()


@pytest.mark.parametrize(("one", "other", "both"), [
    (" (nf_tables)", "", True), ("", "", False), (" (nf_tables)", " (nf_tables)", False),
])  # fmt: skip
def test_dumps_of_one_program_are_of_two_nodes(one, other, both):
    dumps = [
        read(
            nat(
                *SERVICES,
                chains=OURS,
                head=f"# Generated by iptables-save v1.8.9{says} on Sat Nov 21 06:00:00 2026\n",
            )
        )
        for says in (one, other)
    ]
    assert bool(lint(dumps[0], others=dumps[1:], select=["NL109"])) is both


def allowed(path):
    version = path.parent.parent.name if path.parent.name.isdigit() else path.parent.name.rpartition("-")[0]
    return TRUE.get(version.removesuffix("-rc.0"), set())


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_kube_proxys_own_rules_are_clean(path):
    assert {f.code for f in lint(read(path.read_text()))} - {"NL111"} <= allowed(path)


@pytest.mark.shared
@pytest.mark.parametrize("path", RECORDED, ids=case_id)
def test_recorded_nodes_are_clean(path):
    path = present(path)
    assert {f.code for f in lint(read(path.read_text()))} - {"NL111"} <= allowed(path)


def test_select_and_ignore_take_beginnings_of_codes():
    text = nat(*HOSTPORT, *SERVICES, TO_NODE_PORTS, chains=(*OURS, "KUBE-NODEPORTS", "CNI-HOSTPORT-DNAT"))
    ruleset = read(text + filtering())
    codes = [f.code for f in lint(ruleset)]
    assert codes == ["NL101", "NL111", "NL114"]
    assert [f.code for f in lint(ruleset, select=["nl11"], ignore=["NL111"])] == ["NL114"]
    with pytest.raises(UsageError, match="'NL9' is no code"):
        lint(ruleset, select=["NL9"])


def test_what_cannot_be_read_is_an_error_and_no_finding():
    problems = []
    ruleset = read(filtering("-A INPUT --nonsense"), problems=problems)
    with pytest.raises(DumpError, match="nonsense"):
        lint(ruleset, problems)


def test_every_check_says_why():
    for check in CHECKS:
        assert check.why.endswith(".")
        assert not check.thread or "#" in check.thread

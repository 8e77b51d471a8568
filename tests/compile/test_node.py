"""What iptables commands and restores leave on a node, kubelet's and kube-proxy's own among them."""

import pytest

from natc.compile import ProxyConfig, node_text
from natc.compile.node import NodeTables
from natc.netfilter.hooks import BUILTIN_CHAINS
from tests.compile.objects import cluster


def chains_of(text, table):
    block = text.partition(f"*{table}\n")[2].partition("COMMIT")[0]
    return {line[1:].split()[0] for line in block.splitlines() if line.startswith(":")} - set(
        BUILTIN_CHAINS[table]
    )


def rules_in(text, chain):
    return [line for line in text.splitlines() if line.startswith(f"-A {chain} ")]


def node(version, **settings):
    return node_text(cluster(), ProxyConfig(kube_version=version, **settings))


def tables_of(text):
    return [line[1:] for line in text.splitlines() if line.startswith("*")]


# ---- commands


def test_prepending_and_appending_happen_once():
    tables = NodeTables()
    for _ in range(2):
        tables.prepend("filter", "INPUT", "-j ACCEPT")
        tables.prepend("filter", "INPUT", "-j DROP")
        tables.append("filter", "INPUT", "-j RETURN")
    assert rules_in(tables.text("#"), "INPUT") == [
        "-A INPUT -j DROP",
        "-A INPUT -j ACCEPT",
        "-A INPUT -j RETURN",
    ]


def test_a_restore_empties_the_chains_it_names_and_no_others():
    tables = NodeTables()
    tables.append("nat", "A", "-j OLD")
    tables.append("nat", "B", "-j OLD")
    tables.restore("nat", [":A - [0:0]", ":C - [0:0]", ":A - [0:0]"], ["-A A -j NEW", "-A C -j NEW"])
    assert tables.tables["nat"]["A"] == ["-A A -j NEW"]
    assert tables.tables["nat"]["B"] == ["-A B -j OLD"]
    assert tables.tables["nat"]["C"] == ["-A C -j NEW"]


def test_the_newest_table_stands_first():
    tables = NodeTables()
    for table in ("mangle", "nat", "filter", "nat"):
        tables.make_chain(table, "X")
    assert tables_of(tables.text("# remark")) == ["filter", "nat", "mangle"]
    assert tables.text("# remark").count("# remark\n*") == 3


# ---- kube-proxy alone


@pytest.mark.parametrize(
    ("version", "tables"),
    [
        ("1.16", ["nat", "filter"]),
        ("1.17", ["filter", "nat", "mangle"]),
        ("1.30", ["filter", "nat", "mangle"]),
    ],
)
def test_canaries_and_table_order(version, tables):
    text = node(version)
    assert tables_of(text) == tables
    for table in tables:
        assert ("KUBE-PROXY-CANARY" in chains_of(text, table)) is (len(tables) == 3)


@pytest.mark.parametrize(
    ("version", "forward"),
    [
        ("1.19", ["KUBE-FORWARD", "KUBE-SERVICES"]),
        ("1.20", ["KUBE-FORWARD", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"]),
        ("1.25", ["KUBE-PROXY-FIREWALL", "KUBE-FORWARD", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"]),
    ],
)
def test_jumps_stand_in_reverse_order(version, forward):
    assert [rule.split()[-1] for rule in rules_in(node(version), "FORWARD")] == forward


@pytest.mark.parametrize(
    ("version", "last"),
    [
        ("1.26", "KUBE-EXTERNAL-SERVICES"),
        ("1.27", "KUBE-EXTERNAL-SERVICES"),
        ("1.30", "KUBE-EXTERNAL-SERVICES"),
    ],
)
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_firewall_jumps(version, last, family):
    found = [rule.split()[-1] for rule in rules_in(node(version, ip_family=family), "INPUT")]
    assert found[-1] == last
    assert (found[0] == "KUBE-FIREWALL") is (version != "1.26")


@pytest.mark.parametrize(
    ("version", "there"), [("1.19", False), ("1.20", True), ("1.24", True), ("1.25", False)]
)
def test_mark_drop_chain(version, there):
    assert ("KUBE-MARK-DROP" in chains_of(node(version), "nat")) is there


# ---- kubelet first


@pytest.mark.parametrize(
    ("version", "tables"),
    [
        ("1.16", ["filter", "nat"]),
        ("1.17", ["mangle", "filter", "nat"]),
        ("1.27", ["mangle", "filter", "nat"]),
        ("1.28", ["filter", "nat", "mangle"]),
    ],
)
def test_table_order_with_kubelet(version, tables):
    assert tables_of(node(version, with_kubelet=True)) == tables


@pytest.mark.parametrize(
    ("version", "chains"),
    [
        ("1.17.2", {"KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY"}),
        ("1.17", {"KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY"}),
        ("1.18.2", {"KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY"}),
        ("1.24", {"KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY", "KUBE-IPTABLES-HINT"}),
        ("newer", {"KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY", "KUBE-IPTABLES-HINT"}),
    ],
)
def test_mangle_with_kubelet(version, chains):
    assert chains_of(node(version, with_kubelet=True), "mangle") == chains


@pytest.mark.parametrize(
    ("version", "family", "marked", "localnet"),
    [
        ("1.16.10", "ipv4", 1, 0),
        ("1.16.11", "ipv4", 1, 1),
        ("1.17.6", "ipv4", 1, 0),
        ("1.17.7", "ipv4", 1, 1),
        ("1.18.3", "ipv4", 1, 0),
        ("1.18.4", "ipv4", 1, 1),
        ("1.19", "ipv4", 1, 1),
        ("1.19", "ipv6", 1, 0),
        ("1.26", "ipv4", 1, 1),
        ("1.27", "ipv4", 0, 1),
        ("1.27", "ipv6", 1, 0),
        ("1.28", "ipv4", 0, 1),
        ("1.28", "ipv6", 0, 0),
    ],
)
def test_kubelets_firewall(version, family, marked, localnet):
    text = "\n".join(rules_in(node(version, with_kubelet=True, ip_family=family), "KUBE-FIREWALL"))
    assert (text.count("marked packets"), text.count("localnet")) == (marked, localnet)


def test_kubelets_jumps_stay_below_kube_proxys():
    text = node("1.30", with_kubelet=True)
    in_filter = text.partition("*filter\n")[2].partition("COMMIT")[0]
    for chain in ("INPUT", "OUTPUT"):
        assert rules_in(in_filter, chain)[-1] == f"-A {chain} -j KUBE-FIREWALL"
    assert len(rules_in(text, "POSTROUTING")) == 1


def test_kubelets_marks_do_not_follow_kube_proxys():
    text = node("1.24", with_kubelet=True, masquerade_bit=3)
    assert rules_in(text, "KUBE-MARK-DROP") == ["-A KUBE-MARK-DROP -j MARK --or-mark 0x00008000"]
    assert rules_in(text, "KUBE-MARK-MASQ") == ["-A KUBE-MARK-MASQ -j MARK --or-mark 0x00000008"]


def test_the_text_says_how_sure_it_is():
    assert "kube-proxy 1.15: layout 1.15, read from sources" in node("1.15")
    assert "ip6tables-save" in node("1.30", ip_family="ipv6").splitlines()[0]

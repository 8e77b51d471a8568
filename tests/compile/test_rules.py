"""The rules themselves: what the specification says and recorded clusters show seldom or never."""

import pytest

from natc.compile import ProxyConfig, restore_text
from natc.compile import compile as compile_cluster
from natc.errors import ManifestError, UsageError
from natc.kube.model import Endpoint, EndpointPort, EndpointSlice, IngressAddress, ServicePort
from tests.compile.objects import cluster, endpoint, lines, load_balancer, node, piece, rules, service

ONE = piece(endpoint("10.244.0.5", node_name="node1"))
POD_CIDR = {"cluster_cidr": "10.244.0.0/16"}
VERSIONS = ("1.14", "1.17", "1.18", "1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.27", "1.30", "newer")


def test_the_seed_service_in_the_oldest_layout():
    of = cluster(
        service(
            "nodeport-svc",
            type="NodePort",
            cluster_ip="10.105.182.209",
            ports=(ServicePort(3000, node_port=30090, target_port=8080),),
        ),
        piece(endpoint("10.244.0.23"), endpoint("10.244.2.14"), service="nodeport-svc"),
    )
    chain = "KUBE-SVC-GFPAJ7EGCNM4QF4H"
    first, second = "KUBE-SEP-TWG53VPX4RADGFC6", "KUBE-SEP-YUA4WPOUSEKJIAM2"
    ruleset = compile_cluster(of, ProxyConfig(kube_version="1.14", **POD_CIDR))
    saved = {
        name: [rule.save() for rule in chain.rules] for name, chain in ruleset.tables["nat"].chains.items()
    }
    port = '-p tcp -m comment --comment "default/nodeport-svc:" -m tcp --dport 30090'
    cluster_ip = '-d 10.105.182.209/32 -p tcp -m comment --comment "default/nodeport-svc: cluster IP" -m tcp --dport 3000'
    assert saved["KUBE-NODEPORTS"] == [
        f"-A KUBE-NODEPORTS {port} -j KUBE-MARK-MASQ",
        f"-A KUBE-NODEPORTS {port} -j {chain}",
    ]
    assert saved["KUBE-SERVICES"][:2] == [
        f"-A KUBE-SERVICES ! -s 10.244.0.0/16 {cluster_ip} -j KUBE-MARK-MASQ",
        f"-A KUBE-SERVICES {cluster_ip} -j {chain}",
    ]
    assert saved[chain] == [
        f"-A {chain} -m statistic --mode random --probability 0.50000000000 -j {first}",
        f"-A {chain} -j {second}",
    ]
    assert saved[first] == [
        f"-A {first} -s 10.244.0.23/32 -j KUBE-MARK-MASQ",
        f"-A {first} -p tcp -m tcp -j DNAT --to-destination 10.244.0.23:8080",
    ]


# ---- masquerading


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("settings", "senders"),
    [
        ({}, None),
        (POD_CIDR, "! -s 10.244.0.0/16 "),
        ({**POD_CIDR, "masquerade_all": True}, ""),
        ({"masquerade_all": True}, ""),
    ],
)
def test_cluster_ip_traffic_that_is_masqueraded(version, settings, senders):
    marked = [
        rule for rule in rules(cluster(service(), ONE), "cluster IP", version, **settings) if "MASQ" in rule
    ]
    assert [rule.partition("--dport 80 ")[2].removesuffix("-j KUBE-MARK-MASQ") for rule in marked] == (
        [] if senders is None else [senders]
    )


@pytest.mark.parametrize(
    ("version", "chain"),
    [("1.21", "KUBE-SERVICES"), ("1.22", "KUBE-SVC-"), ("1.24", "KUBE-SVC-"), ("1.30", "KUBE-SVC-")],
)
def test_where_cluster_ip_traffic_is_masqueraded(version, chain):
    of = cluster(service(), ONE)
    (rule,) = [r for r in rules(of, "cluster IP", version, masquerade_all=True) if "MASQ" in r]
    assert rule.startswith(f"-A {chain}")


def test_internal_policy_local_masquerades_in_its_own_chain():
    of = cluster(service(internal_traffic_policy="Local"), ONE)
    found = rules(of, "cluster IP", masquerade_all=True, hostname_override="node1")
    assert [rule.split()[1][:9] for rule in found if "MASQ" in rule] == ["KUBE-SVL-"]


@pytest.mark.parametrize(
    ("version", "settings", "marks"),
    [
        ("1.20", {}, [""]),
        ("1.20", POD_CIDR, [""]),
        ("1.21", {}, [""]),
        ("1.21", POD_CIDR, ["! -s 10.244.0.0/16 "]),
        ("1.23", {**POD_CIDR, "masquerade_all": True}, ["! -s 10.244.0.0/16 "]),
        ("1.24", POD_CIDR, []),
    ],
)
def test_external_ip_traffic_that_is_masqueraded(version, settings, marks):
    of = cluster(service(external_ips=("198.51.100.1",)), ONE)
    found = [rule for rule in rules(of, "external IP", version, **settings) if "MASQ" in rule]
    assert [rule.partition("--dport 80 ")[2].removesuffix("-j KUBE-MARK-MASQ") for rule in found] == marks


@pytest.mark.parametrize(
    ("version", "gates", "local"),
    [
        ("1.17", {}, False),
        ("1.18", {}, False),
        ("1.18", {"ExternalPolicyForExternalIP": True}, True),
        ("1.19", {}, True),
        ("1.19", {"ExternalPolicyForExternalIP": False}, False),
        ("1.22", {"ExternalPolicyForExternalIP": False}, True),
    ],
)
def test_policy_local_for_external_ips(version, gates, local):
    of = cluster(load_balancer(external_traffic_policy="Local", external_ips=("198.51.100.1",)), ONE)
    found = rules(of, "external IP", version, feature_gates=gates)
    assert any("MASQ" in rule for rule in found) is not local
    assert found[-1].split()[-1].startswith("KUBE-XLB-" if local else "KUBE-SVC-")


@pytest.mark.parametrize(("bit", "mark"), [(0, "0x00000001"), (14, "0x00004000"), (31, "0x80000000")])
def test_masquerade_bit(bit, mark):
    assert f"-A KUBE-MARK-MASQ -j MARK --or-mark {mark}" in lines(cluster(), masquerade_bit=bit)
    assert f"-A KUBE-MARK-MASQ -j MARK --set-xmark {mark}/{mark}" in lines(
        cluster(), "1.18.5", masquerade_bit=bit
    )


# ---- local detectors


@pytest.mark.parametrize(
    ("settings", "local"),
    [
        ({"cluster_cidr": "10.244.0.0/16,fd00:10::/48"}, "-s 10.244.0.0/16"),
        ({"cluster_cidr": "fd00:10::/48,10.244.0.0/16"}, "-s 10.244.0.0/16"),
        ({"cluster_cidr": "fd00:10::/48"}, None),
        ({"detect_local_mode": "", "cluster_cidr": "10.244.00.7/16"}, "-s 10.244.0.0/16"),
        ({"version": "1.29", "cluster_cidr": "10.244.00.7/16"}, "-s 10.244.00.7/16"),  # as it was given
        ({"detect_local_mode": "none", "cluster_cidr": "10.244.0.0/16"}, None),
        ({"detect_local_mode": "NodeCIDR"}, "-s 10.244.1.0/24"),
        ({"detect_local_mode": "NodeCIDR", "hostname_override": "node2"}, None),
        ({"detect_local_mode": "BridgeInterface", "pod_bridge_interface": "cni0"}, "-i cni0"),
        ({"detect_local_mode": "InterfaceNamePrefix", "pod_interface_name_prefix": "veth"}, "-i veth+"),
    ],
)
def test_local_detector(settings, local):
    of = cluster(
        load_balancer(external_traffic_policy="Local"),
        ONE,
        nodes=[node("node1", pod_cidrs=("10.244.1.0/24", "fd00:10:1::/64"))],
    )
    settings = {"hostname_override": "node1", **settings}
    pod_traffic = rules(of, "pod traffic for", **settings)
    masqueraded = [rule for rule in rules(of, "cluster IP", **settings) if "MASQ" in rule]
    if local is None:
        assert not pod_traffic
        assert not masqueraded
    else:
        assert f'destinations" {local} -j KUBE-SVC-' in pod_traffic[0]
        assert f"--dport 80 ! {local} -j" in masqueraded[0]


# ---- load balancers

RANGES = ("192.168.7.0/24", "10.0.0.0/8")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("node_ip", "allowed"), [("192.168.7.3", 1), ("172.16.0.1", 0), ("", 0)])
def test_the_node_itself_is_allowed_where_a_range_holds_its_address(version, node_ip, allowed):
    of = cluster(load_balancer(load_balancer_source_ranges=RANGES), ONE)
    found = rules(of, "loadbalancer IP", version, node_ip=node_ip)
    assert sum("-s 203.0.113.1" in rule for rule in found) == allowed
    assert [rule.split(" -s ")[1].split()[0] for rule in found if " -s " in rule][:2] == list(RANGES)


def test_unknown_node_address_counts_as_the_loopback_address():
    of = cluster(load_balancer(load_balancer_source_ranges=("127.0.0.0/8",)), ONE)
    assert any("-s 203.0.113.1" in rule for rule in rules(of, "loadbalancer IP"))


TWO_VIPS = {"vips": ("203.0.113.1", "203.0.113.2")}


@pytest.mark.parametrize(
    ("version", "ranges", "firewall", "targets"),
    [
        ("1.23", (), 6, ["KUBE-FW-", "KUBE-FW-"]),
        ("1.24", (), 0, ["KUBE-EXT-", "KUBE-EXT-"]),
        ("1.24", RANGES, 6, ["KUBE-FW-", "KUBE-FW-"]),
        ("1.25", RANGES, 2, ["KUBE-FW-", "KUBE-FW-"]),
        ("1.27", RANGES, 3, ["KUBE-FW-", "KUBE-FW-"]),
        ("1.30", (), 0, ["KUBE-EXT-", "KUBE-EXT-"]),
    ],
)
def test_firewall_chain(version, ranges, firewall, targets):
    of = cluster(load_balancer(**TWO_VIPS, load_balancer_source_ranges=ranges), ONE)
    assert len(rules(of, "-A KUBE-FW-", version)) == firewall
    jumps = [r for r in rules(of, "loadbalancer IP", version) if r.startswith("-A KUBE-SERVICES")]
    assert [jump.split()[-1][: len(targets[0])] for jump in jumps] == targets


def test_ranges_of_the_other_family_are_no_ranges():
    of = cluster(load_balancer(load_balancer_source_ranges=("fd00::/8",)), ONE)
    assert not rules(of, "KUBE-FW-")


def test_a_status_left_over_is_programmed():
    of = cluster(service(vips=("203.0.113.9",)), ONE)
    assert rules(of, "-d 203.0.113.9 --dport 80 -j KUBE-EXT-")


@pytest.mark.parametrize("text", [" 10.0.0.0/8", "nonsense"])
def test_versions_that_crash_on_a_range(text):
    of = cluster(load_balancer(load_balancer_source_ranges=(text,)), ONE)
    with pytest.raises(ManifestError, match="crashes on the load balancer source range"):
        restore_text(of, ProxyConfig(kube_version="1.19"))
    assert lines(of, "1.20")


# ---- nothing to send to


@pytest.mark.parametrize(
    ("version", "chain"),
    [("1.19", "KUBE-SERVICES"), ("1.20", "KUBE-EXTERNAL-SERVICES"), ("1.30", "KUBE-EXTERNAL-SERVICES")],
)
def test_load_balancer_ip_without_endpoints(version, chain):
    (rule,) = rules(cluster(load_balancer()), "203.0.113.1", version)
    assert rule.startswith(f"-A {chain} ")
    assert rule.endswith("-j REJECT")


@pytest.mark.parametrize(
    ("version", "chain", "verdict"),
    [
        ("1.23", "-A KUBE-XLB-", "KUBE-MARK-DROP"),
        ("1.24", "-A KUBE-SVL-", "KUBE-MARK-DROP"),
        ("1.25", "-A KUBE-EXTERNAL-SERVICES", "DROP"),
    ],
)
def test_policy_local_without_a_local_endpoint(version, chain, verdict):
    found = rules(
        cluster(load_balancer(external_traffic_policy="Local"), ONE), "has no local endpoints", version
    )
    assert found
    assert all(rule.startswith(chain) and rule.endswith(f"-j {verdict}") for rule in found)


def test_1_24_jumps_to_an_empty_local_chain_all_the_same():
    of = cluster(service(internal_traffic_policy="Local"), ONE)
    mark, drop = rules(of, "-A KUBE-SVL-", "1.24", **POD_CIDR)
    assert mark.endswith("! -s 10.244.0.0/16 -j KUBE-MARK-MASQ")
    assert drop.endswith("-j KUBE-MARK-DROP")
    assert rules(of, "cluster IP", "1.24")[0].split()[-1].startswith("KUBE-SVL-")
    assert not rules(of, "has no local endpoints", "1.24", hostname_override="node1")


def test_xlb_chain_is_declared_without_endpoints():
    text = lines(cluster(load_balancer(external_traffic_policy="Local")), "1.20")
    assert any(line.startswith(":KUBE-XLB-") for line in text)
    assert not any(line.startswith("-A KUBE-XLB-") for line in text)


# ---- counters and sysctls


def test_nfacct_counts_where_the_kernel_offers_it():
    of = cluster(load_balancer(), ONE)
    with_counters = lines(of, "newer", nfacct=True)
    counted = [line for line in with_counters if "nfacct" in line]
    assert counted == [
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP",
        "-A KUBE-NODEPORTS -m comment --comment default/web -m tcp -p tcp -d 127.0.0.0/8 --dport 30080 "
        "-m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-" + counted[1].rpartition("-")[2],
    ]
    assert not any("nfacct" in line for line in lines(of, "1.30", nfacct=True))
    for settings in ({"localhost_nodeports": False}, {"nodeport_addresses": ("10.0.0.0/16",)}):
        assert len(rules(of, "localhost_nps", "newer", nfacct=True, **settings)) == 0


@pytest.mark.parametrize(
    ("version", "liberal", "drops"),
    [("1.14", False, 0), ("1.15", False, 1), ("1.28", True, 1), ("1.29", True, 0), ("1.29", False, 1)],
)
def test_invalid_packets(version, liberal, drops):
    assert len(rules(cluster(), "INVALID", version, conntrack_tcp_be_liberal=liberal)) == drops


@pytest.mark.parametrize(
    ("version", "settings", "rule"),
    [("1.26", {}, 0), ("1.27", {}, 1), ("1.27", {"ip_family": "ipv6"}, 0), ("1.27", {"localhost_nodeports": False}, 0),
     ("1.30", {"nodeport_addresses": ("10.0.0.0/8",)}, 0), ("1.30", {"nodeport_addresses": ("127.0.0.1/32",)}, 1)],
)  # fmt: skip
def test_localnet_rule(version, settings, rule):
    assert len(rules(cluster(), "block incoming localnet", version, **settings)) == rule
    assert (":KUBE-FIREWALL - [0:0]" in lines(cluster(), version, **settings)) is bool(rule)


def test_forward_rules_follow_the_cluster_cidr_up_to_1_17():
    assert len(rules(cluster(), "pod source rule", "1.17")) == 0
    assert len(rules(cluster(), "-s 10.244.0.0/16", "1.17", **POD_CIDR)) == 1
    assert len(rules(cluster(), "-d 10.244.0.0/16", "1.17", **POD_CIDR)) == 1
    assert len(rules(cluster(), "pod source rule", "1.18")) == 1


# ---- large clusters


def many(count, *, ready=True):
    addresses = (f"10.244.{n // 250}.{n % 250 + 1}" for n in range(count))
    return piece(*(endpoint(a, ready=ready) for a in addresses), name=f"many-{ready}")


@pytest.mark.parametrize(("count", "commented"), [(1000, True), (1001, False)])
def test_comments_go_beyond_a_thousand_endpoints(count, commented):
    text = lines(cluster(service(), many(count)))
    assert any("--comment default/web -s" in line for line in text) is commented
    assert any('--comment "default/web -> ' in line for line in text) is commented


@pytest.mark.parametrize(("version", "commented"), [("1.20", True), ("1.21", False), ("1.30", False)])
def test_unready_endpoints_count_from_1_21(version, commented):
    of = cluster(service(), many(1001, ready=False), ONE)
    assert any("--comment default/web -s" in line for line in lines(of, version)) is commented


def test_endpoints_of_unknown_services_do_not_count():
    other = many(1001)
    of = cluster(service("small"), piece(endpoint(), service="small"), other)
    assert rules(of, "--comment default/small -s")


@pytest.mark.parametrize(("version", "commented"), [("1.22", True), ("1.23", False)])
def test_xlb_comments_in_large_clusters(version, commented):
    of = cluster(
        load_balancer(external_traffic_policy="Local", session_affinity="ClientIP"),
        many(1001),
        piece(endpoint("10.0.0.1", node_name="node1")),
    )
    found = [rule for rule in rules(of, "-A KUBE-XLB-", version, hostname_override="node1") if "SEP" in rule]
    assert len(found) == 2
    assert all("--comment" in rule for rule in found) is commented


# ---- odds


@pytest.mark.parametrize(
    ("version", "odds"), [("1.16", "0.33333"), ("1.17", "0.3333333333"), ("1.30", "0.3333333333")]
)
def test_digits_of_odds(version, odds):
    of = cluster(service(), piece(*(endpoint(f"10.0.0.{n}") for n in range(3))))
    assert rules(of, "--probability", version)[0].split("--probability ")[1].split()[0] == odds


# ---- what cannot be restored


def test_versions_that_need_kubelets_chain():
    of = cluster(load_balancer(), ONE)
    with pytest.raises(UsageError, match="counts on kubelet's chain KUBE-MARK-DROP"):
        compile_cluster(of, ProxyConfig(kube_version="1.19"))
    assert compile_cluster(of, ProxyConfig(kube_version="1.19", with_kubelet=True))
    assert compile_cluster(of, ProxyConfig(kube_version="1.20"))


def test_load_balancer_ips_that_break_the_restore_up_to_1_17():
    of = cluster(load_balancer(ingress=(IngressAddress("2001:db8::1"),)), ONE)
    with pytest.raises(UsageError, match="2001:db8::1"):
        compile_cluster(of, ProxyConfig(kube_version="1.17", with_kubelet=True))
    assert compile_cluster(of, ProxyConfig(kube_version="1.18", with_kubelet=True))


def test_what_iptables_restore_would_refuse_is_an_error_with_its_rule():
    of = cluster(service(), ONE)
    with pytest.raises(UsageError, match="iptables-restore would refuse") as error:
        compile_cluster(of, ProxyConfig(kube_version="1.29", cluster_cidr="10.0.0.09/8"))
    assert "! -s 10.0.0.09/8 -j KUBE-MARK-MASQ" in error.value.render()


def test_userspace_mode_has_no_restore_text():
    with pytest.raises(UsageError, match="userspace"):
        restore_text(cluster(), ProxyConfig(kube_version="1.18", proxy_mode="userspace"))


# ---- whole texts


def test_ports_of_one_name_and_two_protocols_are_two_service_ports():
    of = cluster(
        service(ports=(ServicePort(53, "dns", "UDP"), ServicePort(53, "dns-tcp", "TCP"))),
        EndpointSlice(
            "default", "web-a", "web", "IPv4",
            (EndpointPort("dns", "UDP", 53), EndpointPort("dns-tcp", "TCP", 53)), (Endpoint(("10.0.0.1",)),),
        ),
    )  # fmt: skip
    assert len(rules(of, "-j DNAT")) == 2


def test_an_empty_cluster():
    text = restore_text(cluster(), ProxyConfig(kube_version="1.30", **POD_CIDR))
    assert text.startswith("*filter\n:KUBE-SERVICES - [0:0]\n")
    assert text.endswith("-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\nCOMMIT\n")
    assert text.count("COMMIT\n") == 2

"""Userspace mode (history E)."""

import pytest

from natc.compile import ProxyConfig, node_text
from natc.compile import compile as compile_cluster
from natc.errors import UsageError
from natc.kube.model import ServicePort
from tests.compile.objects import cluster, endpoint, load_balancer, piece, service

NODE = {"node_ip": "192.168.7.3", "proxy_port_range": "40000-40009"}


def portals(of, version="1.18", **settings):
    config = ProxyConfig(kube_version=version, proxy_mode="userspace", **{**NODE, **settings})
    return [line for line in node_text(of, config).splitlines() if line.startswith("-A KUBE-")]


def rule(chain, match, to):
    return f"-A KUBE-{chain} {match} {to}"


def test_every_kind_of_traffic():
    of = cluster(load_balancer(external_ips=("198.51.100.1",)))
    to_port = '-m comment --comment "default/web:" -p tcp -m tcp --dport'
    redirect, dnat = "-j REDIRECT --to-ports 40000", "-j DNAT --to-destination 192.168.7.3:40000"
    external = f"{to_port} 80 -d 198.51.100.1/32"
    assert sorted(portals(of)) == sorted(
        [
            rule("PORTALS-CONTAINER", f"{to_port} 80 -d 10.96.0.1/32", redirect),
            rule("PORTALS-HOST", f"{to_port} 80 -d 10.96.0.1/32", dnat),
            rule("PORTALS-CONTAINER", f"{external} -m physdev ! --physdev-is-in", redirect),
            rule("PORTALS-CONTAINER", f"{external} -m addrtype --dst-type LOCAL", redirect),
            rule("PORTALS-HOST", f"{external} -m addrtype --dst-type LOCAL", dnat),
            rule("PORTALS-CONTAINER", f"{to_port} 80 -d 203.0.113.1/32", redirect),
            rule("PORTALS-HOST", f"{to_port} 80 -d 203.0.113.1/32", dnat),
            rule("NODEPORT-CONTAINER", f"{to_port} 30080", redirect),
            rule("NODEPORT-HOST", f"{to_port} 30080", dnat),
            rule("NODEPORT-NON-LOCAL", f"{to_port} 40000", "-m state --state NEW -j ACCEPT"),
        ]
    )


def test_endpoints_do_not_show():
    assert portals(cluster(service())) == portals(cluster(service(), piece(endpoint())))


def test_ports_are_handed_out_in_object_order_and_not_to_sctp():
    of = cluster(
        service("z", ports=(ServicePort(9, "b"), ServicePort(8, "s", "SCTP"), ServicePort(7, "a", "UDP"))),
        service("headless", cluster_ip="None"),
        service("a"),
    )
    targets = [line.split('"')[1] + " " + line.split()[-1] for line in portals(of) if "REDIRECT" in line]
    assert targets == ["default/z:b 40000", "default/z:a 40001", "default/a: 40002"]


@pytest.mark.parametrize(
    ("bind", "container", "host"),
    [
        ("0.0.0.0", "-j REDIRECT --to-ports 40000", "-j DNAT --to-destination 192.168.7.3:40000"),
        ("10.1.2.3", "-j DNAT --to-destination 10.1.2.3:40000", "-j DNAT --to-destination 10.1.2.3:40000"),
    ],
)
def test_bind_address(bind, container, host):
    first, second = portals(cluster(service()), bind_address=bind)
    assert first.endswith(container)
    assert second.endswith(host)


def test_ipv6():
    found = portals(
        cluster(service(cluster_ip="fd00::a")), ip_family="ipv6", node_ip="fd00:7::3", bind_address="::"
    )
    assert found[0].endswith("-d fd00::a/128 -j REDIRECT --to-ports 40000")
    assert found[1].endswith("-j DNAT --to-destination [fd00:7::3]:40000")


@pytest.mark.parametrize(("version", "name"), [("1.18", "default/web:"), ("1.19", "default/web")])
def test_names_by_version(version, name):
    assert f'--comment "{name}" ' in portals(cluster(service()), version)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kube_version": "1.26"}, "has no userspace mode"),
        ({"kube_version": "newer"}, "has no userspace mode"),
        ({"proxy_port_range": ""}, "port of kube-proxy's own"),
        ({"proxy_port_range": "40000"}, "port of kube-proxy's own"),
        ({"node_ip": ""}, "needs the node's address"),
    ],
)
def test_refused(settings, message):
    config = ProxyConfig(**{"kube_version": "1.25", "proxy_mode": "userspace", **NODE, **settings})
    with pytest.raises(UsageError, match=message):
        compile_cluster(cluster(service("a"), service("b")), config)

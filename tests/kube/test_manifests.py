"""Manifests in all their wrappings become one cluster; what is wrong is said with its place."""

import gzip
import json
import time

import pytest

from natc.errors import ErrorList, ManifestError, NatcError
from natc.kube import model
from natc.kube.manifests import load, load_paths
from natc.kube.sources import MAX_BYTES, Source
from tests.kube.objects import cluster, endpoints, piece, pod, service

WEB = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  clusterIP: 10.96.0.1
  ports:
  - port: 80
"""


def load_text(text, name="web.yaml"):
    return load([Source(name, text)])


def error_of(*texts):
    with pytest.raises(NatcError) as caught:
        load([Source(f"{number}.yaml", text) for number, text in enumerate(texts, 1)])
    return caught.value


def test_the_defaults_are_the_api_servers():
    assert cluster(service()).services == (
        model.Service(
            namespace="default",
            name="web",
            type="ClusterIP",
            cluster_ip="10.96.0.1",
            cluster_ips=("10.96.0.1",),
            ip_families=("IPv4",),
            ports=(model.ServicePort(80, "", "TCP", 0, None),),
            external_traffic_policy="",
            internal_traffic_policy="Cluster",
            session_affinity="None",
        ),
    )
    reachable = cluster(service(externalIPs=["192.0.2.1"], sessionAffinity="ClientIP")).services[0]
    assert (reachable.external_traffic_policy, reachable.affinity_timeout) == ("Cluster", 10800)
    balanced = cluster(
        service(type="LoadBalancer", status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
    )
    assert balanced.services[0].ingress == (model.IngressAddress("192.0.2.1", "", "VIP"),)
    assert cluster(piece()).endpoint_slices[0].ports == (model.EndpointPort("", "TCP", 8080),)


def test_every_field_of_a_service_arrives():
    spec = {
        "type": "LoadBalancer",
        "clusterIP": "10.96.0.1",
        "clusterIPs": ["10.96.0.1", "FD00::1"],
        "ipFamilies": ["IPv4", "IPv6"],
        "ports": [{"name": "a", "port": 80, "protocol": "UDP", "nodePort": 30080, "targetPort": "http"}],
        "externalIPs": ["192.0.2.1"],
        "loadBalancerSourceRanges": [" 10.0.0.1/8 "],
        "externalTrafficPolicy": "Local",
        "internalTrafficPolicy": "Local",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "healthCheckNodePort": 31000,
        "publishNotReadyAddresses": True,
        "topologyKeys": ["kubernetes.io/hostname", "*"],
        "trafficDistribution": "PreferClose",
        "selector": {"app": "web"},
    }
    ingress = [{"ip": "192.0.2.9", "ipMode": "Proxy"}, {"hostname": "lb.example.com"}]
    manifest = service(
        **spec, namespace="shop", annotations={"a": "b"}, status={"loadBalancer": {"ingress": ingress}}
    )
    assert cluster(manifest).services == (
        model.Service(
            namespace="shop",
            name="web",
            type="LoadBalancer",
            cluster_ip="10.96.0.1",
            cluster_ips=("10.96.0.1", "FD00::1"),
            ip_families=("IPv4", "IPv6"),
            ports=(model.ServicePort(80, "a", "UDP", 30080, "http"),),
            external_ips=("192.0.2.1",),
            ingress=(
                model.IngressAddress("192.0.2.9", "", "Proxy"),
                model.IngressAddress("", "lb.example.com"),
            ),
            load_balancer_source_ranges=(" 10.0.0.1/8 ",),
            external_traffic_policy="Local",
            internal_traffic_policy="Local",
            session_affinity="ClientIP",
            affinity_timeout=60,
            health_check_node_port=31000,
            publish_not_ready_addresses=True,
            topology_keys=("kubernetes.io/hostname", "*"),
            traffic_distribution="PreferClose",
            selector={"app": "web"},
            annotations={"a": "b"},
        ),
    )


def test_slices_of_both_ages_arrive():
    new = {
        "addresses": ["10.244.0.5", "10.244.0.6"],
        "conditions": {"ready": False, "serving": True, "terminating": True},
        "nodeName": "node1",
        "hostname": "web-0",
        "hints": {"forZones": [{"name": "a"}], "forNodes": [{"name": "node1"}]},
    }
    old = {"addresses": ["10.244.0.7"], "topology": {"kubernetes.io/hostname": "node2"}}
    found = cluster(
        piece(endpoints=[new]),
        piece(
            endpoints=[old],
            apiVersion="discovery.k8s.io/v1beta1",
            metadata={"name": "old"},
            ports=[{"port": None}],
        ),
    ).endpoint_slices
    assert found[0].endpoints == (
        model.Endpoint(("10.244.0.5", "10.244.0.6"), False, True, True, "node1", "web-0", ("a",), ("node1",)),
    )
    assert found[1].service == ""
    assert found[1].endpoints == (
        model.Endpoint(("10.244.0.7",), topology={"kubernetes.io/hostname": "node2"}),
    )
    assert found[1].ports == (model.EndpointPort("", "TCP", None),)


def test_endpoints_pods_and_nodes_arrive():
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node1", "labels": {"a": "b"}},
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "Hostname", "address": "x"},
            ]
        },
    }
    subset = {
        "addresses": [{"ip": "10.244.0.5", "nodeName": "node1"}],
        "notReadyAddresses": [{"ip": "10.244.0.6"}],
        "ports": [{"port": 8080}],
    }
    dns = {
        "nameservers": ["192.0.2.53"],
        "searches": ["x.y"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    found = cluster(
        node, endpoints(subset), pod(spec={"dnsPolicy": "None", "dnsConfig": dns, "hostNetwork": True})
    )
    assert found.nodes == (model.Node("node1", {"a": "b"}, ("192.0.2.1",), ("10.244.0.0/24",)),)
    assert found.endpoints[0].subsets == (
        model.EndpointSubset(
            (model.Endpoint(("10.244.0.5",), node_name="node1"),),
            (model.Endpoint(("10.244.0.6",)),),
            (model.EndpointPort("", "TCP", 8080),),
        ),
    )
    assert (found.pods[0].dns_nameservers, found.pods[0].dns_searches) == (("192.0.2.53",), ("x.y",))
    assert found.pods[0].dns_options == (("ndots", "2"), ("edns0", None))
    assert (found.pods[0].dns_policy, found.pods[0].host_network, found.pods[0].ready) == ("None", True, True)


ITEMS = [service(), service(name="b", clusterIP="10.96.0.2"), piece()]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"apiVersion": "v1", "kind": "List", "items": ITEMS}),
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [{"apiVersion": "v1", "kind": "List", "items": ITEMS}],
            }
        ),
        "\n".join(map(json.dumps, ITEMS)),
        "\n---\n".join(json.dumps(item, indent=2) for item in ITEMS),
        "# a comment\n---\n" + "\n--- # next\n".join(map(json.dumps, ITEMS)) + "\n---\n",
        "\ufeff" + json.dumps({"apiVersion": "v1", "kind": "List", "items": ITEMS}),
        "{kind: List, apiVersion: v1, items: " + json.dumps(ITEMS) + "}",
    ],
    ids=[
        "list",
        "list in a list",
        "json values",
        "json documents",
        "comments",
        "byte order mark",
        "flow yaml",
    ],
)
def test_all_wrappings_hold_the_same(text):
    assert load_text(text) == cluster(*ITEMS)


def test_typed_lists_say_the_kind_of_their_items():
    bare = [
        {key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in ITEMS
    ]
    services = {"apiVersion": "v1", "kind": "ServiceList", "items": bare[:2]}
    slices = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList", "items": bare[2:]}
    assert cluster(services, slices) == cluster(*ITEMS)


def test_other_kinds_are_counted():
    others = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": 5}},
        {"apiVersion": "apps/v1", "kind": "Deployment"},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service"},
    ]
    found = cluster(*others, service())
    assert (found.skipped, len(found.services)) == ({"Deployment": 2, "Service": 1}, 1)


def test_unknown_fields_are_passed_over():
    assert cluster({**service(), "future": {"a": [1]}}) == cluster(service())


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n---\n", "null\n"])
def test_a_file_without_objects_is_an_empty_cluster_and_says_so(text):
    assert load_text(text) == model.Cluster()
    assert load_text(text).notes == ("web.yaml holds no Kubernetes objects.",)


def test_files_are_read_packed_or_not(tmp_path):
    (tmp_path / "a.yaml").write_text(WEB)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(piece()).encode()))
    assert load_paths([tmp_path / "a.yaml", tmp_path / "a.json.gz"]) == cluster(service(), piece())


def test_what_a_cluster_would_pick_and_rules_can_do_without_is_noted():
    assert cluster(service(ports=[])).notes == (
        "Service default/web has an empty list of ports, which no cluster accepts, and so no rules.",
    )
    assert cluster(service(type="LoadBalancer", externalTrafficPolicy="Local")).notes == (
        "Service default/web has no healthCheckNodePort; a cluster would pick one and have a rule for it.",
        "Service default/web has a port without nodePort, so without rules for one.",
    )


def test_what_many_services_lack_is_noted_once():
    balancers = [service(name=f"b{n}", clusterIP=f"10.96.0.{n}", type="LoadBalancer") for n in range(1, 9)]
    assert cluster(*balancers).notes == (
        "Service default/b1 and 7 more have a port without nodePort, so without rules for one.",
    )


def test_an_error_shows_the_line_and_the_place():
    error = error_of(WEB, WEB.replace("80", "80000").replace("web", "b").replace("10.96.0.1", "10.96.0.2"))
    assert error.render() == (
        "2.yaml:8:11: Service b: spec.ports[0].port is 80000 (expected a port number from 1 to 65535)\n"
        "      - port: 80000\n"
        "              ^^^^^"
    )


def test_everything_wrong_is_said_in_one_run_in_the_order_of_the_text():
    broken = WEB.replace("10.96.0.1", "here").replace("80", "'80'").replace("web", "n")
    error = error_of(broken + "---\na: b: c\n---\njust text\n", WEB.replace("v1", "v3"))
    assert isinstance(error, ErrorList)
    assert [str(each.span) for each in error.errors] == [
        "1.yaml:4:9",
        "1.yaml:6:14",
        "1.yaml:8:11",
        "1.yaml:10:5",
        "1.yaml:12:1",
        "2.yaml:1:13",
    ]


def test_places_in_json_are_found_too():
    text = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [service(), service(name="b", clusterIP="None", ports=[{"port": "x\\y"}])],
        }
    )
    error = error_of(text)
    assert error.span.line == 1
    assert text[error.span.column - 1 :].startswith('"x\\\\y"')
    assert error.span.width == len('"x\\\\y"')


def test_many_errors_on_one_long_line_are_found_in_one_pass():
    items = [
        service(name=f"s{n}", clusterIP=f"10.{n // 250}.{n % 250}.1", ports=[{"port": 0}])
        for n in range(3000)
    ]
    start = time.process_time()
    error = error_of(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert len(error.errors) == 3000
    assert time.process_time() - start < 3
    assert len({id(each.span.text) for each in error.errors}) == 1


def test_many_errors_of_a_long_yaml_list_are_found_in_one_pass():
    items = "".join(f"- apiVersion: v1\n  kind: Node\n  metadata:\n    name: {n}\n" for n in range(3000))
    start = time.process_time()
    error = error_of(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert [each.span.line for each in error.errors] == [7 + 4 * n for n in range(3000)]
    assert time.process_time() - start < 3


def test_an_object_given_twice_names_both_places():
    error = error_of(WEB, "\n" + WEB)
    assert str(error) == (
        "2.yaml:2:1: Service default/web is given twice, first at 1.yaml:1:1 (expected each object once)"
    )


def test_one_name_is_free_in_other_namespaces_and_kinds():
    assert len(cluster(service(), service(namespace="b", clusterIP="10.96.0.2"), endpoints()).services) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x7fELF\0\0", "a.yaml:1:1: is a binary file (expected YAML or JSON)"),
        (b"\xff\xfea\0", "a.yaml:1:1: is UTF-16 text (expected UTF-8)"),
        (b"a: b\nc: \xc3\xa9\xff\n", "a.yaml:2:5: byte 0xff is not UTF-8 text (expected UTF-8)"),
        (b"\x1f\x8bxx", "a.yaml:1:1: is not a whole gzip file"),
        (b'{"kind": "Service",\n "x": }', "a.yaml:2:7: is not JSON: Expecting value"),
        (b'{"a": NaN}', "a.yaml:1:1: is not JSON that Kubernetes reads: NaN is not JSON"),
        (b'{"a":' + b"[" * 100_000, "a.yaml:1:1: is nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a.yaml:1:1: is not JSON that Kubernetes reads"),
        (b"a: 'b\n", "a.yaml:2:1: found unexpected end of stream"),
        (b"kind: [\n", "a.yaml:2:1: did not find expected node content"),
        (b"a: \x07\n", "a.yaml:1:4: has the control character U+0007"),
        (b"a: 1\na: 2\n", 'a.yaml:2:1: the key "a" is given twice (expected each key once)'),
        (b"--- a\nkind: b\n", "more than a comment after --- (expected a new line)"),
        (b"- a\n- b\n", "a.yaml:1:1: is a list (expected a Kubernetes object)"),
        (b"apiVersion: v1\n", "a.yaml:1:1: has no kind (expected apiVersion and kind)"),
        (b"kind: Service\n", "a.yaml:1:1: Service has no apiVersion (expected apiVersion and kind)"),
    ],
)
def test_what_is_no_manifest_is_refused(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(NatcError) as caught:
        load_paths(["a.yaml"])
    errors = getattr(caught.value, "errors", [caught.value])
    assert message in str(errors[0])
    assert all(isinstance(error, ManifestError) for error in errors)


def test_files_that_cannot_be_read_are_all_named(tmp_path):
    with pytest.raises(ErrorList) as caught:
        load_paths([tmp_path, tmp_path / "none.yaml"])
    assert [each.message for each in caught.value.errors] == ["is a directory", "No such file or directory"]


def test_a_huge_file_is_refused_before_it_is_unpacked(tmp_path):
    bomb = tmp_path / "bomb.yaml.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(MAX_BYTES // 2**24 + 1):
            file.write(b"a" * 2**24)
    with pytest.raises(ManifestError, match=r"is too large .expected at most 256 MiB"):
        load_paths([bomb])


def test_control_characters_never_reach_a_terminal():
    error = error_of(WEB.replace("name: web", 'name: "a\\e[31mb\\u202e"'))
    assert "\\x1b[31mb\\u202e" in error.render()
    assert error.render().isascii()

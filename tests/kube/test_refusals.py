"""Objects an API server would refuse: the message, its place and what would have been right."""

import pytest

from tests.kube.texts import META, PLAIN, SERVICE, SLICE, read, refused, service

ENDPOINTS = f"apiVersion: v1\nkind: Endpoints\n{META}"
POD = f"apiVersion: v1\nkind: Pod\n{META}"
LABEL = "at most 63 lower-case letters, digits and '-'"
PORT = "(expected a port number from 1 to 65535)"
CASES = [
    # ports
    (SERVICE + "  clusterIP: 10.96.0.1\n", "4:1: Service web: spec has no ports (expected at least one port)"),
    (PLAIN.replace("80", "65536"), f"6:18: Service web: spec.ports[0].port is 65536 {PORT}"),
    (PLAIN.replace("80", "0"), f"6:18: Service web: spec.ports[0].port is 0 {PORT}"),
    (PLAIN.replace("80", "-1"), f"6:18: Service web: spec.ports[0].port is -1 {PORT}"),
    (PLAIN.replace("port: 80", "name: a"), f"6:11: Service web: spec.ports[0] has no port {PORT}"),
    (PLAIN.replace("80", "80, targetPort: 70000"), f"6:34: Service web: spec.ports[0].targetPort is 70000 {PORT}"),
    (PLAIN.replace("80", "80, protocol: ICMP"), '6:32: Service web: spec.ports[0].protocol is "ICMP" (expected TCP, UDP or SCTP)'),
    (
        PLAIN.replace("80", "80, nodePort: 30080"),
        "6:32: Service web: spec.ports[0].nodePort is set, but the type is ClusterIP (expected type NodePort or LoadBalancer)",
    ),
    (
        service("type: NodePort"),
        "6:11: Service web: spec.ports[0] has no nodePort; a cluster would pick a free one, natc needs it given"
        " (expected nodePort: NUMBER)",
    ),
    (
        PLAIN.replace("{port: 80}", "{port: 80}, {port: 81}"),
        "6:23: Service web: spec.ports[1] is a second port without a name (expected a name no other port has)",
    ),
    (
        PLAIN.replace("{port: 80}", "{name: a, port: 80}, {name: a, port: 81}"),
        '6:39: Service web: spec.ports[1].name is "a" again (expected a name no other port has)',
    ),
    (
        PLAIN.replace("{port: 80}", "{name: a, port: 80}, {name: b, port: 80}"),
        "6:48: Service web: spec.ports[1].port is 80/TCP again (expected a port and protocol no other port has)",
    ),
    # addresses and families
    (
        SERVICE + "  ports: [{port: 80}]\n",
        "4:1: Service web: spec has no clusterIP; a cluster would pick a free one, natc needs it given"
        " (expected clusterIP: ADDRESS, or None)",
    ),
    (PLAIN.replace("0.1", "0.300"), '5:14: Service web: spec.clusterIP is "10.96.0.300" (expected an IP address)'),
    (
        service("ipFamilies: [IPv6]"),
        "7:3: Service web: spec.ipFamilies is IPv6, but the cluster IPs are IPv4 (expected the families of the cluster IPs)",
    ),
    (
        service("clusterIPs: [10.96.0.1, 10.96.0.2]"),
        "7:3: Service web: spec.clusterIPs holds 2 addresses (expected at most one address of each family)",
    ),
    (service("externalIPs: [web]"), '7:17: Service web: spec.externalIPs[0] is "web" (expected an IP address)'),
    (
        service("externalIPs: [127.0.0.1]"),
        "7:17: Service web: spec.externalIPs[0] is 127.0.0.1"
        " (expected an address other than a loopback, unspecified or link-local one)",
    ),
    (
        service("loadBalancerSourceRanges: [10.0.0.0/33]"),
        '7:30: Service web: spec.loadBalancerSourceRanges[0] is "10.0.0.0/33" (expected a CIDR such as 10.0.0.0/8)',
    ),
    # words and policies
    (service("type: Balancer"), '7:9: Service web: spec.type is "Balancer" (expected ClusterIP, NodePort, LoadBalancer or ExternalName)'),
    (service("sessionAffinity: Yes please"), '7:20: Service web: spec.sessionAffinity is "Yes please" (expected None or ClientIP)'),
    (
        service("sessionAffinity: ClientIP\nsessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}"),
        "8:54: Service web: spec.sessionAffinityConfig.clientIP.timeoutSeconds is 86401 (expected 1 to 86400 seconds)",
    ),
    (
        service("externalTrafficPolicy: Local"),
        "7:26: Service web: spec.externalTrafficPolicy is set, but nothing outside reaches this service"
        " (expected a NodePort or LoadBalancer service, or externalIPs)",
    ),
    (
        service("healthCheckNodePort: 30000"),
        "7:24: Service web: spec.healthCheckNodePort is set (expected type LoadBalancer with externalTrafficPolicy Local)",
    ),
    (service("topologyKeys: ['*', a]"), "7:18: Service web: spec.topologyKeys[0] is *, which can only be the last key (expected * last)"),
    # types, as YAML 1.1 has them
    (PLAIN.replace("web}", "web, namespace: n}"), "3:34: Service web: metadata.namespace is the boolean false (expected a string)"),
    (PLAIN.replace("web", "123"), "3:18: Service: metadata.name is the number 123 (expected a string)"),
    (PLAIN.replace("80", "'80'"), '6:18: Service web: spec.ports[0].port is the string "80" (expected an integer)'),
    (PLAIN.replace("80", "80.5"), "6:18: Service web: spec.ports[0].port is the number 80.5 (expected an integer)"),
    (PLAIN.replace("80", "2147483648"), "6:18: Service web: spec.ports[0].port is 2147483648, too large (expected a 32-bit integer)"),
    (PLAIN.replace("[{port: 80}]", "{port: 80}"), "6:3: Service web: spec.ports is an object (expected a list)"),
    (PLAIN.replace("{port: 80}", "80"), "6:11: Service web: spec.ports[0] is the number 80 (expected an object)"),
    (service("selector: {app: 1}"), "7:19: Service web: spec.selector.app is the number 1 (expected a string)"),
    (service("publishNotReadyAddresses: 1"), "7:29: Service web: spec.publishNotReadyAddresses is the number 1 (expected true or false)"),
    # names
    (PLAIN.replace("web", '"we\\e[31mb"'), "3:18: Service we\\x1b[31mb: metadata.name is \"we\\x1b[31mb\" (expected " + LABEL),
    (PLAIN.replace("web", '"we\\u202eb"'), "3:18: Service we\\u202eb: metadata.name is \"we\\u202eb\" (expected " + LABEL),
    (PLAIN.replace("web", "1st"), '3:18: Service 1st: metadata.name is "1st" (expected ' + LABEL),
    (PLAIN.replace("web", "a" * 64), "3:18: Service " + "a" * 60 + "...: metadata.name is"),
    (PLAIN.replace("{name: web}", "{}"), "3:1: Service: metadata has no name (expected name: NAME)"),
    (PLAIN.replace("web}", "web, namespace: A}"), '3:34: Service A/web: metadata.namespace is "A" (expected ' + LABEL),
    # slices, Endpoints, Pods
    (SLICE.replace("addressType: IPv4\n", ""), "1:1: EndpointSlice web has no addressType (expected addressType: IPv4, IPv6 or FQDN)"),
    (SLICE + "ports: [{port: 70000}]\n", f"5:16: EndpointSlice web: ports[0].port is 70000 {PORT}"),
    (SLICE + "endpoints: [{addresses: []}]\n", "5:13: EndpointSlice web: endpoints[0] has 0 addresses (expected 1 to 100 addresses)"),
    (SLICE + "endpoints: [7]\n", "5:13: EndpointSlice web: endpoints[0] is the number 7 (expected an object)"),
    (
        SLICE + "endpoints: [{addresses: ['fd00::1']}]\n",
        "5:26: EndpointSlice web: endpoints[0].addresses[0] is fd00::1, an IPv6 address (expected an IPv4 address, as addressType says)",
    ),
    (
        SLICE + "endpoints: [{addresses: [10.0.0.1], conditions: {ready: 'yes'}}]\n",
        '5:57: EndpointSlice web: endpoints[0].conditions.ready is the string "yes" (expected true or false)',
    ),
    (ENDPOINTS + "subsets: [{ports: [{port: 80}]}]\n", "4:11: Endpoints web: subsets[0] has neither addresses nor notReadyAddresses"),
    (ENDPOINTS + "subsets: [{addresses: [{}]}]\n", "4:24: Endpoints web: subsets[0].addresses[0] has no ip (expected ip: ADDRESS)"),
    (POD + "status: {podIP: x}\n", '4:17: Pod web: status.podIP is "x" (expected an IP address)'),
    (POD + "spec: {containers: [{ports: [{containerPort: 0}]}]}\n", f"4:46: Pod web: spec.containers[0].ports[0].containerPort is 0 {PORT}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), CASES, ids=[message[:50] for _, message in CASES])
def test_refused(text, message):
    (found,) = refused(text)
    assert found == message if message.endswith((")", "...")) else found.startswith(message)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (PLAIN, "8:1: Service default/web is given twice, first at f0.yaml:1:1 (expected each object once)"),
        (
            PLAIN.replace("web", "db"),
            "12:14: Service default/db: clusterIP 10.96.0.1 belongs to Service default/web at f0.yaml:5:14"
            " (expected a free address)",
        ),
    ],
)
def test_what_no_two_objects_share(second, message):
    assert refused(f"{PLAIN}---\n{second}") == [message]


def test_a_name_that_is_refused_and_given_twice_is_shown_as_it_is_written():
    odd = PLAIN.replace("web", '"{first}{"')
    assert any(
        "Service default/{first}{ is given twice" in message for message in refused(f"{odd}---\n{odd}")
    )


def test_a_node_port_belongs_to_one_service_and_protocol():
    first = service("type: NodePort").replace("80}", "80, nodePort: 30080}")
    second = first.replace("web", "db").replace("10.96.0.1", "10.96.0.2")
    (message,) = refused(f"{first}---\n{second}")
    assert message.startswith(
        "14:32: Service default/db: node port 30080/TCP belongs to Service default/web at"
    )
    assert len(read(f"{first}---\n{second.replace('80, ', '80, protocol: UDP, ')}").services) == 2


def test_places_in_json():
    text = '{"apiVersion": "v1",\n "kind": "Service", "metadata": {"name": "web"},\n "spec": {"clusterIP": "x", "ports": [{"port": 0}]}}'
    assert refused(text) == [
        '3:24: Service web: spec.clusterIP is "x" (expected an IP address)',
        f"3:48: Service web: spec.ports[0].port is 0 {PORT}",
    ]


def test_places_inside_lists():
    text = (
        f"apiVersion: v1\nkind: List\nitems:\n- {PLAIN.replace(chr(10), chr(10) + '  ').replace('80', '0')}\n"
    )
    assert refused(text) == [f"9:20: Service web: spec.ports[0].port is 0 {PORT}"]

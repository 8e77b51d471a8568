"""Names of whatever cluster: every service is found by its names, and nothing that is asked breaks anything."""

import string
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.analysis.destination import destination_of
from natc.analysis.resolve import Names
from natc.errors import UsageError
from natc.kube.addresses import canonical, family_of
from natc.kube.dns import ANSWERED, NODATA, NXDOMAIN, UNKNOWN
from natc.kube.endpoints import complete
from natc.kube.resolv_conf import ResolvConf
from natc.testing import clusters

CLUSTERS = clusters().map(complete)
LABELS = st.sampled_from(
    [
        "svc-0",
        "svc-1",
        "default",
        "svc",
        "pod",
        "cluster",
        "local",
        "_http",
        "_tcp",
        "10-0-0-1",
        "arpa",
        "in-addr",
        "1",
    ]
)
NAMES = st.lists(LABELS | st.text(string.printable, max_size=4), max_size=8).map(".".join) | st.text(
    max_size=20
)


def whole(service):
    return f"{service.name}.{service.namespace}.svc.cluster.local."


def ready(cluster, service):
    """The addresses of a service's endpoints that are not said to be unready, worked out once more."""
    published = service.publish_not_ready_addresses
    return {
        canonical(address)
        for piece in cluster.endpoint_slices
        if (piece.namespace, piece.service) == (service.namespace, service.name)
        and piece.address_type != "FQDN"
        for endpoint in piece.endpoints
        if published or endpoint.ready is not False
        for address in endpoint.addresses
    }


@given(CLUSTERS)
def test_every_service_is_found_by_its_names(cluster):
    names = Names.of(cluster)
    for service in cluster.services:
        found = names.resolve(service.name, names.in_namespace(service.namespace))
        again = names.resolve(f"{service.name}.{service.namespace}", names.in_namespace("elsewhere"))
        assert found.records == again.records
        if service.type == "ExternalName":
            if family_of(service.external_name):
                assert not found.records
            else:
                assert found.records[0].data == service.external_name.removesuffix(".") + "."
        elif service.cluster_ip == "None":
            assert set(found.addresses()) == ready(cluster, service)
            assert found.answered or not ready(cluster, service)
        else:
            assert list(found.addresses()) == [canonical(ip) for ip in service.cluster_ips]


@given(CLUSTERS)
def test_reverse_names_lead_back(cluster):
    names = Names.of(cluster)
    for service in cluster.services:
        headless = service.cluster_ip == "None"
        for ip in ready(cluster, service) if headless else map(canonical, service.cluster_ips):
            reverse = names.dns.ask(ip_address(ip).reverse_pointer)
            assert reverse.status == ANSWERED
            assert headless or [record.data for record in reverse.records] == [whole(service)]
            for record in reverse.records:
                assert ip in {canonical(back.data) for back in names.dns.ask(record.data).records}


@given(CLUSTERS)
def test_every_named_port_has_its_srv_record(cluster):
    names = Names.of(cluster)
    for service in cluster.services:
        if service.type == "ExternalName" or service.cluster_ip == "None":
            continue
        for port in service.ports:
            if port.name:
                answer = names.dns.ask(f"_{port.name}._{port.protocol}.{whole(service)}")
                assert [record.data for record in answer.records] == [f"0 100 {port.port} {whole(service)}"]


@settings(max_examples=400)
@given(CLUSTERS, NAMES, st.sampled_from([(), ("A",), ("AAAA", "SRV"), ("TXT",)]))
def test_whatever_is_asked(cluster, name, wanted):
    names = Names.of(cluster)
    try:
        found = names.resolve(name, names.in_namespace("default"), wanted)
    except UsageError:
        return
    assert found.tried
    for each in found.tried:
        assert each.name.endswith(".")
        assert each.answer.status in (ANSWERED, NODATA, NXDOMAIN, UNKNOWN)
        assert (each.answer.status == ANSWERED) == bool(each.answer.records)
        assert each.answer.reason


@given(CLUSTERS, NAMES, st.sampled_from(["", ":80", ":http", ":"]), st.sampled_from([4, 6]))
def test_whatever_is_traced_to(cluster, name, port, family):
    names = Names.of(cluster)
    try:
        said = destination_of(names, names.in_namespace("default"), f"{name}{port}", family)
    except UsageError as problem:
        assert "\n" not in str(problem)
        return
    if said.resolution is not None:
        host = said.destination.removeprefix("[").rpartition("]")[0] or said.destination.partition(":")[0]
        assert (
            ip_address(host if family == 4 or "[" in said.destination else said.destination).version == family
        )


def tried_by_glibc(name, searches, ndots):
    """The order of res_search, told once more: as it stands first or last, by the number of dots."""
    if name.endswith("."):
        return [name]
    listed = [f"{name}.{domain}." for domain in searches]
    return [f"{name}.", *listed] if name.count(".") >= ndots else [*listed, f"{name}."]


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(".".join),
    st.booleans(),
    st.lists(st.sampled_from(["x.y", "y", "z.z.z"]), unique=True, max_size=3),
    st.integers(0, 15),
)
def test_the_order_in_which_names_are_tried(name, absolute, searches, ndots):
    asked = f"{name}." if absolute else name
    conf = ResolvConf(searches=tuple(searches), options={"ndots": str(ndots)})
    assert [candidate for candidate, _ in conf.candidates(asked)] == tried_by_glibc(asked, searches, ndots)

"""A URL's way to an address: Ingress, Service, endpoints, and what the controller decides."""

import pytest

from natc.analysis.resolve import Names
from natc.analysis.url import destination_of_url, request_of
from natc.errors import ManifestError, UsageError
from natc.kube.endpoints import complete
from natc.kube.ingress import READERS
from natc.kube.manifests import load
from natc.kube.sources import Source
from tests.kube.test_ingress import NEW, OLD

SERVICES = """\
apiVersion: v1
kind: Service
metadata: {name: tomcat-service, namespace: shop}
spec: {clusterIP: 10.96.0.7, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: fallback, namespace: shop}
spec: {clusterIP: None, ports: [{name: http, port: 80, targetPort: 9000}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: tomcat-service, namespace: shop}
subsets: [{addresses: [{ip: 10.244.0.5}, {ip: 10.244.0.6}], ports: [{port: 8080}]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: fallback, namespace: shop}
subsets: [{addresses: [{ip: 10.244.0.8}, {ip: 10.244.0.9}], ports: [{name: http, port: 9000}]}]
---
"""
PLAIN = NEW.replace("  annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}\n", "").replace(
    "  tls:\n  - hosts: [tomcat.example.com]\n    secretName: tomcat-tls\n", ""
)


def said(url="http://tomcat.example.com/", ingress=PLAIN, services=SERVICES, family=4, **more):
    names = Names.of(complete(load([Source("c.yaml", services + ingress)], READERS)))
    return destination_of_url(names, None, url, family, **more)


def annotated(*lines):
    return PLAIN.replace(
        "spec:", "  annotations:\n" + "".join(f"    {line}\n" for line in lines) + "spec:", 1
    )


def test_the_request_is_what_stands_in_the_url():
    found = request_of("HTTPS://User@Tomcat.Example.com.:8443/a/b?c=d#e")
    assert (found.host, found.path, found.secure) == ("tomcat.example.com", "/a/b", True)
    assert request_of("http://h").path == "/"
    assert request_of("http://[fd00::1]/").host == "fd00::1"


@pytest.mark.parametrize("url", ["", "tomcat", "ftp://h/", "http:///x", "http://h:x/", "http://[::1/"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UsageError, match="--url:1:1: is no"):
        request_of(url)


def test_host_and_path_choose_the_service():
    found = said()
    assert found.destination == "10.96.0.7:80"
    assert found.facts == (
        "http://tomcat.example.com/ is taken by Ingress shop/tomcat: "
        "host tomcat.example.com, path / (Prefix)",
        "its backend Service shop/tomcat-service:80 is 10.96.0.7:80",
    )
    assert found.questions == (
        "most controllers balance over the endpoints themselves, past the cluster IP: "
        "10.244.0.5:8080, 10.244.0.6:8080",
    )


def test_the_older_shape_leads_to_the_same_place():
    older = OLD.replace("name: tomcat\n", "name: tomcat\n  namespace: shop\n", 1)
    found = said(ingress=older)
    assert found.destination == "10.96.0.7:80"
    assert "pathType ImplementationSpecific" in found.questions[0]


def test_a_headless_backend_is_its_endpoints():
    found = said("http://else.example.com/")
    assert found.destination == "10.244.0.8:9000"
    assert "this trace 10.244.0.8:9000; the others: 10.244.0.9:9000" in found.questions[0]


def test_a_service_without_endpoints_answers_503():
    bare = SERVICES.replace(
        "kind: Endpoints\nmetadata: {name: tomcat-service", "kind: Endpoints\nmetadata: {name: x"
    )
    assert "there are none, so it answers 503" in said(services=bare).questions[0]


def test_tls_is_shown_and_what_follows_from_it():
    with_tls = said(ingress=NEW)
    assert "TLS: the certificate for tomcat.example.com is Secret shop/tomcat-tls" in with_tls.facts
    assert "the host has TLS: many controllers redirect http to https" in with_tls.questions
    secure = said("https://tomcat.example.com/", ingress=NEW)
    assert not any("redirect http" in each for each in secure.questions)
    assert any("has no TLS entry" in each for each in said("https://tomcat.example.com/").questions)


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("nginx.ingress.kubernetes.io/rewrite-target: /$1", "the path that the Service sees"),
        ('nginx.ingress.kubernetes.io/ssl-redirect: "true"', "whether http is redirected to https"),
        ("nginx.ingress.kubernetes.io/canary-by-header: X", "how canaries are chosen"),
        ("alb.ingress.kubernetes.io/target-type: ip", "decides something"),
    ],
)
def test_what_annotations_decide_is_open(line, question):
    (found,) = [each for each in said(ingress=annotated(line)).questions if each.startswith("annotation ")]
    assert question in found


def test_annotations_of_other_tools_decide_nothing():
    quiet = annotated("cert-manager.io/issuer: x", "kubernetes.io/ingress.class: nginx")
    assert not any("annotation" in each for each in said(ingress=quiet).questions)


def test_a_controller_that_goes_to_the_cluster_ip_leaves_nothing_open():
    assert said(ingress=annotated('nginx.ingress.kubernetes.io/service-upstream: "true"')).questions == ()


def test_a_canary_is_told_and_not_taken_for_the_route():
    canary = annotated('nginx.ingress.kubernetes.io/canary: "true"').replace(
        "name: tomcat\n", "name: canary\n"
    )
    found = said(ingress=f"{canary}---\n{PLAIN}")
    assert "Ingress shop/tomcat" in found.facts[0]
    assert "Ingress shop/canary is a canary and takes a part of the requests" in found.questions


def test_classes_are_kept_apart():
    other = PLAIN.replace("ingressClassName: nginx", "ingressClassName: haproxy").replace(
        "name: tomcat\n", "name: other\n"
    )
    both = f"{PLAIN}---\n{other}"
    assert any("several classes are given (haproxy, nginx)" in each for each in said(ingress=both).questions)
    assert "Ingress shop/other" in said(ingress=both, ingress_class="haproxy").facts[0]
    with pytest.raises(UsageError, match="no Ingress is given"):
        said(ingress_class="traefik")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: tomcat-service, port", "name: nosuch, port", "is Service shop/nosuch, which is not given"),
        ("number: 80", "number: 81", "is port 81 of Service shop/tomcat-service, which has 80"),
        ("service: {name: tomcat-service, port: {number: 80}}", "resource: {kind: Bucket, name: b}",
         "is Bucket/b, no Service: only the controller knows"),
    ],
)  # fmt: skip
def test_a_backend_that_leads_nowhere_is_shown_in_its_place(old, new, message):
    with pytest.raises(ManifestError) as caught:
        said(ingress=PLAIN.replace(old, new))
    assert message in str(caught.value)
    assert "backend:" in caught.value.span.text


def test_the_family_of_the_dump_decides():
    with pytest.raises(ManifestError, match="has no IPv6 address"):
        said(family=6)


def test_a_request_that_no_ingress_takes():
    no_default = PLAIN.replace("  defaultBackend: {service: {name: fallback, port: {name: http}}}\n", "")
    with pytest.raises(
        UsageError, match=r"none of 1 Ingresses takes it; their hosts are tomcat\.example\.com"
    ):
        said("http://else.example.com/", ingress=no_default)

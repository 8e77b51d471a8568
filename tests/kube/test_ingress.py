"""Ingress objects of three versions: what is read, what is refused and where."""

import pytest

from natc.errors import ErrorList, ManifestError
from natc.kube.ingress import READERS, Backend, IngressPath, IngressRule, IngressTls
from natc.kube.manifests import load
from natc.kube.sources import Source

NEW = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: tomcat
  namespace: shop
  annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: fallback, port: {name: http}}}
  tls:
  - hosts: [tomcat.example.com]
    secretName: tomcat-tls
  rules:
  - host: tomcat.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: tomcat-service, port: {number: 80}}}
      - path: /files
        pathType: Exact
        backend: {resource: {apiGroup: k8s.example.com, kind: StorageBucket, name: files}}
"""
OLD = """\
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: tomcat
  annotations: {kubernetes.io/ingress.class: nginx}
spec:
  backend: {serviceName: fallback, servicePort: http}
  rules:
  - host: tomcat.example.com
    http:
      paths:
      - backend: {serviceName: tomcat-service, servicePort: 80}
"""


def read(text, name="i.yaml"):
    return load([Source(name, text)], READERS).ingresses


def test_the_shape_of_v1():
    (ingress,) = read(NEW)
    assert (ingress.namespace, ingress.name, ingress.class_name) == ("shop", "tomcat", "nginx")
    assert ingress.default_backend == Backend("fallback", "http")
    assert ingress.tls == (IngressTls(("tomcat.example.com",), "tomcat-tls"),)
    assert ingress.rules == (
        IngressRule(
            "tomcat.example.com",
            (
                IngressPath("/", "Prefix", Backend("tomcat-service", 80)),
                IngressPath("/files", "Exact", Backend(resource="StorageBucket/files")),
            ),
        ),
    )
    assert ingress.annotations == {"nginx.ingress.kubernetes.io/rewrite-target": "/"}


@pytest.mark.parametrize("version", ["extensions/v1beta1", "networking.k8s.io/v1beta1"])
def test_the_older_shape(version):
    (ingress,) = read(OLD.replace("extensions/v1beta1", version))
    assert ingress.class_name == "nginx"
    assert ingress.default_backend == Backend("fallback", "http")
    path = IngressPath("", "ImplementationSpecific", Backend("tomcat-service", 80))
    assert ingress.rules == (IngressRule("tomcat.example.com", (path,)),)


def test_a_backend_knows_where_it_is_written():
    (ingress,) = read(NEW)
    span = ingress.span(ingress.rules[0].paths[0].backend.place)
    assert (span.file, span.line) == ("i.yaml", 19)


def test_ingresses_in_a_list_know_it_too():
    text = "apiVersion: v1\nkind: List\nitems:\n- " + NEW.replace("\n", "\n  ").rstrip() + "\n"
    (ingress,) = read(text)
    assert ingress.span(ingress.default_backend.place).line == 12


def test_without_the_readers_they_are_counted():
    cluster = load([Source("i.yaml", NEW.replace("pathType: Prefix", "pathType: Nonsense"))])
    assert cluster.skipped == {"Ingress": 1}
    assert cluster.ingresses == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("        pathType: Exact\n", "", 20, "has no pathType"),
        ("pathType: Exact", "pathType: Glob", 21, 'pathType is "Glob"'),
        ("path: /files", "path: files", 20, 'has the path "files" (expected a path that begins with /)'),
        ("path: /files", "path: /a//b", 20, "a path without //"),
        ("path: /files", "path: /a/..", 20, "a path without /.."),
        ("port: {number: 80}", "port: {number: 80, name: http}", 19, "has both name and number"),
        ("port: {number: 80}", "port: {}", 19, "has neither name nor number"),
        ("port: {number: 80}", "port: {number: 70000}", 19, "is 70000"),
        ("port: {number: 80}", 'port: {number: "80"}', 19, 'is the string "80"'),
        ("port: {name: http}", "port: {name: HTTP}", 9, 'is "HTTP"'),
        ("name: tomcat-service", "name: 9", 19, "is the number 9"),
        ("{service: {name: tomcat-service, port: {number: 80}}}", "{}", 17, "has no backend"),
        ("{resource: {", "{service: {name: a}, resource: {", 22, "names both a service and a resource"),
        ("- host: tomcat.example.com", "- host: 10.0.0.1", 14, 'host is "10.0.0.1"'),
        ("- host: tomcat.example.com", '- host: "*"', 14, 'host is "*"'),
        ("- host: tomcat.example.com", '- host: "a.*.b"', 14, 'host is "a.*.b"'),
        ("hosts: [tomcat.example.com]", "hosts: [Tomcat]", 11, 'hosts[0] is "Tomcat"'),
    ],
)
def test_what_the_api_server_refuses_has_its_place(old, new, line, message):
    assert old in NEW
    with pytest.raises(ManifestError) as caught:
        read(NEW.replace(old, new))
    assert message in str(caught.value)
    assert "Ingress shop/tomcat" in str(caught.value)
    assert caught.value.span.line == line


def test_an_empty_ingress_is_refused():
    with pytest.raises(ManifestError, match="has neither defaultBackend nor rules"):
        read("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\nspec: {}\n")
    with pytest.raises(ManifestError, match="has neither backend nor rules"):
        read("apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}\nspec: {}\n")


@pytest.mark.parametrize(
    ("port", "message"), [("'80'", 'is "80"'), ("0", "is 0"), ("null", "has no servicePort"), ("1.5", "1.5")]
)
def test_an_older_port_is_a_name_or_a_number(port, message):
    with pytest.raises(ManifestError) as caught:
        read(OLD.replace("servicePort: 80", f"servicePort: {port}"))
    assert message in str(caught.value)


def test_the_same_ingress_twice_is_refused():
    with pytest.raises(ManifestError, match="Ingress shop/tomcat is given twice"):
        read(f"{NEW}---\n{NEW}")


def test_a_version_without_ingress_is_refused_only_when_they_are_read():
    text = NEW.replace("networking.k8s.io/v1", "networking.k8s.io/v7")
    with pytest.raises(ManifestError, match="which has no Ingress"):
        read(text)
    assert load([Source("i.yaml", text)]).skipped == {"Ingress": 1}


def test_everything_wrong_is_reported():
    with pytest.raises(ErrorList) as caught:
        read(NEW.replace("pathType: Exact", "pathType: Glob").replace("number: 80", "number: 0.5"))
    assert len(caught.value.errors) == 2

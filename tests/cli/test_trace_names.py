"""natc trace with names: what is said before the answer, in text and JSON."""

import json

import pytest

from natc.cli import run
from tests.kube.objects import pod
from tests.support import GOLDEN

CASE = GOLDEN / "kube-proxy/1.29.1-901"
DUMP, CLUSTER = str(CASE / "save-legacy.txt"), str(CASE / "cluster.yaml")


def test_a_name_for_a_destination(capsys):
    assert run(["trace", DUMP, "--dst", "nodeport-svc.default:3000", "--manifests", CLUSTER]) == 0
    first, empty, headline, *_ = capsys.readouterr().out.splitlines()
    assert first == (
        "nodeport-svc.default:3000 is 10.105.182.209:3000 "
        "(nodeport-svc.default.svc.cluster.local.: Service default/nodeport-svc, its cluster IP)"
    )
    assert not empty
    assert headline.startswith("10.105.182.209:3000/tcp is default/nodeport-svc")


def test_the_same_answer_as_for_the_address(capsys):
    assert run(["trace", "--manifests", CLUSTER, "--dst", "nodeport-svc", "--output", "json", DUMP]) == 0
    by_name = json.loads(capsys.readouterr().out)
    assert run(["trace", DUMP, "--dst", "10.105.182.209:3000", "--output", "json"]) == 0
    by_address = json.loads(capsys.readouterr().out)
    asked = by_name.pop("asked")
    assert by_name == by_address
    assert asked["destination"] == "10.105.182.209:3000"
    assert asked["name"]["records"][0]["data"] == "10.105.182.209"


@pytest.fixture
def pods(tmp_path):
    file = tmp_path / "pods.json"
    file.write_text(json.dumps(pod(ip="10.244.1.7")))
    return str(file)


def test_from_a_pod(pods, capsys):
    words = ["--from-pod", "web-0", "--manifests", CLUSTER, pods]
    assert run(["trace", DUMP, "--dst", "nodeport-svc:3000", *words]) == 0
    text = capsys.readouterr().out
    assert "the source 10.244.1.7 is Pod default/web-0's" in text
    assert "from 10.244.1.7" in text
    assert "forwarded, source kept" in text


def test_a_source_that_is_given_wins(pods, capsys):
    words = ["--from-pod", "web-0", "--manifests", CLUSTER, pods, "--src", "192.0.2.1", "--output", "json"]
    assert run(["trace", DUMP, "--dst", "nodeport-svc:3000", *words]) == 0
    assert json.loads(capsys.readouterr().out)["packet"]["src"] == "192.0.2.1"


def test_questions_of_names_come_first_among_the_open_ones(pods, tmp_path, capsys):
    on_host = tmp_path / "host.json"
    spec = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    on_host.write_text(json.dumps(pod("agent", spec=spec)))
    words = ["--from-pod", "agent", "--manifests", CLUSTER, str(on_host), "--output", "json"]
    assert run(["trace", DUMP, "--dst", "nodeport-svc:3000", *words]) == 0
    questions = json.loads(capsys.readouterr().out)["open"]
    assert questions[0]["question"].startswith("Pod default/agent is on the network of its node")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dst", "nosuch:80", "--manifests", CLUSTER], "--dst:1:1: nosuch has no address here"),
        (["--dst", "nodeport-svc:80"], "'nodeport-svc' is not an IP address"),
        (["--from-pod", "web-0", "--dst", "10.0.0.1:80"], "names need --manifests"),
        (["--manifests", CLUSTER], "say where to"),
    ],
)
def test_bad_usage_is_status_2(words, message, capsys):
    assert run(["trace", DUMP, *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert not out


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  tls: [{hosts: [www.example.com], secretName: cert}]
  rules:
  - host: www.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: nodeport-svc, port: {number: 3000}}}}
"""


def test_a_url_goes_through_the_ingress(tmp_path, capsys):
    file = tmp_path / "ingress.yaml"
    file.write_text(INGRESS)
    words = ["--url", "https://www.example.com/x", "--manifests", CLUSTER, str(file)]
    assert run(["trace", DUMP, *words]) == 0
    text = capsys.readouterr().out
    assert (
        "https://www.example.com/x is taken by Ingress default/web: host www.example.com, path / (Prefix)"
        in text
    )
    assert "open: most controllers balance over the endpoints themselves" in text
    assert "50 %   10.244.0.23:8080" in text
    assert run(["trace", DUMP, *words, "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["asked"]["ingress"] == {
        "namespace": "default",
        "name": "web",
        "class": None,
        "host": "www.example.com",
        "path": "/",
        "path_type": "Prefix",
        "backend": {"service": "nodeport-svc", "port": 3000},
        "tls": [{"hosts": ["www.example.com"], "secret": "cert"}],
    }
    assert run(["trace", DUMP, *words, "--dst", "10.0.0.1:80"]) == 2
    assert "--dst cannot be given beside it" in capsys.readouterr().err

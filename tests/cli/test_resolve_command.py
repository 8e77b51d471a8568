"""natc resolve: text, JSON, exit statuses, and manifests in a row."""

import json

import pytest

from natc.cli import run
from tests.kube.objects import pod, service
from tests.support import GOLDEN

CLUSTER = str(GOLDEN / "kube-proxy/1.29.1-901/cluster.yaml")


@pytest.fixture
def external(tmp_path):
    file = tmp_path / "external.json"
    file.write_text(
        json.dumps(
            service(
                name="my-service", type="ExternalName", externalName="foo.bar.example.com", clusterIP=None
            )
        )
    )
    return str(file)


def test_the_records_and_why(capsys):
    assert run(["resolve", "nodeport-svc.default", "--manifests", CLUSTER]) == 0
    text = capsys.readouterr().out
    assert text.startswith("nodeport-svc.default.svc.cluster.local.   A       10.105.182.209\n")
    assert "nodeport-svc.default.default.svc.cluster.local.   NXDOMAIN   no Service default/default" in text
    assert "search default.svc.cluster.local svc.cluster.local cluster.local, ndots 5" in text


@pytest.mark.parametrize(
    "order",
    [
        ["my-service", "--manifests", "A", "B"],
        ["--manifests", "A", "B", "my-service"],
        ["--manifests", "A", "--manifests", "B", "my-service"],
        ["--manifests", "A", "B", "--type", "CNAME", "my-service"],
        ["my-service", "--manifests=A", "--manifests", "B"],
    ],
)
def test_manifests_may_stand_in_a_row(order, external, capsys):
    words = [word.replace("A", CLUSTER) if "A" in word and "C" not in word else word for word in order]
    words = [external if word == "B" else word for word in words]
    assert run(["resolve", *words, "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:3] == ["natc", "schema", "name"]
    assert answer["name"] == "my-service"
    assert answer["records"] == [
        {"name": "my-service.default.svc.cluster.local.", "type": "CNAME", "data": "foo.bar.example.com."}
    ]
    assert answer["tried"][0]["status"] == "answered"


def test_nothing_found_is_status_1(capsys):
    assert run(["resolve", "nosuch.default.svc.cluster.local.", "--manifests", CLUSTER]) == 1
    assert "NXDOMAIN" in capsys.readouterr().out
    assert run(["resolve", "www.example.com", "--manifests", CLUSTER]) == 1
    assert "name servers outside it may" in capsys.readouterr().out


def test_a_pods_own_settings(tmp_path, capsys):
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(pod(spec={"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}})))
    conf = tmp_path / "resolv.conf"
    conf.write_text("search corp.example.com\n")
    words = ["--from-pod", "web-0.default", "--resolv-conf", str(conf), "--output", "json"]
    assert run(["resolve", "nodeport-svc", "--manifests", CLUSTER, str(file), *words]) == 0
    asker = json.loads(capsys.readouterr().out)["asker"]
    assert asker["pod"] == "web-0"
    assert asker["searches"][-1] == "corp.example.com"
    assert asker["options"] == {"ndots": "1"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["web"], "names need --manifests"),
        (["web", "--manifests", "nosuch.yaml"], "nosuch.yaml:1:1: No such file"),
        (["we b", "--manifests", CLUSTER], "NAME:1:1: 'we b' is no DNS name"),
        (
            ["web", "--manifests", CLUSTER, "--cluster-domain", "a b"],
            "--cluster-domain:1:1: 'a b' is no DNS name",
        ),
        (["web", "--manifests", CLUSTER, "--from-pod", "x"], "no Pod x in namespace default is given"),
        (["web", "again", "--namespace", "x", "--manifests", CLUSTER], "unexpected extra argument"),
    ],
)
def test_bad_usage_is_status_2(words, message, capsys):
    assert run(["resolve", *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert not out

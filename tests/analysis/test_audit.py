"""The audit: fair and unfair services, and agreement with the machine that traces one packet."""

import json

import pytest

from natc.analysis.audit import audit
from natc.analysis.chains.odds import THIS_NODE
from natc.cli import run
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.machine import Machine
from tests.support import GOLDEN, case_id, present, shared_cases

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))


def nat(*rules: str) -> str:
    chains = sorted({word for rule in rules for word in rule.split() if word.startswith("KUBE-")})
    head = ["*nat", ":PREROUTING ACCEPT [0:0]", *(f":{chain} - [0:0]" for chain in chains)]
    return "\n".join([*head, *rules, "COMMIT", ""])


def balanced(*chances: str, endpoints: int) -> str:
    """A service whose chain gives the first endpoints these chances and the last one the rest."""
    rules = [
        '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "a/b cluster IP" -m tcp --dport 80 -j KUBE-SVC-X'
    ]
    for number in range(endpoints):
        chance = (
            f"-m statistic --mode random --probability {chances[number]} " if number < len(chances) else ""
        )
        rules.append(f"-A KUBE-SVC-X {chance}-j KUBE-SEP-{number}")
        rules.append(f"-A KUBE-SEP-{number} -p tcp -m tcp -j DNAT --to-destination 10.0.0.{number + 1}:80")
    return nat(*rules)


def only(text: str):
    (service,) = audit(read(text))
    return service


def test_thirds_are_fair_as_far_as_31_bits_allow():
    service = only(balanced("0.33333333349", "0.50000000000", endpoints=3))
    assert service.fair
    assert service.dst == "10.96.0.1:80"
    assert service.name == "a/b"
    assert 0 < service.max_error <= 2**-30
    assert [target.odds.num for target in service.targets] == [715827883, 1431655765 << 30, 1431655765 << 30]


def test_five_digit_chances_are_not():
    """What kube-proxy wrote up to 1.16: 0.33333 for a third."""
    service = only(balanced("0.33333", "0.50000", endpoints=3))
    assert not service.fair
    assert service.problem.startswith("unfair")


def test_a_target_that_is_missing_shows():
    service = only(balanced("0.50000000000", "0.50000000000", endpoints=2))
    assert not service.fair
    assert service.max_error == pytest.approx(0.25)


def test_a_service_without_targets_leads_nowhere():
    service = only(nat("-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X"))
    assert service.problem == "leads nowhere"
    assert service.targets == ()


def test_marking_is_no_destination():
    rules = ("-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ",
             "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000")  # fmt: skip
    assert audit(read(nat(*rules))) == ()


def test_turns_are_no_odds():
    rules = ("-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X",
             "-A KUBE-SVC-X -m statistic --mode nth --every 2 --packet 0 -j KUBE-SEP-1",
             "-A KUBE-SEP-1 -p tcp -j DNAT --to-destination 10.0.0.1:80")  # fmt: skip
    assert only(nat(*rules)).problem.startswith("open")


def test_a_refused_service_is_listed():
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
        '-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment "a/b has no endpoints" -m tcp --dport 80 '
        "-j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n"
    )
    assert only(text).problem == "has no endpoints"


@pytest.mark.parametrize(("asked", "dst"), [
    ("-d 10.0.0.1", "10.0.0.1:80"), ("-d 10.0.0.1/32", "10.0.0.1:80"), ("-d 10.0.0.0/8", "10.0.0.0/8:80"),
    ("", ":80"), ("! -d 10.0.0.1/32", None),
])  # fmt: skip
def test_what_a_rule_asks_for_is_named(asked, dst):
    rule = f"-A KUBE-SERVICES {asked} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.9:80"
    assert [service.dst for service in audit(read(nat(rule)))] == [dst] * (dst is not None)


def test_any_port_but_one_is_no_destination():
    rule = "-A KUBE-SERVICES -d 10.0.0.1/32 -p tcp -m tcp ! --dport 80 -j DNAT --to-destination 10.0.0.9:80"
    assert audit(read(nat(rule))) == ()


def test_a_network_of_ipv6_is_named():
    rule = "-A PREROUTING -d 2001:db8::/32 -p tcp -m tcp --dport 80:82 -j DNAT --to-destination [2001:db8::9]"
    assert only(f"*nat\n:PREROUTING ACCEPT [0:0]\n{rule}\nCOMMIT\n").dst == "[2001:db8::/32]:80:82"


@pytest.mark.parametrize(("text", "status"), [
    (balanced("0.50000000000", endpoints=2), 0), (balanced("0.6", endpoints=2), 1),
])  # fmt: skip
def test_the_exit_status_and_the_document(text, status, tmp_path, capsys):
    path = tmp_path / "dump.txt"
    path.write_text(text)
    assert run(["audit", str(path), "--output", "json"]) == status
    (service,) = json.loads(capsys.readouterr().out)["services"]
    assert service["fair"] is (status == 0)
    assert [(target["ip"], target["port"]) for target in service["targets"]] == [
        ("10.0.0.1", 80),
        ("10.0.0.2", 80),
    ]
    assert run(["audit", str(path)]) == status


def by_case(answer) -> list[dict]:
    """The distribution over targets under each condition of a trace."""
    return [
        {str(target): odds for target, rows in answer.targets() for under, odds in rows if under is case}
        for case in answer.cases
    ]


def agrees_with_the_machine(text: str) -> int:
    """Compare every ClusterIP-like service of a dump with its trace; return how many there were."""
    ruleset = read(text)
    machine, compared = Machine.of(ruleset), 0
    for service in audit(ruleset):
        host, _, port = service.dst.rpartition(":")
        if not host or not service.targets or service.targets[0].to == THIS_NODE:
            continue
        packet = question_packet(host.strip("[]"), int(port), proto=service.proto)
        traced = [
            shares for origin in ("network", "local") for shares in by_case(machine.trace(packet, origin))
        ]
        assert {target.to: target.odds for target in service.targets} in traced, service.dst
        compared += 1
    return compared


@pytest.mark.parametrize("dump", DUMPS, ids=case_id)
def test_golden_dumps_agree_with_the_machine(dump):
    agrees_with_the_machine(dump.read_text())


def test_there_is_something_to_compare():
    assert sum(agrees_with_the_machine(dump.read_text()) for dump in DUMPS) > 20


@pytest.mark.shared
@pytest.mark.parametrize("dump", shared_cases("kube-proxy/corpus/1.30/*/save-legacy.txt"), ids=case_id)
def test_recorded_dumps_agree_with_the_machine(dump):
    agrees_with_the_machine(present(dump).read_text())


def test_node_ports_are_judged_by_what_can_come_together():
    """A NodePort with policy Local: pods reach all endpoints, everybody else the local one."""
    chains = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXT-A", "KUBE-SVC-A", "KUBE-SVL-A", "SEP-1", "SEP-2")
    rules = (
        "-A PREROUTING -j KUBE-SERVICES",
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        "-A KUBE-NODEPORTS -p tcp -m tcp --dport 30090 -j KUBE-EXT-A",
        "-A KUBE-EXT-A -s 10.244.0.0/16 -j KUBE-SVC-A",
        "-A KUBE-EXT-A -j KUBE-SVL-A",
        "-A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j SEP-1",
        "-A KUBE-SVC-A -j SEP-2",
        "-A KUBE-SVL-A -j SEP-2",
        "-A SEP-1 -p tcp -j DNAT --to-destination 10.244.0.1:80",
        "-A SEP-2 -p tcp -j DNAT --to-destination 10.244.0.2:80",
    )
    heads = ":PREROUTING ACCEPT", ":OUTPUT ACCEPT", *(f":{name} -" for name in chains)
    (service,) = audit(read("\n".join(["*nat", *heads, *rules, "COMMIT", ""])))
    assert (service.dst, service.problem) == (":30090", "")


def test_many_dumps_in_the_order_given(tmp_path, capsys):
    texts = [balanced("0.50000000000", endpoints=2), balanced("0.9", endpoints=2), balanced(endpoints=1)]
    files = []
    for number, text in enumerate(texts * 3):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(text)
    assert run(["audit", *map(str, files), "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [entry["dump"] for entry in found["dumps"]] == [str(file) for file in files]
    assert [entry["services"][0]["fair"] for entry in found["dumps"]] == [True, False, True] * 3
    singles = []
    for file in files:
        run(["audit", str(file), "--output", "json"])
        singles.append(json.loads(capsys.readouterr().out)["services"])
    assert [entry["services"] for entry in found["dumps"]] == singles


def test_a_dump_among_many_that_cannot_be_read(tmp_path, capsys):
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(balanced(endpoints=1))
    bad.write_text("*nat\n-A X -m tcp --dprot 5\nCOMMIT\n")
    assert run(["audit", str(bad), str(good), str(tmp_path / "none.txt")]) == 2
    out, err = capsys.readouterr()
    assert f"{good}: 1 destination: 1 fair, 0 not" in out
    assert "bad.txt:2" in err
    assert "none.txt:1:1: No such file" in err
    assert run(["audit", str(bad), str(good), "--output", "json"]) == 2
    answers = json.loads(capsys.readouterr().out)["dumps"]
    assert "bad.txt:2" in answers[0]["error"]
    assert answers[1]["services"][0]["fair"]

"""One query looks at a hundredth of what a linear scan looks at."""

from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.index import index_of
from natc.trace.machine import Machine

SERVICES = 2000


def many_services():
    """A nat table whose KUBE-SERVICES has a rule for each of many cluster IPs."""
    chains, jumps, targets = [], [], []
    for number in range(SERVICES):
        vip = f"10.{96 + number // 65536}.{number // 256 % 256}.{number % 256}"
        chains.append(f":SVC-{number} -")
        jumps.append(f"-A KUBE-SERVICES -d {vip}/32 -p tcp -m tcp --dport 80 -j SVC-{number}")
        targets.append(f"-A SVC-{number} -p tcp -j DNAT --to-destination 10.244.0.{number % 250 + 1}:8080")
    heads = [
        ":PREROUTING ACCEPT",
        ":INPUT ACCEPT",
        ":OUTPUT ACCEPT",
        ":POSTROUTING ACCEPT",
        ":KUBE-SERVICES -",
    ]
    lines = ["*nat", *heads, *chains, "-A PREROUTING -j KUBE-SERVICES", *jumps, *targets, "COMMIT", ""]
    return read("\n".join(lines))


def test_a_query_evaluates_a_hundredth_of_the_chain():
    machine = Machine.of(many_services())
    answer = machine.trace(question_packet(f"10.96.{1999 // 256}.{1999 % 256}", 80))
    ((_, outcome),) = answer.cases[0].outcomes
    assert outcome.dnat is not None
    assert answer.rules_evaluated <= SERVICES / 100
    linear = Machine.of(many_services(), use_index=False).trace(answer.packet)
    assert linear.rules_evaluated >= SERVICES


def test_ports_behind_what_remembers_are_no_index():
    counted = ["-A C -m statistic --mode nth --every 2 --packet 0 -m tcp -p tcp --dport 80"] * 20
    text = "\n".join(["*filter", ":INPUT ACCEPT", ":C -", *counted, "-A INPUT -j C", "COMMIT", ""])
    index = index_of(read(text).tables["filter"].chains["C"].rules)
    assert index is not None
    assert index.others == list(range(20))
    assert index.by_port == {}

"""The packets that natc diff prints, sent through the running kernel with either ruleset: it tells them apart."""

from contextlib import closing
from fractions import Fraction

import pytest

from natc.analysis.diff.changes import compare
from natc.analysis.diff.sides import Side
from natc.netfilter.node.host import Host
from natc.text.reader import read
from natc.trace.node.host_node import HostNode
from tests.pairs import Maker
from tests.support import shared
from tests.trace.live_worlds import WORLD4
from tests.trace.test_kernel_live import Kernel

#: Pairs that are compared, and packets that the kernel must have told apart for that to be worth something.
PAIRS, PACKETS = range(1, 13), 12

#: Sources where any will do; rules translate to another of the node's addresses.
OWN, FOREIGN = "10.244.1.254", "192.168.1.77"


@pytest.mark.kernel
@pytest.mark.shared
def test_the_kernel_tells_the_printed_packets_apart():
    told = 0
    with closing(Kernel(shared("kernel/kernel_oracle.py"))) as kernel:
        for seed in PAIRS:
            texts = Maker.of(seed).pair()
            sent = [packet for contrast in contrasts(*texts) if (packet := packet_of(contrast))]
            for packet, *answers in zip(sent, *(asked(kernel, text, sent) for text in texts), strict=True):
                if None not in answers:
                    assert answers[0] != answers[1], (seed, packet, answers)
                    told += 1
    assert told >= PACKETS


def contrasts(a, b):
    node = HostNode(Host.from_node(WORLD4.node()))
    found = compare(*(Side(read(text), node) for text in (a, b)))
    return [contrast for change in found.changes for contrast in change.contrasts]


def packet_of(contrast):
    """Return the packet of a contrast as the program that asks the kernel takes it, None if it cannot be sent.

    It makes first packets of connections, and marks only those that processes send.
    """
    witness, packet = contrast.witness, contrast.witness.as_asked
    local = witness.origin == "local"
    if packet.ctstate != "NEW" or (packet.mark and not local):
        return None
    interface = witness.point.get(packet.in_interface, packet.in_interface)
    interface = interface if interface in WORLD4.neighbours else "eth0"
    fates = [fate for side in (contrast.a, contrast.b) for fate in side]
    source = own_source(fates) if local else FOREIGN
    if isinstance(packet.src, int) or packet.src in witness.point:
        source = packet.show(witness.point.get(packet.src, packet.src))
    if local and source not in WORLD4.own and any(fate.verdict == "REJECT" for fate in fates):
        return None  # the answer goes to somebody else, and only what the sender hears is told
    made = {
        "origin": "local" if local else interface, "src": source, "dst": packet.show(packet.dst),
        "proto": {6: "tcp", 17: "udp", 1: "icmp", 132: "sctp"}.get(packet.proto, str(packet.proto)),
    }  # fmt: skip
    if packet.dport is not None:
        sport = witness.point.get(packet.sport, 40000) if not isinstance(packet.sport, int) else packet.sport
        made |= {"sport": sport or 40000, "dport": packet.dport}
    if made["proto"] == "icmp":
        made["icmp_id"] = 1000
    if local:
        made |= {"mark": packet.mark, "uid": witness.point.get(packet.uid, 0)}
    return made


def own_source(fates):
    """Return an address of the node to which none of its packets is translated: that would change nothing."""
    taken = {fate.final.show(fate.final.src) for fate in fates if fate.final and fate.final.src is not None}
    return next(address for address in (OWN, *WORLD4.own) if address not in taken)


def asked(kernel, text, sent):
    """Return what the kernel does with each packet: its ends with their odds, None where that was not seen."""
    if not sent:
        return []
    case = {"node": WORLD4.node(), "dump": text, "packets": sent, "ipsets": WORLD4.ipsets(), "branches": True}
    answer = kernel.ask(case, "legacy")
    assert "packets" in answer, (answer, text)
    return [ends(packet["branches"]) for packet in answer["packets"]]


def ends(branches):
    found = {}
    for branch in branches:
        result = branch["result"]
        if result["verdict"] == "LOST":
            return None
        snat = result.get("snat", {}).get("ip")
        end = (result["verdict"], result["out"], str(result.get("dnat")), snat, str(result.get("reject")))
        found[end] = found.get(end, 0) + Fraction(branch["num"], 2 ** branch["exp2"])
    return found

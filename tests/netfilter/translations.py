"""A connection through a virtual address, and mappings as rules write them, for the tests of NAT."""

from typing import Any

from natc.netfilter.conntrack.connection import Connection, Tuple
from natc.netfilter.kinds.nat import NatTarget
from natc.netfilter.nat.mapping import Mapping
from tests.netfilter.nodes import number

CLIENT, VIP, POD, NODE = map(number, ("192.168.1.77", "10.96.0.10", "10.244.1.5", "192.168.1.10"))
TCP = Tuple(4, 6, CLIENT, 40000, VIP, 80)


def new(original: Tuple = TCP, **more: Any) -> Connection:
    reply = original.inverted()
    assert reply is not None
    return Connection(original, reply, **more)


def mapping(text: str, **more: bool) -> Mapping:
    return Mapping.of(NatTarget().parse([text]), **more)

"""The question of ``natc trace``: which packet, from where, on what node."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import Command, with_options
from natc.errors import Span, UsageError

if TYPE_CHECKING:
    from natc.netfilter.packet import Packet
    from natc.text.node.bundle import Bundle
    from natc.trace.node.view import NodeView


_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID")
#: The longest name of an interface (IFNAMSIZ without its end).
_LONGEST_NAME = 15
_ADDRESS = "IP:PORT or [IPV6]:PORT"
_OPTIONS = (
    click.option("--dst", help="Where to: IP:PORT, '[IPV6]:PORT', IP, or with --manifests NAME:PORT; "
                 "such as 10.96.0.1:443."),
    click.option("--src", help="Where from: IP or IP:PORT, such as 10.244.1.7. Left open by default."),
    click.option("--proto", default="tcp", show_default=True, help="tcp, udp, sctp, icmp or a number."),
    click.option("--in", "interface", help="The interface the packet arrives on, such as eth0."),
    click.option("--local", is_flag=True, help="A process on the node sends it, as curl there would."),
    click.option("--mark", help="The mark it carries, such as 0x4000."),
    click.option("--ctstate", type=click.Choice(_STATES),
                 help="The state of its connection, such as ESTABLISHED for a later packet of one that "
                 "--conntrack does not list.  [default: NEW]"),
    click.option("--node", type=click.Path(), help="A node file (JSON): interfaces, addresses, routes, "
                 "sysctls; such as node.json."),
    click.option("--node-ip", multiple=True, help="An address of the node, such as 192.168.7.3; enough for "
                 "NodePorts. Repeatable."),
    click.option("--packet", "expression",
                 help="A scapy expression such as IP(dst='10.0.0.1')/TCP(dport=80), instead of --dst."),
)  # fmt: skip


def question_options(command: Command) -> Command:
    """Give a command the options that say which packet is meant, and on what node."""
    return with_options(_OPTIONS, command)


def packet_of(asked: dict[str, Any]) -> Packet:
    """Return the packet that is asked about; raise :class:`UsageError` for options that make none."""
    if asked["local"] and asked["interface"]:
        raise UsageError("--in is for packets that arrive, --local for those a process here sends")
    interface = interface_name(asked["interface"])
    mark = _mark(asked["mark"] or "0")
    if asked["expression"]:
        return _packet_of_expression(asked, interface, mark)
    if not asked["dst"]:
        raise UsageError("say where to: --dst IP:PORT, or --packet EXPRESSION")
    from natc.netfilter.packet import question_packet

    dst, dport = address_and_port("--dst", asked["dst"], f"{_ADDRESS}; names need --manifests")
    src, sport = address_and_port("--src", asked["src"]) if asked["src"] else (None, None)
    if src is not None and ip_address(src).version != ip_address(dst).version:
        raise _wrong("--src", asked["src"], f"not of one family with --dst {dst}", f"an address like {dst}")
    try:
        packet = question_packet(
            dst, dport, proto=asked["proto"], src=src, sport=sport, in_interface=interface, mark=mark,
            ctstate=asked["ctstate"] or "NEW",
        )  # fmt: skip
    except ValueError as problem:
        raise UsageError(f"--proto: {problem}", expected="tcp, udp, sctp, icmp or 0-255") from None
    if (dport is not None and packet.dport is None) or (sport is not None and packet.sport is None):
        raise UsageError(f"--proto {asked['proto']} has no ports", expected="--dst IP, --src IP")
    return packet


def _packet_of_expression(asked: dict[str, Any], interface: str | None, mark: int) -> Packet:
    from natc.trace.scapy_packets import packet_of_expression
    from natc.values import evolve

    for name in ("dst", "src"):
        if asked[name]:
            raise UsageError(f"--packet says it all: --{name} cannot be given beside it")
    given: dict[str, Any] = {"in_interface": interface} if interface else {}
    given |= {"mark": mark} if asked["mark"] else {}
    given |= {"ctstate": asked["ctstate"]} if asked["ctstate"] else {}
    return evolve(packet_of_expression(asked["expression"]), **given)


def node_of(asked: dict[str, Any], packet: Packet, bundle: Bundle | None = None) -> NodeView | None:
    """Return what is known of the node: a node file, its addresses, what a bundle has of it, or nothing."""
    from natc.trace.node.view import OpenNode

    if asked["node"] and asked["node_ip"]:
        raise UsageError("--node says which addresses the node has: --node-ip cannot be given beside it")
    if asked["node"]:
        return _node_of_file(asked, packet)
    if bundle and not asked["node_ip"]:
        from natc.cli.bundled import node_in

        return node_in(bundle, packet.family)
    own = [_own_address(text) for text in asked["node_ip"]]
    numbers = frozenset(int(address) for address in own if address.version == packet.family)
    return OpenNode(numbers) if own else None


def _node_of_file(asked: dict[str, Any], packet: Packet) -> NodeView:
    from natc.trace.node.host_node import node_from_file

    node = node_from_file(asked["node"])
    if node.host.family != packet.family:
        raise UsageError(
            f"--node {asked['node']} describes IPv{node.host.family}, the packet is of IPv{packet.family}"
        )
    names = [interface.name for interface in node.host.interfaces]
    if asked["interface"] and asked["interface"] not in names:
        known = ", ".join(names)
        raise _wrong("--in", asked["interface"], "no interface of the node file", f"one of {known}")
    return node


def _own_address(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError:
        raise _wrong("--node-ip", text, "not an IP address", "an address such as 192.168.7.3") from None


def interface_name(name: str | None) -> str | None:
    """Return the name given with ``--in``; raise :class:`UsageError` for what no interface can be called."""
    if name and (len(name) > _LONGEST_NAME or any(letter in " /" for letter in name)):
        raise _wrong(
            "--in", name, "no name of an interface", f"at most {_LONGEST_NAME} letters, such as eth0"
        )
    return name


def address_and_port(option: str, text: str, expected: str = _ADDRESS) -> tuple[str, int | None]:
    """Split ``IP``, ``IP:PORT``, ``IPV6`` or ``[IPV6]:PORT``; raise :class:`UsageError` for anything else."""
    from natc.netfilter.kinds.addresses import address
    from natc.netfilter.kinds.ports import port

    host, number = text, ""
    if text.startswith("["):
        host, _, number = text[1:].partition("]")
        number = number.removeprefix(":")
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
    elif text.count(":") > 2:
        _doubt(option, text)
    try:
        return str(address(host)), port(number) if number else None
    except ValueError as problem:
        raise UsageError(str(problem), Span(option, 1, 1, text, len(text)), expected) from None


def _doubt(option: str, text: str) -> None:
    """Say how an IPv6 address is written with a port, where its last group may have been meant for one."""
    host, _, number = text.rpartition(":")
    with suppress(ValueError):
        if number.isdecimal() and ip_address(host):
            note = f"natc: {option} {text} is an address without a port; with one it is [{host}]:{number}"
            click.echo(note, err=True)


def _mark(text: str) -> int:
    from natc.netfilter.kinds.numbers import number

    try:
        found = number(text)
        if found >> 32:
            raise ValueError(f"{text!r} has more than 32 bits")
    except ValueError as problem:
        raise UsageError(f"--mark: {problem}", expected="a number such as 0x4000") from None
    return found


def _wrong(option: str, text: str, what: str, expected: str) -> UsageError:
    return UsageError(f"{text!r} is {what}", Span(option, 1, 1, text, len(text)), expected)

"""What ``ip -j`` shows of a running node, read into a :class:`~natc.netfilter.node.host.Host`.

``ip -j addr``, ``ip -j route show table all`` and ``ip -j rule``, each of one family; the values are those
of :mod:`json`. The tables are complete, so nothing is added to them.

Facts: what iproute2 6.1 prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from natc.errors import NodeError
from natc.netfilter.node.host import GLOBAL, HOST, LINK, SITE, Host, Interface, InterfaceAddress
from natc.netfilter.node.iproute import PolicyRule, Route, parse_address, parse_route, parse_rule

_FAMILIES = {4: "inet", 6: "inet6"}
_SCOPES = {"global": GLOBAL, "site": SITE, "link": LINK, "host": HOST}
Shown = Sequence[Mapping[str, Any]]


def host_of(family: int, addresses: Shown, routes: Shown, rules: Shown, sysctls: Mapping[str, int]) -> Host:
    """Make a host of what was shown; raise :class:`NodeError` for what ip never prints."""
    forwarding = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}[family]
    try:
        return Host(
            family,
            tuple(interface_of(link, family) for link in addresses),
            tuple(route_of(route, family) for route in routes),
            tuple(rule_of(rule, family) for rule in rules),
            sysctls,
            bool(sysctls.get(forwarding, 0)),
            complete=True,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NodeError(f"not what ip -j shows: {type(error).__name__} {error}") from None


def interface_of(link: Mapping[str, Any], family: int) -> Interface:
    """Read one element of ``ip -j addr``; the addresses stay in the order the kernel has them in."""
    addresses = tuple(
        InterfaceAddress(
            parse_address(shown["local"], family),
            int(shown["prefixlen"]),
            32 if family == 4 else 128,
            _SCOPES.get(str(shown.get("scope")), GLOBAL),
            bool(shown.get("secondary", False)),
        )
        for shown in link.get("addr_info", ())
        if shown.get("family") == _FAMILIES[family]
    )
    kind = link.get("linkinfo", {}).get("info_kind")
    return Interface(link["ifname"], addresses, kind, link.get("master"))


def route_of(shown: Mapping[str, Any], family: int) -> Route:
    """Read one element of ``ip -j route``."""
    words = [shown.get("type", "unicast"), shown["dst"], *_hop_words(shown)]
    for name, word in (("prefsrc", "src"), ("metric", "metric"), ("tos", "tos"), ("scope", "scope")):
        words += [word, shown[name]] if name in shown else []
    words += ["table", shown.get("table", "main")]
    for hop in shown.get("nexthops", ()):
        words += ["nexthop", *_hop_words(hop), "weight", hop.get("weight", 1)]
    if family == 6 and "metric" not in shown:
        words += ["metric", 0]
    return parse_route(" ".join(map(str, words)), family)


def _hop_words(shown: Mapping[str, Any]) -> list[str]:
    words = ["via", shown["gateway"]] if "gateway" in shown else []
    words += ["dev", shown["dev"]] if "dev" in shown else []
    flow = shown.get("flow", {})
    return words + _realm_words(flow.get("from"), flow.get("to"))


def _realm_words(source: object, destination: object) -> list[str]:
    """The realms of a next hop or a rule, as far as they are shown."""
    if destination is None:
        return []
    return ["realms", f"{source}/{destination}" if source is not None else f"{destination}"]


#: The words of a rule with one value each: as JSON names them, and as ip's arguments do.
_RULE_WORDS = {
    "iif": "iif", "oif": "oif", "tos": "tos", "ipproto": "ipproto", "table": "table", "goto": "goto",
    "suppress_prefixlen": "suppress_prefixlength",
}  # fmt: skip
#: Words of a rule with a range: its name where it is one value, else those of its ends.
_RULE_RANGES = {
    "sport": ("sport_start", "sport_end"),
    "dport": ("dport_start", "dport_end"),
    "uidrange": ("uid_start", "uid_end"),
}


def rule_of(shown: Mapping[str, Any], family: int) -> PolicyRule:
    """Read one element of ``ip -j rule``."""
    words: list[object] = ["not"] if "not" in shown else []
    words += ["priority", shown["priority"]]
    for name, word in (("src", "from"), ("dst", "to")):
        if name in shown:
            length = f"/{shown[name + 'len']}" if name + "len" in shown else ""
            words += [word, f"{shown[name]}{length}"]
    if "fwmark" in shown:
        words += ["fwmark", f"{shown['fwmark']}/{shown.get('fwmask', '0xffffffff')}"]
    for name, word in _RULE_WORDS.items():
        words += [word, shown[name]] if name in shown else []
    for word, (low, high) in _RULE_RANGES.items():
        words += [word, f"{shown[low]}-{shown[high]}"] if low in shown else []
        words += [word, shown[word]] if word in shown else []
    words += [
        *_realm_words(shown.get("flow_from"), shown.get("flow_to")),
        *([shown["action"]] if "action" in shown else []),
    ]
    return parse_rule(" ".join(map(str, words)), family)

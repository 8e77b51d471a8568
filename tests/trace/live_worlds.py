"""Nodes for the differential test with the running kernel: what their packets and rules are about."""

from ipaddress import ip_address
from typing import Any

from attrs import evolve, field, frozen
from hypothesis import strategies as st


@frozen
class World:
    """A node and the addresses around it, by which rules and packets are drawn."""

    family: int
    interfaces: dict[str, list[str]]
    neighbours: dict[str, tuple[str, ...]]
    """Hosts behind each interface."""
    virtual: tuple[str, ...]
    """Addresses that nobody has, as of services."""
    elsewhere: tuple[str, ...]
    networks: tuple[str, ...]
    routes: tuple[str, ...]
    rules: tuple[str, ...] = ()
    sysctl: dict[str, int] = field(factory=dict)

    @property
    def own(self) -> tuple[str, ...]:
        return tuple(text.split("/")[0] for texts in self.interfaces.values() for text in texts)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(host for hosts in self.neighbours.values() for host in hosts)

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.own, *self.hosts, *self.virtual, *self.elsewhere)

    @property
    def bits(self) -> int:
        return 32 if self.family == 4 else 128

    def with_port(self, address: str, port: object) -> str:
        """Write an address with a port as DNAT and SNAT take it."""
        return f"[{address}]:{port}" if self.family == 6 else f"{address}:{port}"

    def range_from(self, address: str, more: int) -> str:
        return f"{address}-{ip_address(address) + more}"

    def node(self) -> dict[str, Any]:
        """Return the contents of a node file."""
        made: dict[str, Any] = {
            "family": self.family,
            "interfaces": [{"name": n, "addrs": a} for n, a in self.interfaces.items()],
            "routes": list(self.routes),
            "ip_forward": 1,
        }
        if self.rules:
            made["rules"] = list(self.rules)
        if self.sysctl:
            made["sysctl"] = dict(self.sysctl)
        return made

    def ipsets(self) -> str:
        """Return the sets that rules ask for, as ``ipset save`` prints them."""
        family = " family inet6" if self.family == 6 else ""
        entries = {
            f"ips hash:ip{family}": (self.hosts[0], self.own[0], self.virtual[0]),
            f"nets hash:net{family}": (self.networks[0],),
            f"svc hash:ip,port{family}": tuple(f"{a},tcp:80" for a in (self.virtual[0], self.own[0])),
            "ports bitmap:port range 0-65535": ("80", "8080"),
        }
        lines = []
        for declared, members in entries.items():
            lines.append(f"create {declared}")
            lines += [f"add {declared.split()[0]} {member}" for member in members]
        return "\n".join(lines) + "\n"


WORLD4 = World(
    family=4,
    interfaces={"eth0": ["192.168.1.10/24"], "cni0": ["10.244.1.254/24"], "eth1": ["10.0.5.2/24"]},
    neighbours={
        "eth0": ("192.168.1.77", "192.168.1.11"),
        "cni0": ("10.244.1.5", "10.244.1.6"),
        "eth1": ("10.0.5.9",),
    },
    virtual=("10.96.0.10", "10.96.0.11"),
    elsewhere=("8.8.8.8", "10.66.0.1"),
    networks=("10.244.1.0/24", "10.0.0.0/8", "192.168.1.0/24", "10.96.0.0/12"),
    routes=("default via 192.168.1.1 dev eth0", "unreachable 10.66.0.0/16"),
)
WORLD6 = World(
    family=6,
    interfaces={"eth0": ["2001:db8::10/64"], "cni0": ["fd00:1::fffe/64"], "eth1": ["fd00:5::2/64"]},
    neighbours={
        "eth0": ("2001:db8::77", "2001:db8::11"),
        "cni0": ("fd00:1::5", "fd00:1::6"),
        "eth1": ("fd00:5::9",),
    },
    virtual=("fd00:96::10", "fd00:96::11"),
    elsewhere=("2001:4860::8888", "fd00:66::1"),
    networks=("fd00:1::/64", "fd00::/16", "2001:db8::/64", "fd00:96::/112"),
    routes=("default via 2001:db8::1 dev eth0", "unreachable fd00:66::/64"),
)
_SECOND_WAY = {4: "default via 10.0.5.1 dev eth1 table 100", 6: "default via fd00:5::1 dev eth1 table 100"}


@st.composite
def worlds(draw, family):
    """A node, sometimes with a second way out by mark, source or arriving interface."""
    world = WORLD4 if family == 4 else WORLD6
    by = draw(st.sampled_from(["", "", "fwmark 0x1/0x1", "from " + world.networks[0], "iif cni0"]))
    if by:
        second = _SECOND_WAY[family]
        world = evolve(world, routes=(*world.routes, second), rules=(f"{by} table 100",))
    settings = [{}, {}, {"net.netfilter.nf_conntrack_tcp_loose": 0}]
    if family == 4:
        settings += [{"net.ipv4.conf.all.route_localnet": 1}, {"net.ipv4.conf.all.rp_filter": 1}]
    return evolve(world, sysctl=draw(st.sampled_from(settings)))

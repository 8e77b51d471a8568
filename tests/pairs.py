"""Pairs of small rulesets made by chance, compared by natc diff and packet by packet.

    python -m tests.pairs --count 2000 --seed 1
    python -m tests.pairs --count 200 --seed 1 --netmap     # rules with NETMAP among them
    python -m tests.pairs --count 200 --seed 1 --tee        # rules that copy packets

The second ruleset is the first with a few changes, some of which change nothing for packets. The judge
sends one packet of every class of the product of all fields that the two texts mention: it reads the
constants off the texts itself, and traces every packet with nothing left open.
"""

import argparse
import random
import re
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from itertools import product

from attrs import evolve, frozen

from natc.analysis.diff.changes import Difference, compare
from natc.analysis.diff.fates import Questions, terms_of
from natc.analysis.diff.sides import Side
from natc.netfilter.packet import protocol_number, question_packet
from natc.probability import total
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode

#: Names every extension that rules may use, so that natc needs one parser for all rulesets.
OPENING = (
    "# -m tcp -m udp -m statistic -m addrtype -m conntrack -m mark -m comment -m multiport -m owner "
    "-j MARK -j DNAT -j SNAT -j MASQUERADE -j REDIRECT -j REJECT -j TEE"
)
BUILTIN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "FORWARD"),
    "nat": ("PREROUTING", "PREROUTING", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "FORWARD", "OUTPUT"),
}
USER = ("ONE", "TWO")
#: Where a packet has no outgoing interface yet, and where it has no incoming one any more.
EARLY, LATE = ("PREROUTING", "INPUT"), ("OUTPUT", "POSTROUTING")
ADDRESSES = ("10.96.0.10", "10.96.0.11", "10.244.1.5", "10.244.0.0/16", "10.96.0.10/31")
TARGETS = ("10.244.1.5", "10.244.2.6")
NETWORKS = ("10.244.1.4/30", "10.96.0.8/29", "10.244.0.0/16", "10.244.1.5/32")
ELSEWHERE, OTHER_PORT = "198.51.100.9", 5
SPECIAL = ("0.0.0.0", "0.0.0.9", "127.0.0.9", "224.0.0.9", "240.0.0.9", "255.255.255.255")
INTERFACES = ("eth0", "cni0", "zz0")
GATEWAYS = ("10.244.1.9", "192.0.2.9")
#: What rules may ask for, and how; ``!`` stands where it may be inverted.
ASKED = {
    "-d": [f"! -d {address}" for address in ADDRESSES],
    "-s": ["! -s 10.244.1.5", "! -s 10.244.0.0/16", "! -s 192.0.2.7"],
    "-i": ["! -i eth0", "! -i cni+"],
    "-o": ["! -o eth0", "! -o cni+"],
    "port": ["-m tcp ! --dport 80", "-m tcp --dport 80:8080", "-m multiport ! --dports 80,443"],
    "sport": ["-m tcp ! --sport 1024:65535"],
    "mark": ["-m mark ! --mark 0x1/0x1"],
    "state": [f"-m conntrack ! --ctstate {state}" for state in ("NEW", "ESTABLISHED", "INVALID", "DNAT")],
    "local": ["-m addrtype ! --dst-type LOCAL"],
    "uid": ["-m owner ! --uid-owner 1000"],
}
MARKED = ("-j MARK --set-xmark 0x1/0x1", "-j MARK --set-xmark 0x0/0x1")

#: So many packets are sent for most pairs, all of them for every fourth.
_MOST = 200

Rules = dict[str, list[str]]


@frozen
class Maker:
    """Makes rulesets by chance."""

    chance: random.Random
    kinds: tuple[str, ...]
    """What the rulesets of one pair may ask for: of everything there would be too many packets."""
    netmap: bool = False
    """Whether rules may map networks."""
    tee: bool = False
    """Whether rules may copy packets."""

    @classmethod
    def of(cls, seed: int, *, netmap: bool = False, tee: bool = False) -> "Maker":
        chance = random.Random(seed)
        return cls(chance, ("-d", *chance.sample([*ASKED][1:], 1 if netmap or tee else 2)), netmap, tee)

    def pair(self) -> tuple[str, str]:
        """Return the texts of two rulesets that have much in common."""
        more = self.chance.sample(["raw", "mangle"], self.chance.choice([0, 0, 1]))
        tables = sorted({"nat", "filter", *more, *(["mangle"] if self.tee else [])})
        rules = {table: [self.rule(table) for _ in range(self.chance.randint(2, 6))] for table in tables}
        other = {table: [*lines] for table, lines in rules.items()}
        for _ in range(self.chance.randint(1, 3)):
            self._change(other, self.chance.choice(tables))
        return text_of(rules), text_of(other)

    def _change(self, rules: Rules, table: str) -> None:
        lines = rules[table]
        what = self.chance.choice(["add", "remove", "swap", "again", "alter", "alter"])
        place, other = (self.chance.randrange(max(1, len(lines))) for _ in "12")
        if what == "add" or not lines:
            lines.insert(place, self.rule(table))
        elif what == "remove":
            del lines[place]
        elif what == "again":
            lines.insert(other, lines[place])
        elif what == "swap":
            lines[place], lines[other] = lines[other], lines[place]
        else:
            lines[place] = self.rule(table, lines[place].split()[1])

    def rule(self, table: str, chain: str = "") -> str:
        """Return a rule, of a given chain or of any."""
        pick = self.chance.choice
        of_copies = LATE if self.tee and table == "mangle" else ()
        chain = chain or pick([*BUILTIN[table], *of_copies, *USER])
        asked = [self._asked(kind, chain) for kind in self.chance.sample(self.kinds, pick([0, 1, 1, 2]))]
        header = [words for words in asked if words and "-m" not in words]
        matches = [words for words in asked if "-m" in words]
        proto = "-p tcp" if any("port" in words for words in matches) else pick(["", "", "-p tcp", "-p udp"])
        coin = pick([""] * 5 + ["-m statistic --mode random --probability 0.5"])
        comment = pick([""] * 8 + ["-m comment --comment x"])
        goal = pick(self._goals(table, chain, ":8080" if proto else ""))
        return " ".join(filter(None, [f"-A {chain}", *header, proto, comment, *matches, coin, goal]))

    def _asked(self, kind: str, chain: str) -> str:
        impossible = {"-i": LATE, "-o": EARLY, "uid": ("PREROUTING", "INPUT", "FORWARD", *USER)}
        if chain in impossible.get(kind, ()):
            return ""
        return self.chance.choice(ASKED[kind]).replace("! ", self.chance.choice(["", "", "! "]))

    def _goals(self, table: str, chain: str, port: str) -> list[str]:
        goals = ["-j ACCEPT", "-j RETURN", "", *MARKED]
        if chain != "TWO":
            goals += [f"{jump} {name}" for name in USER if name != chain for jump in ("-j", "-g")]
        if table == "nat":
            return [*goals, *self._translations(chain, port)]
        if self.tee and table == "mangle":
            goals += [f"-j TEE --gateway {gateway}" for gateway in GATEWAYS] * 3
        refusals = ["-j REJECT --reject-with icmp-port-unreachable"] if table == "filter" else []
        return [*goals, "-j DROP", "-j DROP", *refusals]

    def _translations(self, chain: str, port: str) -> list[str]:
        if chain == "POSTROUTING":
            return ["-j MASQUERADE", "-j MASQUERADE", "-j SNAT --to-source 192.168.1.10"]
        if chain in USER:
            return []
        dnat = [f"-j DNAT --to-destination {address}{way}" for address in TARGETS for way in ("", port)]
        mapping = [f"-j NETMAP --to {network}" for network in NETWORKS] * 3 if self.netmap else []
        return [*mapping, *dnat, *dnat, "-j REDIRECT", f"-j REDIRECT --to-ports {port[1:]}" if port else ""]


def text_of(rules: Rules) -> str:
    """Return a ruleset in save form."""
    lines = [OPENING]
    for table, own in rules.items():
        used = [rule.split()[1] for rule in own]
        heads = [
            *(
                f":{name} ACCEPT [0:0]"
                for name in dict.fromkeys([*BUILTIN[table], *used])
                if name not in USER
            ),
            *(f":{name} - [0:0]" for name in USER),
        ]
        lines += [f"*{table}", *heads, *own, "COMMIT"]
    return "\n".join([*lines, ""])


# ---- every packet that the texts tell apart


@frozen
class Sent:
    """A packet with nothing left open, and the node that it meets."""

    origin: str
    dst: str
    proto: str
    dport: int | None
    src: str
    sport: int | None
    interface: str
    mark: int
    state: str
    uid: int
    own: frozenset[int]


def packets(text: str, special: tuple[str, ...], *, any_node: bool = False) -> Iterator[Sent]:
    """Yield one packet of each class of the product of all fields that a text mentions.

    ``any_node``: also with addresses of the node's own where no rule asks which those are.
    """
    has = text.replace(OPENING, "").__contains__
    mapped = re.findall(r"NETMAP --to ([\d./]+)", text)
    dsts = addresses(re.findall(r"(?:-d|--to-destination) ([\d./]+)", text), special, mapped)
    local = any_node or has("LOCAL") or has("-A INPUT") or has("REDIRECT")
    targets = frozenset(int(ip_address(address)) for address in TARGETS)
    for origin, dst, (proto, dport), src, sport, interface, mark, state, uid in product(
        ("network", "local"), dsts, list(transports(text)), addresses(re.findall(r"-s ([\d./]+)", text), ()),
        (500, 2000) if has("--sport") else (2000,), INTERFACES if has("-i ") else INTERFACES[:1],
        (0, 1) if has("--mark") else (0,),
        ("NEW", "ESTABLISHED", "INVALID") if has("--ctstate") else ("NEW", "ESTABLISHED"),
        (0, 1000) if has("--uid") else (0,),
    ):  # fmt: skip
        if (origin == "local" and interface != INTERFACES[0]) or (origin == "network" and uid):
            continue
        owns = [frozenset[int](), frozenset({int(ip_address(dst))}), targets] if local else [frozenset[int]()]
        owns += [frozenset({target}) for target in sorted(targets)] if any_node else []
        for own in dict.fromkeys(owns):
            yield Sent(
                origin,
                dst,
                proto,
                dport,
                src,
                None if dport is None else sport,
                interface,
                mark,
                state,
                uid,
                own,
            )


def addresses(mentioned: list[str], special: tuple[str, ...], mapped: Iterable[str] = ()) -> list[str]:
    """Return an address for each way to be in some of the networks mentioned and not in others.

    And to be mapped into them by ``mapped`` networks; and some that are the same on all nodes.
    """
    networks = [ip_network(word, strict=False) for word in dict.fromkeys(mentioned)]
    targets = [ip_network(word) for word in dict.fromkeys(mapped)]
    points = [ip_address(ELSEWHERE), *(point for net in networks for point in (net[0], net[-1], net[-1] + 1))]
    points += [onto(point, end, like) for like in targets for point in [*points] for end in [*points]]
    found = {
        tuple(one in net for one in (point, *(onto(net[0], point, net) for net in targets)) for net in networks):
        str(point) for point in reversed(points)
    }  # fmt: skip
    plain = [ip_address(address) for address in special]
    others = [onto(address, end, like) for like in targets for address in plain[1:5] for end in points]
    return [*found.values(), *special, *dict.fromkeys(map(str, others))]


def onto(network: IPv4Address, end: IPv4Address, like: IPv4Network) -> IPv4Address:
    """Return the address of the network of one address, as large as another, with the last bits of a third."""
    hosts = int(like.hostmask)
    return IPv4Address(int(network) & ~hosts | int(end) & hosts)


def transports(text: str) -> Iterator[tuple[str, int | None]]:
    """Yield protocols with destination ports."""
    ports = [OTHER_PORT]
    if "port" in text.replace(OPENING, ""):
        ports += [80, 81, 443, 8080]
    yield from (("tcp", port) for port in ports)
    yield from (("udp", port) for port in dict.fromkeys([ports[0], ports[-1]]))
    yield "icmp", None
    yield "253", None
    yield "sctp", OTHER_PORT


class Judge:
    """What one ruleset does with single packets."""

    def __init__(self, text: str, *, copies: bool) -> None:
        self.ruleset = read(text)
        self.machine = Machine.of(self.ruleset)
        self.questions = Questions(self.ruleset)
        self.copies = [f"of the copy to {gateway}" for gateway in GATEWAYS if copies]

    def fates(self, sent: Sent) -> dict[object, object] | None:
        """Return each fate with its odds, by the interfaces that it may leave by."""
        packet = question_packet(
            sent.dst, sent.dport, proto=sent.proto, src=sent.src, sport=sent.sport, in_interface=sent.interface,
            mark=sent.mark, ctstate=sent.state,
        )  # fmt: skip
        if sent.origin == "local":
            packet = evolve(packet, uid=sent.uid, gid=0)
        machine = evolve(self.machine, node=OpenNode(sent.own))
        terms = terms_of(machine.trace(packet, sent.origin), self.questions, machine.node)
        values = dict.fromkeys(value for term in terms for value in term.facts)
        if any(value.kind != "outgoing interface" for value in values):
            return None  # it hangs on what nobody has said
        found: dict[object, object] = {}
        for chosen in product(INTERFACES, repeat=2 + len(self.copies)):
            names = dict(zip(("", "before translation", *self.copies), chosen, strict=True))
            sums: dict[object, list[object]] = {}
            for term in terms:
                if all(names[value.subject] in domain for value, domain in term.facts.items()):
                    sums.setdefault(term.fate, []).append(term.odds)
            found[chosen] = {fate: total(odds) for fate, odds in sums.items()}
        return found


def disagreement(
    found: Difference, a: str, b: str, *, special: bool = True, most: int = sys.maxsize
) -> str | None:
    """Return in what a difference and the judge do not agree about two texts, None if they do.

    ``special``: packets to addresses that are the same on all nodes are judged, too. Of more than ``most``
    packets some are judged, and whether a change is invented only if all are.
    """
    sent_ones = [*packets(a + b, SPECIAL if special else ())]
    judged_all = len(sent_ones) <= most
    if not judged_all:
        sent_ones = random.Random(most).sample(sent_ones, most)
    judges = tuple(Judge(text, copies="-j TEE" in (a + b).replace(OPENING, "")) for text in (a, b))
    unlike, unclear = [], []
    for sent in sent_ones:
        one, other = (judge.fates(sent) for judge in judges)
        if one is None or other is None:
            unclear.append(sent)
        elif one != other:
            unlike.append(sent)
    for sent in unlike:
        if not covered(found, sent):
            return f"missed: {sent}"
    for change in found.changes:
        judged = judged_all and (special or not all(of.special for of in change.classes))
        seen = any(is_of(change, sent) for sent in [*unlike, *unclear])
        if judged and not seen and not is_real(change, judges, a + b):
            return f"invented: {change.dst}/{change.proto} {change.contrasts[0].witness}"
    return "open questions, where there are none" if found.unsure and not unclear else None


def is_real(change: object, judges: tuple[Judge, Judge], text: str) -> bool:
    """Tell whether some node treats a packet of a change differently: one that has the targets' addresses."""
    one, other = judges
    sent_ones = (sent for sent in packets(text, SPECIAL, any_node=True) if is_of(change, sent))
    return any(one.fates(sent) != other.fates(sent) for sent in sent_ones)


def covered(found: Difference, sent: Sent) -> bool:
    return any(is_of(change, sent) for change in found.changes)


def is_of(change: object, sent: Sent) -> bool:
    """Tell whether a packet goes to a destination that is told to have changed."""
    address, proto = int(ip_address(sent.dst)), protocol_number(sent.proto)
    for of in change.classes:
        there = address in of or (change.on_node and address in sent.own)
        if there and proto in of.protocols and (of.ports is None or sent.dport in of.ports):
            return True
    return False


def main() -> None:
    """Compare many pairs, and print those about which the two do not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--netmap", action="store_true", help="rules that map networks, too")
    parser.add_argument("--tee", action="store_true", help="rules that copy packets, too")
    asked = parser.parse_args()
    wrong, differing = 0, 0
    for seed in range(asked.seed, asked.seed + asked.count):
        a, b = Maker.of(seed, netmap=asked.netmap, tee=asked.tee).pair()
        found = compare(Side(read(a)), Side(read(b)))
        problem = disagreement(found, a, b, special=seed % 8 == 0, most=_MOST if seed % 4 else sys.maxsize)
        if problem:
            wrong += 1
            print(f"seed {seed}: {problem}\n{a}\n{b}", flush=True)
        differing += bool(found)
    print(f"{asked.count} pairs, {differing} of them not the same: {wrong} disagreements")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

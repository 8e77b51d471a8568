"""Rulesets for the differential test with the running kernel: each rule one that iptables-restore takes."""

from attrs import frozen
from hypothesis import strategies as st

from tests.trace.live_worlds import World

PRE, IN, FWD, OUT, POST = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"
HOOKS = {
    "raw": (PRE, OUT),
    "mangle": (PRE, IN, FWD, OUT, POST),
    "nat": (PRE, IN, OUT, POST),
    "filter": (IN, FWD, OUT),
    "security": (IN, FWD, OUT),
}
#: User chains by table, and the hooks from which they may be reached. Each calls only those after it.
USER_CHAINS = {
    "raw": {},
    "mangle": dict.fromkeys(("ONE", "TWO", "THREE"), HOOKS["mangle"]),
    "nat": {"ONE": HOOKS["nat"], "DNATS": (PRE, OUT), "SNATS": (POST,)},
    "filter": dict.fromkeys(("ONE", "TWO", "THREE"), HOOKS["filter"]),
    "security": {"ONE": HOOKS["security"]},
}
PORTS = (80, 443, 8080, 30080)
MARKS = ("0x1/0x1", "0x2/0x3", "0x4/0xff", "0x10/0x10")
STATES = ("NEW", "INVALID", "ESTABLISHED,RELATED", "ESTABLISHED", "DNAT", "NEW,SNAT", "UNTRACKED")
COINS = ("0.25", "0.50000000000", "0.33333333349", "0.9")


@frozen
class Place:
    """Where a rule stands."""

    world: World
    table: str
    chain: str
    hooks: tuple[str, ...]
    """The hooks from which a packet may come there."""
    stateful: bool
    """Packets follow each other; else every random branch of each is looked at by itself."""

    @property
    def builtin(self) -> bool:
        return self.chain in HOOKS[self.table]

    def only(self, *hooks: str) -> bool:
        return set(self.hooks) <= set(hooks)


@st.composite
def dumps(draw, world, stateful):
    """A ruleset of most of the tables, in the form of iptables-save."""
    coins = [0 if stateful else 4]
    tables = ["mangle", "nat", "filter", *draw(st.sampled_from([(), ("raw",), ("security",)]))]
    lines = [_mentions()]
    for table in tables:
        policies = {c: draw(_policy(table)) for c in HOOKS[table]}
        lines += [f"*{table}", *(f":{chain} {policy} [0:0]" for chain, policy in policies.items())]
        lines += [f":{chain} - [0:0]" for chain in USER_CHAINS[table]]
        reached = {chain: (chain,) for chain in HOOKS[table]} | USER_CHAINS[table]
        for chain, hooks in reached.items():
            place = Place(world, table, chain, hooks, stateful)
            lines += [draw(rules(place, coins)) for _ in range(draw(st.integers(0, 3)))]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def _mentions() -> str:
    """A remark that names every extension, so that natc needs one parser for all rulesets."""
    from natc.text.grammar import all_blocks

    words = (("-m " if b.startswith("matches") else "-j ") + b.split("/")[1] for b in sorted(all_blocks()))
    return "# " + " ".join(words)


def _policy(table):
    return st.sampled_from(["ACCEPT"] * 5 + ["DROP"] if table == "filter" else ["ACCEPT"])


@st.composite
def rules(draw, place, coins):
    world = place.world
    words = [f"-A {place.chain}"]
    asked = draw(st.sampled_from(["", "", "-s", "-d", "-d", "-i", "-o"]))
    words += draw(_header(place, asked)) if asked else []
    proto = draw(st.sampled_from(["", "", "tcp", "tcp", "udp", "icmp", "sctp"]))
    if proto:
        words.append("-p ipv6-icmp" if (proto, world.family) == ("icmp", 6) else f"-p {proto}")
    if draw(st.integers(0, 2)):
        words.append(draw(st.sampled_from(list(matches(place, proto)))))
    if coins[0] and place.table != "raw" and draw(st.integers(0, 4)) == 0:
        coins[0] -= 1
        words.append(f"-m statistic --mode random --probability {draw(st.sampled_from(COINS))}")
    words.append(draw(st.sampled_from(list(goals(place, proto)))))
    return " ".join(word for word in words if word)


@st.composite
def _header(draw, place, asked):
    negation = draw(st.sampled_from(["", "", "! "]))
    if asked in ("-s", "-d"):
        world = place.world
        return [f"{negation}{asked} {draw(st.sampled_from([*world.addresses, *world.networks]))}"]
    wrong = (OUT, POST) if asked == "-i" else (PRE, IN)
    if place.builtin and place.chain in wrong:
        return []
    return [f"{negation}{asked} {draw(st.sampled_from(['eth0', 'cni0', 'eth+', 'lo']))}"]


def matches(place, proto):
    """Yield what a rule may ask, beyond addresses and protocol."""
    yield from _always(place)
    yield from _by_proto(place, proto)
    yield from _by_hook(place)
    if place.stateful:
        yield from _counting(place)


def _always(place):
    world = place.world
    hop = "-m hl --hl" if world.family == 6 else "-m ttl --ttl"
    for negation in ("", "! "):
        yield f"-m mark {negation}--mark {MARKS[0]}"
        yield f"-m connmark {negation}--mark {MARKS[1]}"
        yield f"-m addrtype {negation}--dst-type LOCAL"
        yield f"-m iprange {negation}--dst-range {world.range_from(world.hosts[0], 3)}"
        yield f"-m set {negation}--match-set ips src"
        yield f"-m set {negation}--match-set svc dst,dst"
    yield from (f"-m conntrack --ctstate {state}" for state in STATES)
    yield f"-m conntrack --ctorigdst {world.virtual[0]}/{world.bits}"
    yield f"-m conntrack --ctreplsrc {world.hosts[2]}/{world.bits} --ctdir ORIGINAL"
    yield from ("-m set --match-set nets dst", "-m set --match-set ports dst", "-m length --length 0:60")
    if world.family == 6:
        yield from _about_headers(world)
    yield from (f"{hop}-gt 62", f"{hop}-lt 64", "-m tos --tos 0x10/0x3f", "-m dscp --dscp 0x04")


def _about_headers(world):
    for negation in ("", "! "):
        yield f"-m ah {negation}--ahspi 0:500"
        yield f"-m dst {negation}--dst-len 8 --dst-opts 30:4"
        yield f"-m hbh {negation}--hbh-len 8"
        yield f"-m rt {negation}--rt-segsleft 1"
        yield f"-m srh {negation}--srh-psid {world.networks[0]}"
        yield f"-m ipv6header {negation}--header dst,prot"
        yield f"-m ipv6header {negation}--header dst --soft"
    yield from ("-m frag --fragfirst", "-m frag --fraglast --fragres")


def _by_proto(place, proto):
    if not proto:
        yield "-p ipcomp -m ipcomp ! --ipcompspi 9"
        if place.world.family == 6:
            yield from ("-p mobility-header -m mh --mh-type 5", "-p mobility-header -m mh ! --mh-type 1:5")
    if proto in ("tcp", "udp", "sctp"):
        yield f"-m {proto} --dport 80"
        yield f"-m {proto} ! --dport 443:500"
        yield f"-m {proto} --sport 40000:40050"
        yield "-m multiport --dports 80,8080:30080"
        yield "-m multiport ! --ports 443"
    if proto == "sctp":
        yield from ("-m sctp --chunk-types any INIT,DATA", "-m sctp ! --chunk-types only DATA")
    if proto == "tcp":
        yield from ("-m tcp --tcp-flags FIN,SYN,RST,ACK SYN", "-m tcp ! --tcp-flags ACK ACK")
    if proto == "icmp" and place.world.family == 4:
        yield from ("-m icmp --icmp-type 8", "-m icmp --icmp-type 3/1", "-m icmp ! --icmp-type 0")
    if proto == "icmp" and place.world.family == 6:
        yield from ("-m icmp6 --icmpv6-type 128", "-m icmp6 ! --icmpv6-type 129")


def _by_hook(place):
    if place.only(OUT, POST):
        yield from (
            "-m owner --uid-owner 1337",
            "-m owner ! --uid-owner 1337",
            "-m owner --gid-owner 1000-2000",
        )
    if place.only(PRE, IN, FWD):
        yield from ("-m mac --mac-source 02:00:00:00:00:01", "-m addrtype --dst-type LOCAL --limit-iface-in")
        yield "-m devgroup --src-group 0x0"
        if place.world.family == 6:
            yield "-m eui64"
    if place.world.family == 4 and place.only(IN, FWD, OUT, POST):
        yield from (
            "-m realm --realm cosmos",
            "-m realm ! --realm 0x5/0xff",
            "-m realm --realm 0x70000/0xffff0000",
        )
    if place.only(PRE) and place.table in ("raw", "mangle"):
        yield from ("-m rpfilter", "-m rpfilter --invert", "-m rpfilter --loose --validmark")


def _counting(place):
    """Matches that remember the packets before."""
    mask = "255.255.255.255" if place.world.family == 4 else "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    for asked in ("--set", "--rcheck --seconds 600", "--update --seconds 600 --hitcount 2", "--remove"):
        yield f"-m recent {asked} --name L1 --mask {mask} --rsource"
    yield from (f"-m statistic --mode nth --every {n} --packet {n - 1}" for n in (1, 2, 3))
    yield from ("-m limit --limit 1/hour --limit-burst 2", "-m quota --quota 150", "-m quota ! --quota 200")
    own = f"{place.table[:2]}-{place.chain[:6]}"
    yield f"-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name {own}"
    yield f"-m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 --hashlimit-name {own}a"
    # Its clock earns a second's worth of bytes in a second: a rate far above, and rates measured over an hour.
    yield f"-m hashlimit --hashlimit-upto 64kb/s --hashlimit-burst 1mb --hashlimit-name {own}b"
    measured = "--hashlimit-rate-match --hashlimit-rate-interval 3600"
    yield f"-m hashlimit --hashlimit-above 100b/s --hashlimit-name {own}c {measured}"
    yield f"-m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 1 --hashlimit-name {own}d {measured}"
    # How soon the kernel forgets connections it has counted hangs on its clock: no thresholds near the counts.
    yield f"-m connlimit --connlimit-above 0 --connlimit-mask {place.world.bits} --connlimit-saddr"
    yield "-m connlimit --connlimit-upto 1000 --connlimit-mask 0 --connlimit-daddr"
    yield "-m connbytes --connbytes 2 --connbytes-mode packets --connbytes-dir both"
    yield "-m connbytes ! --connbytes 50:120 --connbytes-mode bytes --connbytes-dir original"
    yield "-m connbytes --connbytes 40:59 --connbytes-mode avgpkt --connbytes-dir reply"


def goals(place, proto):
    """Yield what a rule may do."""
    yield from ["", "-j RETURN", "-j ACCEPT", "-j LOG", "-j NFLOG --nflog-group 9", *_called(place)]
    if place.stateful:
        yield from ("-j SET --add-set ips src", "-j SET --del-set ips dst")
    yield from _OF_TABLE[place.table](place, proto)


def _called(place):
    chains = USER_CHAINS[place.table]
    names = list(chains)
    later = names[names.index(place.chain) + 1 :] if place.chain in names else names
    for name in later:
        if place.only(*chains[name]):
            yield from (f"-j {name}", f"-j {name}", f"-g {name}")


def _marking(place):
    yield from (f"-j MARK --set-xmark {mark}" for mark in MARKS)
    yield from ("-j MARK --or-mark 0x2", "-j MARK --and-mark 0xfffffffe")
    yield from ("-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j CONNMARK --set-xmark 0x1/0x1")


def _raw(place, proto):
    yield from ("-j NOTRACK", "-j CT --notrack", "-j DROP", f"-j MARK --set-xmark {MARKS[0]}")
    if place.stateful:
        yield from ("-j CT --zone 7", "-j CT --zone-orig 3")


def _mangle(place, proto):
    yield from _marking(place)
    hop = "HL --hl" if place.world.family == 6 else "TTL --ttl"
    yield from (
        f"-j {hop}-dec 1",
        f"-j {hop}-set 33",
        "-j TOS --set-tos 0x10/0x3f",
        "-j DSCP --set-dscp 0x04",
    )
    if place.only(FWD, OUT, POST):
        yield "-j CLASSIFY --set-class 0001:0001"
    if proto == "tcp":
        yield "-m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000"


def _nat(place, proto):
    yield f"-j MARK --set-xmark {MARKS[0]}"
    yield f"-j MARK --set-xmark {MARKS[3]}"
    ported = proto in ("tcp", "udp", "sctp")
    if place.only(PRE, OUT):
        yield from _destinations(place.world, ported)
    if place.only(POST):
        yield from ("-j MASQUERADE", "-j MASQUERADE")
        if not place.stateful:
            yield "-j MASQUERADE --random-fully"
    # A flow whose new source is another's the kernel drops behind its last hook: it is not seen to go in INPUT.
    if place.only(POST) or (place.only(IN) and not place.stateful):
        yield from _sources(place, ported)
    elif place.only(IN) and ported:
        yield f"-j SNAT --to-source {place.world.own[0]}"


def _destinations(world, ported):
    pods = world.neighbours["cni0"]
    yield from (f"-j DNAT --to-destination {pod}" for pod in pods)
    yield f"-j DNAT --to-destination {world.range_from(pods[0], 1)}"
    yield f"-j DNAT --to-destination {world.own[0]}"
    yield from ("-j REDIRECT", f"-j NETMAP --to {world.networks[0]}")
    if ported:
        yield from (f"-j DNAT --to-destination {world.with_port(pods[1], p)}" for p in (8080, "8080-8090"))
        yield from ("-j DNAT --to-destination :8080", "-j REDIRECT --to-ports 8080")


def _sources(place, ported):
    world = place.world
    yield from (f"-j SNAT --to-source {world.own[0]}", f"-j SNAT --to-source {world.virtual[1]}")
    yield f"-j SNAT --to-source {world.range_from(world.virtual[0], 3)}"
    if ported:
        yield f"-j SNAT --to-source {world.with_port(world.own[1], 50000)}"
    if ported and not place.stateful:
        yield f"-j SNAT --to-source {world.with_port(world.own[1], '50000-50003')}"


def _filter(place, proto):
    yield from ("-j DROP", "-j REJECT", f"-j MARK --set-xmark {MARKS[1]}", "-j CONNMARK --save-mark")
    words = "icmp6-{}" if place.world.family == 6 else "icmp-{}"
    yield f"-j REJECT --reject-with {words.format('port-unreachable')}"
    yield f"-j REJECT --reject-with {'icmp6-adm-prohibited' if place.world.family == 6 else 'icmp-host-prohibited'}"
    if proto == "tcp":
        yield "-j REJECT --reject-with tcp-reset"


def _security(place, proto):
    yield "-j DROP"
    yield from _marking(place)


_OF_TABLE = {"raw": _raw, "mangle": _mangle, "nat": _nat, "filter": _filter, "security": _security}

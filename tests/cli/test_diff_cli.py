"""natc diff: text, JSON and exit status, and that the lines for natc trace run and show the difference."""

import json
import shlex
from pathlib import Path

import pytest

from natc.cli import run
from tests.bundles import RULES, bundle
from tests.support import GOLDEN

FOLDER = GOLDEN / "kube-proxy/1.29.1-901"
BEFORE = str(FOLDER / "save-legacy.txt")


@pytest.fixture
def after(tmp_path):
    """The node with the second of the service's two endpoints gone."""
    lines = (FOLDER / "save-legacy.txt").read_text().splitlines(keepends=True)
    kept = (line for line in lines if "10.244.2.14" not in line)
    text = "".join(kept).replace("-m statistic --mode random --probability 0.50000000000 ", "")
    path = tmp_path / "after.txt"
    path.write_text(text)
    return str(path)


def test_text_shows_odds_on_both_sides(after, capsys):
    assert run(["diff", BEFORE, after]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "2 destinations changed\n\n10.105.182.209:3000/tcp  default/nodeport-svc cluster IP\n"
    )
    assert "        50 %       100 %   10.244.0.23:8080\n        50 %           -   10.244.2.14:8080\n" in out
    assert ":30090/tcp on the node's addresses  default/nodeport-svc\n" in out


def test_the_lines_for_trace_run_and_show_the_difference(after, capsys):
    run(["diff", BEFORE, after, "--output", "json"])
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {"dst", "proto", "a", "b", "packet"} <= changes[0].keys()
    for change in changes:
        targets = []
        for side in "ab":
            words = shlex.split(change["trace"][side])
            assert run([*words[1:], "--output", "json"]) == 0
            answer = json.loads(capsys.readouterr().out)
            targets.append({target["ip"] for target in answer["targets"]})
        assert targets == [{"10.244.0.23", "10.244.2.14"}, {"10.244.0.23"}]


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_difference_is_silence(output, tmp_path, capsys):
    lines = (FOLDER / "save-legacy.txt").read_text().replace("KUBE-SVC", "OTHER").splitlines(keepends=True)
    other = tmp_path / "other.txt"
    other.write_text("".join(line for line in lines if not line.startswith("#")))
    assert run(["diff", BEFORE, str(other), "--output", output]) == 0
    out = capsys.readouterr().out
    assert out == "" if output == "text" else json.loads(out)["changes"] == []


def test_manifests_are_compiled_as_the_other_sides_kube_proxy_would(after, capsys):
    manifests = str(FOLDER / "cluster.yaml")
    assert run(["diff", manifests, manifests, "--cluster-cidr", "10.244.0.0/16"]) == 0
    assert run(["diff", BEFORE, manifests]) == 0
    assert run(["diff", after, manifests]) == 1
    assert "    natc compile " in capsys.readouterr().out
    assert run(["diff", BEFORE, manifests, "--masquerade-all"]) == 1
    out = capsys.readouterr().out
    assert "50 %           -   10.244.0.23:8080, source kept" in out
    assert "--masquerade-all=true" in out


def test_one_destination_can_be_asked_for(after, capsys):
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.209:3000"]) == 1
    assert capsys.readouterr().out.startswith("1 destination changed\n")
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.210"]) == 1  # as an address of the node
    assert ":30090/tcp" in capsys.readouterr().out
    assert run(["diff", BEFORE, after, "--dst", "10.105.182.209:3001"]) == 0


def test_a_destination_that_is_none_is_refused_of_one_dump_too(capsys):
    assert run(["diff", BEFORE, BEFORE, "--dst", "x"]) == 2
    assert capsys.readouterr().err.startswith("--dst:1:1: 'x' is not an IP address")


def test_both_cannot_be_standard_input(capsys):
    assert run(["diff", "-", "-"]) == 2
    assert capsys.readouterr().err == "both sides cannot be standard input\n"


def test_bundles_bring_their_node_and_lend_it(tmp_path, capsys):
    other = RULES.replace("10.1.0.2", "10.1.0.3")
    paths = [tmp_path / name for name in ("one.tar", "two.tar", "two.txt")]
    paths[0].write_bytes(bundle())
    paths[1].write_bytes(bundle(**{"iptables-save": other, "iptables-nft-save": other, "conntrack": ""}))
    paths[2].write_text(other)
    one, two, text = map(str, paths)
    assert run(["diff", one, one]) == 0
    assert capsys.readouterr().out == ""
    assert run(["diff", one, two]) == 1
    assert "10.0.0.5:1/tcp\n" in capsys.readouterr().out
    assert run(["diff", one, text]) == 1
    out = capsys.readouterr().out
    assert f"natc trace {text} --node-ip 10.0.0.5 --dst 10.0.0.5:1\n" in out


def test_a_chain_that_only_the_node_itself_comes_to(tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for path, rule in zip(paths, ("-A INPUT -p tcp -m tcp --dport 22 -j DROP\n", ""), strict=True):
        path.write_text(f"*filter\n:INPUT ACCEPT [0:0]\n{rule}COMMIT\n")
    assert run(["diff", *map(str, paths)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1 destination changed\n\n:22/tcp on the node's addresses\n")
    assert "       100 %           -   dropped\n" in out
    assert " --dst 1.0.0.0:22 --node-ip 1.0.0.0\n" in out


def test_what_somebody_gets_of_a_copy_is_a_difference(tmp_path, capsys):
    """A rule of OUTPUT meets the copy of a packet that is only forwarded, with the destination nat gave it."""
    dump = (
        "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j TEE --gateway 10.0.0.9\nCOMMIT\n"
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.0.0.5\nCOMMIT\n"
        "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.0.0.5/32 -j {}\nCOMMIT\n"
    )
    paths = [tmp_path / name for name in "ab"]
    for path, verdict in zip(paths, ("ACCEPT", "DROP"), strict=True):
        path.write_text(dump.format(verdict))
    assert run(["diff", *map(str, paths), "--dst", "10.96.0.1"]) == 1
    out = capsys.readouterr().out
    assert "       100 %           -   10.0.0.5:1, a copy for 10.0.0.9 sent\n" in out
    assert "           -       100 %   10.0.0.5:1\n" in out


def test_a_port_that_translation_keeps_is_asked_for_behind_it(tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for path, port in zip(paths, (8080, 8081), strict=True):
        path.write_text(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.0.0.5\n"
            "COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n"
            f"-A FORWARD -d 10.0.0.5/32 -p tcp -m tcp --dport {port} -j DROP\nCOMMIT\n"
        )
    assert run(["diff", *map(str, paths)]) == 1
    out = capsys.readouterr().out
    assert all(f"{dst}/tcp\n" in out for dst in ("10.96.0.1:8080", "10.96.0.1:8081", "10.0.0.5:8080"))


@pytest.mark.parametrize(
    ("asked", "dst"),
    [("-d 203.0.113.0/28 ", "203.0.113.5"), ("", "1.0.0.5"), ("! -d 10.0.0.0/8 -p udp ", "1.0.0.5")],
)
def test_a_network_that_is_mapped_is_told_apart_by_what_rules_behind_ask(asked, dst, tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for path, rule in zip(paths, ("-A FORWARD -d 10.0.0.5/32 -j DROP\n", ""), strict=True):
        path.write_text(
            f"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {asked}-j NETMAP --to 10.0.0.0/28\nCOMMIT\n"
            f"*filter\n:FORWARD ACCEPT [0:0]\n{rule}COMMIT\n"
        )
    assert run(["diff", *map(str, paths)]) == 1
    out = capsys.readouterr().out
    assert f"\n{dst}:1/" in out
    assert ("destination & 0.0.0.15 is 0.0.0.5" in out) is not asked.startswith("-d")


@pytest.mark.parametrize(
    ("asked", "changes"),
    [("-d 224.0.0.251/32", 0), ("-p icmp -m icmp --icmp-type 3", 0), ("-d 10.0.0.1/32", 1)],
)
def test_rejecting_what_nobody_answers_is_dropping_it(asked, changes, tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for path, target in zip(paths, ("REJECT", "DROP"), strict=True):
        path.write_text(f"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD {asked} -j {target}\nCOMMIT\n")
    assert run(["diff", *map(str, paths)]) == changes


def test_what_is_redirected_to_the_node_is_not_forwarded(tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for path, rule in zip(paths, ("-A FORWARD -d 10.96.0.10/32 -j DROP\n", ""), strict=True):
        path.write_text(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j REDIRECT\nCOMMIT\n"
            f"*filter\n:FORWARD ACCEPT [0:0]\n{rule}COMMIT\n"
        )
    assert run(["diff", *map(str, paths)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("2 destinations changed\n\n10.96.0.10:1/tcp\n")
    udp = [line for line in out.splitlines() if "--proto udp" in line]
    assert udp and all(line.endswith("--ctstate ESTABLISHED") for line in udp)
    assert "open:" not in out


@pytest.mark.parametrize(
    ("rule", "expression"),
    [
        ("-p icmp -m icmp --icmp-type 3/1", 'IP(dst="1.0.0.0")/ICMP(type=3, code=1)'),
        ("-p tcp -m tcp --tcp-flags SYN,ACK ACK", 'IP(dst="1.0.0.0")/TCP(dport=1, flags="A")'),
        ("-m ttl --ttl-lt 5", 'IP(dst="1.0.0.0", ttl=1)/TCP(dport=1, flags="S")'),
        ("-m tos --tos 0x10", 'IP(dst="1.0.0.0", tos=16)/TCP(dport=1, flags="S")'),
        ("-m length --length 1000:1500", 'IP(dst="1.0.0.0", len=1000)/TCP(dport=1, flags="S")'),
    ],
)
def test_what_no_option_of_trace_says_is_said_to_scapy(rule, expression, tmp_path, capsys):
    paths = [str(tmp_path / name) for name in "ab"]
    for path, line in zip(paths, (f"-A FORWARD {rule} -j DROP\n", ""), strict=True):
        Path(path).write_text(f"*filter\n:FORWARD ACCEPT [0:0]\n{line}COMMIT\n")
    assert run(["diff", *paths, "--output", "json"]) == 1
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert shlex.split(change["packet"]) == ["--packet", expression]
    verdicts = []
    for side in "ab":
        assert run([*shlex.split(change["trace"][side])[1:], "--output", "json"]) == 0
        verdicts.append([one["verdict"] for one in json.loads(capsys.readouterr().out)["outcomes"]])
    assert verdicts == [["DROP"], ["FORWARD"]]


def test_a_change_of_a_whole_address_is_one(tmp_path, capsys):
    first = next(line for line in Path(BEFORE).read_text().splitlines() if line.startswith("-A KUBE-FORWARD"))
    after = tmp_path / "after.txt"

    def changes(*dropped):
        after.write_text(Path(BEFORE).read_text().replace(first, "\n".join([*dropped, first])))
        assert run(["diff", BEFORE, str(after), "--dst", "10.244.0.23", "--output", "json"]) == 1
        found = json.loads(capsys.readouterr().out)["changes"]
        return [(one["dst"], one["proto"], one["stands_for"]) for one in found]

    drop = "-A KUBE-FORWARD -d 10.244.0.23/32 -j DROP"
    assert changes(drop) == [("10.244.0.23:1", "tcp", ["any port, any protocol"])]
    only = drop.replace("-j", "-p tcp -j")
    assert changes(only) == [("10.244.0.23:1", "tcp", ["any port"])]
    of_one_port = drop.replace("-j", "-p udp -m udp --dport 53 -j")
    assert changes(only, of_one_port) == [
        ("10.244.0.23:1", "tcp", ["any port"]),
        ("10.244.0.23:53", "udp", []),
    ]


def test_masquerading_is_no_change_for_a_process_that_chose_no_address(tmp_path, capsys):
    after = tmp_path / "after.txt"
    after.write_text(Path(BEFORE).read_text().replace("! -s 10.244.0.0/16 ", ""))
    assert run(["diff", BEFORE, str(after)]) == 1
    assert "of the node's own packets those whose process chose an address" in capsys.readouterr().out
    run(["diff", BEFORE, str(after), "--output", "json"])
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    said = {one["origin"]: one["chosen_source"] for one in (change, *change["also"])}
    assert said == {"network": False, "local": True}


@pytest.mark.parametrize(("route", "chosen"), [("", True), (" src 198.51.100.7", False)])
def test_a_node_that_is_known_says_which_source_its_own_packets_have(tmp_path, capsys, route, chosen):
    """Masquerading is none for a process that chose no address, unless the route gives it another."""
    node = {
        "interfaces": [
            {"name": "eth0", "addrs": ["192.0.2.9/24"]},
            {"name": "eth1", "addrs": ["198.51.100.7/24"]},
        ],
        "routes": [f"default via 192.0.2.1 dev eth0{route}"],
    }
    (tmp_path / "node.json").write_text(json.dumps(node))
    paths = [tmp_path / name for name in "ab"]
    for path, rule in zip(paths, ("-A POSTROUTING -p tcp -j MASQUERADE --random-fully\n", ""), strict=True):
        path.write_text(f"*nat\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n{rule}COMMIT\n")
    asked = ["--dst", "8.8.8.8:80", "--node", str(tmp_path / "node.json"), "--output", "json"]
    assert run(["diff", *map(str, paths), *asked]) == 1
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    said = {one["origin"]: one["chosen_source"] for one in (change, *change["also"])}
    assert said["local"] is chosen


def with_affinity(*endpoints):
    """A dump of a service whose clients come back to one of these endpoints, 10.0.0.N."""
    chains = [f"KUBE-SEP-{number}" for number in endpoints]
    asks = [f"-A SVC -m recent --rcheck --name {one} --rsource -j {one}" for one in chains]
    chances = [
        f"-m statistic --mode random --probability {1 / left:.11f} " for left in range(len(chains), 1, -1)
    ]
    shares = [f"-A SVC {chance}-j {one}" for chance, one in zip([*chances, ""], chains, strict=True)]
    ends = [f"-A KUBE-SEP-{n} -p tcp -j DNAT --to-destination 10.0.0.{n}:80" for n in endpoints]
    heads = [f":{name} - [0:0]" for name in ("SVC", *chains)]
    jump = "-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j SVC"
    return "\n".join(["*nat", *heads, jump, *asks, *shares, *ends, "COMMIT", ""])


def test_what_only_one_side_asks_is_answered_as_the_conditions_say(tmp_path, capsys):
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text(with_affinity(1, 2, 3))
    other.write_text(with_affinity(1, 3))
    assert run(["diff", str(one), str(other), "--output", "json"]) == 1
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    shown = {}
    for each in (change, *change["also"]):
        seen = [text for text in each["conditions"] if "was seen by" in text]
        sides = ({part["dnat"]["ip"]: part["odds"]["value"] for part in each[side]} for side in "ab")
        shown[" ".join(seen)] = [{ip: round(odds, 2) for ip, odds in side.items()} for side in sides]
    halves = {"10.0.0.1": 0.5, "10.0.0.3": 0.5}
    assert shown == {
        "": [dict.fromkeys(("10.0.0.1", "10.0.0.2", "10.0.0.3"), 0.33), halves],
        "the source was seen by list KUBE-SEP-2": [{"10.0.0.2": 1.0}, halves],
    }


def test_a_chain_that_is_not_in_the_text_is_a_question_said_once(tmp_path, capsys):
    other = tmp_path / "other.txt"
    other.write_text(Path(BEFORE).read_text().replace("-j KUBE-SERVICES\n", "-j KUBE-MISSING\n", 1))
    assert run(["diff", BEFORE, str(other)]) == 1
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if "KUBE-MISSING" in line]
    assert lines
    assert all(line.count("chain KUBE-MISSING is not in the text") == 1 for line in lines)

"""``make bench``: natc against the programs it is compared with, as a table.

Needs the measuring clusters beside the checkout (NATC_SHARED) and iptables. Every row is a ratio of
CPU time of whole processes, run in turn, the best of five; a row below its bar is good.
"""

import gzip
import json
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import yaml
from attrs import frozen

from tests.benchmarks.capture import Flow, write
from tests.benchmarks.measure import against, cost, natc, python
from tests.support import GOLDEN, SHARED

WHOLE_FILE_LARK = """
import sys
from lark import Lark
from natc.text import grammar
text = open({dump!r}).read()
source = grammar.source(grammar.blocks_named(text)) + '\\nfile: (line NEWLINE)*\\nNEWLINE: "\\\\n"\\n'
patterns = {{}}
def edit(terminal):
    if terminal.name != "NEWLINE":
        grammar._make_whole_word(terminal, patterns)
        terminal.pattern.value = terminal.pattern.value.replace("|$)", "|\\\\n|$)").replace("#.*", "#[^\\\\n]*")
Lark(source, parser="lalr", lexer="contextual", start="file", keep_all_tokens=True, edit_terminals=edit).parse(text)
"""


@frozen
class Row:
    """One comparison; ``bar`` is the ratio that must not be exceeded."""

    what: str
    command: list[str]
    reference: list[str]
    named: str
    bar: float


def main() -> None:
    """Measure every row and print the table."""
    if not (SHARED / "bench").is_dir():
        sys.exit("the measuring clusters are not beside the checkout (NATC_SHARED)")
    with tempfile.TemporaryDirectory() as folder:
        print(f"{date.today()}, {platform.machine()}, Python {platform.python_version()}\n")
        print("| what | against | ratio of CPU | bar | CPU s | peak MiB |\n|---|---|---|---|---|---|")
        for row in rows(Path(folder)):
            ours, theirs = against(row.command, row.reference)
            ratio = ours.cpu / theirs.cpu
            print(
                f"| {row.what} | {row.named} | {ratio:.2f} | {row.bar} "
                f"| {ours.cpu:.2f} / {theirs.cpu:.2f} | {ours.memory:.0f} / {theirs.memory:.0f} |",
                flush=True,
            )
        replay(Path(folder))


#: Packets a second of flows that have been seen, of all that a capture's replay must reach at least.
REPLAY_BAR = 100_000
FLOWS, BEGINNING, PACKETS = 10_000, 50_000, 1_000_000
NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.128.0.1/9"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}


def replay(folder: Path) -> None:
    """Measure a capture of many packets against its beginning: the difference is packets of known flows.

    Connections go straight to pods: to a service they would be open, since a flip of a coin chooses.
    """
    dump = unpacked("bench/kube-proxy-10000.save.gz", folder / "dump.txt")
    ends = re.findall(r"DNAT --to-destination ([\d.]+):(\d+)$", Path(dump).read_text(), re.MULTILINE)[:FLOWS]
    flows = [
        Flow(f"10.129.{number // 250}.{number % 250 + 1}", 20_000 + number, ip, int(port))
        for number, (ip, port) in enumerate(ends)
    ]
    node, costs = folder / "node.json", []
    node.write_text(json.dumps(NODE))
    for packets in (BEGINNING, PACKETS):
        write(folder / "capture.pcap", flows, packets)
        costs.append(cost(natc("trace", dump, "--pcap", str(folder / "capture.pcap"), "--node", str(node))))
    first, all_of_it = costs
    rate = (PACKETS - BEGINNING) / (all_of_it.cpu - first.cpu)
    print(
        f"| replay of a capture, packets of {FLOWS:,} known flows | a second of CPU | {rate:,.0f} "
        f"| at least {REPLAY_BAR:,} | {first.cpu:.2f} for {BEGINNING:,}, {all_of_it.cpu:.2f} for {PACKETS:,} "
        f"| {first.memory:.0f}, {all_of_it.memory:.0f} |"
    )


def rows(folder: Path) -> Iterator[Row]:
    """The comparisons, with their inputs unpacked into ``folder``."""
    dump = unpacked("bench/kube-proxy-10000.save.gz", folder / "dump.txt")
    cluster = unpacked("bench/cluster-10000.json.gz", folder / "cluster.json")
    manifest = folder / "cluster.yaml"
    manifest.write_text(
        yaml.dump_all(json.loads(Path(cluster).read_text())["items"], Dumper=yaml.CSafeDumper)
    )
    restore = ["unshare", "-n", "iptables-legacy-restore", "--test", dump]
    compile_to_restore = (
        "--cluster-cidr",
        "10.128.0.0/9",
        "--hostname-override",
        "node-000",
        "--form",
        "restore",
    )
    small = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
    read = python(f"import natc; natc.load({dump!r})")
    yield Row(
        "read and trace one destination",
        natc("trace", dump, "--dst", "10.96.0.10:80", "--output", "json"),
        restore, "iptables-legacy-restore --test", 0.45,
    )  # fmt: skip
    yield Row("read everything", read, restore, "iptables-legacy-restore --test", 0.35)
    yield Row(
        "read everything", read, python(WHOLE_FILE_LARK.format(dump=dump)), "Lark over the whole file", 0.04
    )
    every_rule = python(f"import natc; sum(1 for rule in natc.load({dump!r}).rules())")
    audit = natc("audit", dump, "--output", "json")
    yield Row("audit of all services, reading included", audit, every_rule, "reading every rule", 1.0)
    yield Row("audit of all services, reading included", audit, natc("fmt", dump), "natc fmt", 1.0)
    yield Row(
        "audit of all services, reading included", audit, read, "natc.load: rules made when asked for", 2.0
    )
    yield Row(
        "compile from JSON", natc("compile", cluster, *compile_to_restore),
        restore, "iptables-legacy-restore --test", 0.5,
    )  # fmt: skip
    yield Row(
        "compile from YAML", natc("compile", str(manifest), *compile_to_restore),
        python(f"import yaml; list(yaml.load_all(open({str(manifest)!r}), yaml.CSafeLoader))"),
        "CSafeLoader alone", 0.3,
    )  # fmt: skip
    yield Row(
        "a dump of 30 rules", natc("trace", small, "--dst", "10.105.182.209:3000", "--output", "json"),
        python("pass"), "python3 -c pass", 8,
    )  # fmt: skip


def unpacked(name: str, path: Path) -> str:
    """Unpack one of the measuring inputs and return where it lies."""
    path.write_bytes(gzip.decompress((SHARED / name).read_bytes()))
    return str(path)


main()

"""``make bench``: natc against the programs it is compared with, as a table.

Needs the measuring clusters beside the checkout (NATC_SHARED) and iptables. Every row is a ratio of CPU
time, or of peak memory, of whole processes run in turn, the best of five; a ratio up to its bar is good.
"Cold" is without natc's cache, "warm" with what an earlier run on the same dump has left there. Python keeps the
byte code of natc's modules, as it does for one that is installed.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from attrs import frozen

from tests.benchmarks.inputs import PACKETS
from tests.benchmarks.measure import Cost, against, cost, natc, python
from tests.support import GOLDEN, SHARED

RESTORE = "iptables-legacy-restore --test"
COLD = {"NATC_NO_CACHE": "1"}
#: A rule of a shape that natc is not delivered with.
ODD_RULE = "-A INPUT -p udplite -m comment --comment x -j LOG"
WHOLE_FILE_LARK = """
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
    """One comparison: of CPU seconds, or of peak memory in MiB."""

    what: str
    command: list[str]
    reference: list[str]
    named: str
    bar: float
    cold: bool = False
    memory: bool = False


def main() -> None:
    """Measure every row and print the table."""
    if not (SHARED / "bench").is_dir():
        sys.exit("the measuring clusters are not beside the checkout (NATC_SHARED)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        subprocess.run([sys.executable, "-m", "tests.benchmarks.inputs", name], check=True)
        print(f"{date.today()}, {platform.machine()}, Python {platform.python_version()}\n")
        print("| what | against | ratio | bar | natc / other |\n|---|---|---|---|---|")
        for row in rows(folder):
            print(measured(row, {"XDG_CACHE_HOME": name}), flush=True)
        print(replayed(folder, {"XDG_CACHE_HOME": name}), flush=True)


def measured(row: Row, warm: dict[str, str]) -> str:
    """Measure one row; the first run of a warm one is not counted."""
    environment = COLD if row.cold else warm
    cost(row.command, environment)

    def reference(command: list[str]) -> Cost:
        return cost(command, environment)

    ours, theirs = against(row.command, row.reference, environment, theirs=reference)
    if row.memory:
        ratio, shown = ours.memory / theirs.memory, f"{ours.memory:.0f} / {theirs.memory:.0f} MiB"
    else:
        ratio, shown = ours.cpu / theirs.cpu, f"{ours.cpu:.2f} / {theirs.cpu:.2f} s"
    return f"| {row.what} | {row.named} | {ratio:.3g} | {row.bar} | {shown} |"


def rows(folder: Path) -> Iterator[Row]:
    """The comparisons."""
    dump, less = str(folder / "dump-10000.txt"), str(folder / "dump-1000.txt")
    restore = ["unshare", "-n", "iptables-legacy-restore", "--test", dump]
    trace = natc("trace", dump, "--dst", "10.96.0.10:80", "--output", "json")
    read, lark = reading(dump), python(WHOLE_FILE_LARK.format(dump=dump))
    audit = natc("audit", dump, "--output", "json")
    yield Row("read and trace one destination, warm", trace, restore, RESTORE, 0.25)
    yield Row("the same, cold", trace, restore, RESTORE, 0.45, cold=True)
    yield Row("the same, --lazy, cold", [*trace, "--lazy"], restore, RESTORE, 0.08, cold=True)
    yield Row("read everything, cold", read, restore, RESTORE, 0.35, cold=True)
    yield Row("importing attrs and click, of all that", python("import attrs, click"), restore, RESTORE, 0.08)
    yield Row("read everything, cold", read, lark, "Lark over the whole file", 0.033, cold=True)
    yield Row("peak memory of that", read, lark, "Lark over the whole file", 0.4, cold=True, memory=True)
    every_rule = python(f"import natc; sum(1 for rule in natc.load({dump!r}).rules())")
    what = "audit of all services, reading included"
    yield Row(what, audit, every_rule, "reading the dump and making its rules", 1.0, cold=True)
    yield Row(what, audit, read, "reading the dump: rules made when asked for", 1.5, cold=True)
    yield from compiling(folder)
    yield from the_desk(folder)
    small = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
    yield Row(
        "a dump of 30 rules, cold", natc("trace", small, "--dst", "10.105.182.209:3000", "--output", "json"),
        python("pass"), "python3 -c pass", 8, cold=True,
    )  # fmt: skip
    odd = folder / "odd.txt"
    odd.write_text(Path(small).read_text().replace("-A INPUT", f"{ODD_RULE}\n-A INPUT", 1))
    yield Row(
        "the same with a line of no delivered shape", natc("trace", str(odd), "--dst", "10.105.182.209:3000"),
        python("pass"), "python3 -c pass", 8, cold=True,
    )  # fmt: skip
    yield Row("10,000 services, time to read", read, reading(less), "1,000 services", 11, cold=True)
    yield Row("10,000 services, memory", read, reading(less), "1,000 services", 10, cold=True, memory=True)


def the_desk(folder: Path) -> Iterator[Row]:
    """What people ask of a large node, against reading its dump."""
    dump, whole, less = (
        str(folder / name) for name in ("dump-10000.txt", "cluster-10000.json", "one-endpoint-less.json")
    )
    pod = str(folder / "one-pod-less.txt")
    asked = {
        "diff, one pod gone": (natc("diff", dump, pod), 3.0),
        "verify, no drift": (natc("verify", dump, whole), 3.0),
        "verify, one endpoint gone": (natc("verify", dump, less), 3.0),
        "who reaches a pod": (natc("who", dump, "10.128.0.19"), 3.0),
        "lint": (natc("lint", dump), 4.0),
        "cost of every service": (natc("cost", dump), 4.0),
    }
    for what, (command, bar) in asked.items():
        yield Row(what, command, reading(dump), "reading the dump", bar, cold=True)


def compiling(folder: Path) -> Iterator[Row]:
    """The comparisons of ``natc compile``."""
    flags = ("--cluster-cidr", "10.128.0.0/9", "--hostname-override", "node-000", "--form", "restore")
    text = folder / "compiled.txt"
    manifests = str(folder / "cluster-10000.json")
    from_json = natc("compile", manifests, *flags)
    text.write_bytes(subprocess.run(from_json, check=True, capture_output=True).stdout)
    restore = ["unshare", "-n", "iptables-legacy-restore", "--test", str(text)]
    yield Row("compile from JSON", from_json, restore, f"{RESTORE} of its output", 0.45)
    recorded = ["unshare", "-n", "iptables-legacy-restore", "--test", str(folder / "dump-10000.txt")]
    yield Row("the same", from_json, recorded, f"{RESTORE} of the recorded dump", 0.5)
    saved = [*from_json[:-1], "save"]
    yield Row("the same as a save", saved, recorded, f"{RESTORE} of the recorded dump", 0.6)
    manifests = str(folder / "cluster-10000.yaml")
    loading = python(f"import yaml; list(yaml.load_all(open({manifests!r}), yaml.CSafeLoader))")
    yield Row("compile from YAML", natc("compile", manifests, *flags), loading, "CSafeLoader alone", 0.25)


def reading(dump: str) -> list[str]:
    """The command that reads a dump, through the library."""
    return python(f"import natc; natc.load({dump!r})")


def replayed(folder: Path, warm: dict[str, str]) -> str:
    """Measure the replay of a capture: packets a second of CPU, and the memory of ten times as many."""
    node, dump = str(folder / "node.json"), str(folder / "dump-10000.txt")

    def replay(packets: int) -> Cost:
        capture = str(folder / f"capture-{packets}.pcap")
        return cost(natc("trace", dump, "--pcap", capture, "--node", node), warm)

    less, more = replay(PACKETS // 10), replay(PACKETS)
    rate = (PACKETS - PACKETS // 10) / (more.cpu - less.cpu)
    return (
        f"\nA capture of {PACKETS:,} packets: {rate:,.0f} packets a second of CPU behind the first "
        f"{PACKETS // 10:,} (bar 100,000); {more.memory:.0f} MiB against {less.memory:.0f} for a tenth of it."
    )


main()

"""Recorded kernel cases: reading one, replaying it, and comparing result by result."""

import copy
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from attrs import define, field

from natc.errors import NatcError
from natc.netfilter.ipset.all_sets import Sets
from natc.netfilter.node.host import Host
from natc.text.node.ipset import read_sets
from natc.text.reader import read
from natc.trace.replay import Replay

BACKENDS = ("legacy", "nft")
#: When the cases were recorded, in seconds since 1970, to a few days.
RECORDED_AT = 1_795_000_000.0
#: The fields of a result that natc answers for.
COMPARED = (
    "verdict", "out", "final", "dnat", "snat", "mark", "ctstate", "drop_at", "reject", "errno", "path",
)  # fmt: skip
#: A volatile field is shown a second time in the packet's final header.
_ALSO = {
    "dnat.port": ("final.dport",),
    "snat.port": ("final.sport", "final.icmp_id"),
    "dnat.ip": ("final.dst",),
    "snat.ip": ("final.src",),
    "dnat": ("final.dst", "final.dport"),
    "snat": ("final.src", "final.sport", "final.icmp_id"),
}


@define
class Comparison:
    """How many results were compared, and what differed."""

    compared: int = 0
    differences: list[str] = field(factory=list)
    differing: set[tuple[str, int]] = field(factory=set)
    refused: str = ""

    @property
    def equal(self) -> int:
        return self.compared - len(self.differing)


def compare_case(folder: Path) -> Comparison:
    """Replay a case for each backend that answered it, and compare."""
    packets = json.loads((folder / "packets.json").read_text())
    kernel = json.loads((folder / "kernel.json").read_text())
    found = Comparison()
    for backend in BACKENDS:
        if backend in kernel:
            _compare_backend(folder, backend, packets, kernel[backend], found)
    return found


def _compare_backend(folder: Path, backend: str, packets: dict, expected: dict, found: Comparison) -> None:
    refused = expected["load"]["rc"] != 0
    try:
        results = list(answers(folder, packets, backend))
    except NatcError as error:
        found.refused = str(error)
        if refused:
            found.compared += 1
        else:
            for index, _ in enumerate(expected["packets"]):
                _note(found, backend, index, f"natc refuses: {error}")
            found.compared += len(expected["packets"])
        return
    if refused:
        found.compared += 1
        _note(found, backend, -1, "the kernel refused the dump, natc does not")
        return
    if len(results) != len(expected["packets"]):
        _note(found, backend, -1, f"{len(results)} results, not {len(expected['packets'])}")
    for index, (ours, theirs) in enumerate(zip(results, expected["packets"], strict=False)):
        volatile = _volatile(packets, index)
        for text in _differences(ours, theirs, volatile):
            _note(found, backend, index, text)
        found.compared += 1


def _volatile(packets: dict, index: int) -> list[str]:
    """The fields of a result that differ from run to run, those of a reply to such a packet included."""
    out = [*packets.get("volatile", []), *packets.get("volatile_packets", {}).get(str(index), [])]
    entries = packets["packets"]
    if index < len(entries) and "reply_to" in entries[index]:
        turned = {"snat.port": "final.dport", "dnat.port": "final.sport"}
        answered = _volatile(packets, entries[index]["reply_to"])
        out += [turned[name] for name in answered if name in turned]
        out += ["final.inner.sport", "final.inner.dport"] if turned.keys() & set(answered) else []
    return out


def _note(found: Comparison, backend: str, index: int, text: str) -> None:
    found.differences.append(f"{backend} packet {index}: {text}")
    found.differing.add((backend, index))


def answers(folder: Path, packets: dict, backend: str) -> Iterator[dict]:
    """natc's results for a case."""
    node = json.loads((folder / "node.json").read_text())
    host = Host.from_node(node)
    ruleset = read((folder / "dump.txt").read_text(), file=str(folder / "dump.txt"), family=host.family)
    sets = folder / "ipset.txt"
    known = read_sets(sets.read_text()) if sets.exists() else Sets()
    run = Replay(host, ruleset, backend, known, clock=RECORDED_AT)
    if packets["mode"] == "branches":
        for entry in packets["packets"]:
            yield {"branches": run.all_branches(entry)}
    else:
        yield from run.run(packets["packets"])


def _differences(ours: dict, theirs: dict, volatile: list[str]) -> list[str]:
    if "branches" in theirs:
        return _branch_differences(ours["branches"], theirs["branches"], volatile)
    if "op" in theirs:
        return []
    ours, theirs = _masked(ours, volatile), _masked(theirs, volatile)
    if theirs.get("ctstate") is None:
        ours["ctstate"] = None
    return [
        f"{name}: natc {ours.get(name)}, kernel {theirs.get(name)}"
        for name in COMPARED
        if ours.get(name) != theirs.get(name)
    ]


def _branch_differences(ours: list, theirs: list, volatile: list[str]) -> list[str]:
    def key(branch: dict) -> str:
        return json.dumps(branch["taken"], sort_keys=True)

    mine, kernels = {key(b): b for b in ours}, {key(b): b for b in theirs if b["num"]}
    out = [f"branch {k}: only natc's" for k in mine.keys() - kernels.keys()]
    out += [f"branch {k}: only the kernel's" for k in kernels.keys() - mine.keys()]
    for taken in sorted(mine.keys() & kernels.keys()):
        one, other = mine[taken], kernels[taken]
        if Fraction(one["num"], 1 << one["exp2"]) != Fraction(other["num"], 1 << other["exp2"]):
            out.append(f"branch {taken}: odds {one['num']}/2^{one['exp2']}")
        out += [f"branch {taken}: {d}" for d in _differences(one["result"], other["result"], volatile)]
    return out


def _masked(result: dict, volatile: list[str]) -> dict:
    result = copy.deepcopy(result)
    for name in [*volatile, *(also for v in volatile for also in _ALSO.get(v, ()))]:
        *outer, last = name.split(".")
        place = result
        for part in outer:
            place = place.get(part) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return result

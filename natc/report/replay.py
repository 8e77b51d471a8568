"""A replay as a table for a person: one row a packet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from natc.report.document import SCHEMA
from natc.report.lines import Line, Part, counted, line
from natc.trace.capture.departures import Decision
from natc.trace.capture.replaying import Row
from natc.values import define, field

T = TypeVar("T")
Result = Mapping[str, Any]

_STYLES = {"DROP": "red", "REJECT": "red", "NO_ROUTE": "red", "OPEN": "yellow", "SEEN": "dim"}


def replay_lines(answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield one row a packet, or why the dump would not be loaded."""
    if answer["load"]["rc"]:
        yield line(Part("the kernel would not load this dump", "bold red"))
        yield from map(line, answer["load"]["stderr"].splitlines())
        return
    for number, result in enumerate(answer["packets"]):
        if "branches" in result:
            for branch in result["branches"]:
                yield _row(number, branch["result"], f"{branch['num']} / 2^{branch['exp2']}  ")
        elif "op" in result:
            yield line(f"{number:>5}  ", Part(f"({result['op']})", "dim"))
        else:
            yield _row(number, result, "")


FlowKey = tuple[str, str, str]


@define
class Flows:
    """What became of each flow of a capture: its packets by verdict and destination, counted."""

    counts: dict[FlowKey, int] = field(factory=dict)

    again: int = 0
    """How many packets were captured a second time: they are none of a flow's own."""

    def note(self, row: Row) -> None:
        """Count one packet's result."""
        if row.decision is not None:
            self._decided(row.decision)
        if row.result["verdict"] == "SEEN":
            self.again += 1
            return
        key = _kept(row, "flow", _flow_key)
        self.counts[key] = self.counts.get(key, 0) + 1

    def _decided(self, decision: Decision) -> None:
        """Count the packets of a flow whose way was open to where they went."""
        before, after = _flow_key(decision.before), _flow_key(decision.after)
        if before != after and before in self.counts:
            self.counts[after] = self.counts.get(after, 0) + self.counts.pop(before)

    def content(self) -> list[dict[str, Any]]:
        """Return the summary for JSON."""
        return [
            {"flow": flow, "verdict": verdict, "to": to or None, "packets": count}
            for (flow, verdict, to), count in self.counts.items()
        ]

    def lines(self) -> Iterator[Line]:
        """Yield the summary for a person."""
        yield line()
        yield line(Part(counted(len({flow for flow, _, _ in self.counts}), "flow"), "bold"))
        for (flow, verdict, to), count in self.counts.items():
            yield line(f"{count:>7,}  {flow}  ", Part(verdict, _STYLES.get(verdict, "green")), f"  {to}")
        if self.again:
            yield line(f"and {counted(self.again, 'packet')} captured a second time, of the same flows")


def _flow_key(result: Result) -> FlowKey:
    before, after = result.get("orig") or {}, {} if "choices" in result else result.get("final") or {}
    flow = f"{before.get('proto', '?')} {_end(before, 'src', 'sport')} > {_end(before, 'dst', 'dport')}"
    return flow, str(result["verdict"]), _end(after, "dst", "dport") if after else ""


def _kept(row: Row, name: str, make: Callable[[Result], T]) -> T:
    """Return what a report makes of a row's result, made once for all packets that have it."""
    if row.repeated is None:
        return make(row.result)
    shown = row.repeated.shown
    if name not in shown:
        shown[name] = make(row.result)
    return shown[name]  # type: ignore[no-any-return]


def capture_lines(rows: Iterable[Row]) -> Iterator[Line]:
    """Yield one row a packet of a capture as it is replayed, then a summary by flow."""
    flows = Flows()
    for row in rows:
        flows.note(row)
        yield line(_number(row.number), *_kept(row, "parts", _row_parts), _decides(row))
    yield from flows.lines()


def capture_text(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the same as plain text, which takes a tenth of the time."""
    flows = Flows()
    for row in rows:
        flows.note(row)
        yield f"{_number(row.number)}{_kept(row, 'text', _row_text)}{_decides(row)}\n"
    for one in flows.lines():
        yield f"{one}\n"


def capture_document(version: str, rows: Iterable[Row]) -> Iterator[str]:
    """Yield the JSON document of a replayed capture in pieces: it may be longer than memory."""
    flows = Flows()
    yield f'{{"natc": {json.dumps(version)}, "schema": {SCHEMA}, "packets": [\n'
    comma = ""
    for row in rows:
        flows.note(row)
        shown = "" if row.decision is None else f'"decides": {_decision_json(row.decision)}, '
        yield f'{comma}{{"number": {row.number}, "time": {row.time!r}, {shown}{_kept(row, "json", _row_json)}'
        comma = ",\n"
    yield f'\n], "flows": {json.dumps(flows.content())}, "seen_again": {flows.again}}}\n'


def _decision_json(decision: Decision) -> str:
    return json.dumps({"packet": decision.number} | decision.after)


def _decides(row: Row) -> str:
    """Say what a packet shows of an earlier one."""
    if row.decision is None:
        return ""
    end = row.decision.after["final"]
    return f"  so packet {row.decision.number} became {_ends(end)}"


def _row_json(result: Result) -> str:
    """Return a result's JSON without the brace it begins with."""
    return json.dumps(result)[1:]


def _row_text(result: Result) -> str:
    return str(line(*_row_parts(result)))


def _number(number: int, odds: str = "") -> str:
    return f"{number:>5}  {odds}"


def _row(number: int, result: Result, odds: str) -> Line:
    return line(_number(number, odds), *_row_parts(result))


def _row_parts(result: Result) -> tuple[str | Part, ...]:
    verdict = result["verdict"]
    if verdict == "SEEN":
        first = result["first"]
        again = "as it left" if first is None else f"packet {first} once more"
        return Part(f"{verdict:<9}", _STYLES[verdict]), _flow(result), Part(f"  {again}", "dim")
    end = result.get("drop_at") or result.get("reject") or result.get("errno") or result.get("out") or ""
    return (
        Part(f"{verdict:<9}", _STYLES.get(verdict, "green")),
        f"{_flow(result)}  {end}",
        Part(f"  {result.get('ctstate') or ''}  mark {result.get('mark') or 0:#x}{_how(result)}", "dim"),
    )


def _how(result: Result) -> str:
    """Say what is open, where no chances are listed, and that a packet was captured only as it left."""
    unknown = "" if "choices" in result else "; ".join(result.get("open") or ())
    seen = f"  seen {result['seen']}" if "seen" in result else ""
    return f"{seen}  open: {unknown}" if unknown else seen


def _flow(result: Mapping[str, Any]) -> str:
    before, after = result.get("orig") or {}, result.get("final") or {}
    text = _ends(before)
    if "choices" in result:
        return f"{text}  becomes by chance  {', '.join(map(_choice, result['choices']))}"
    changed = _ends(after)
    return text if not after or changed == text else f"{text}  became  {changed}"


def _ends(header: Mapping[str, Any]) -> str:
    return f"{_end(header, 'src', 'sport')} > {_end(header, 'dst', 'dport')}"


def _choice(choice: Mapping[str, Any]) -> str:
    """Return one end that chance may bring a packet to, with its odds."""
    to = choice["dnat"]
    end = f"{_end(to, 'ip', 'port')} {choice['verdict']}" if to else choice["verdict"]
    return f"{choice['odds']['value']:.4%} {end}"


def _end(header: Mapping[str, Any], address: str, port: str) -> str:
    host, number = str(header.get(address, "?")), header.get(port)
    if number is None:
        return host
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"

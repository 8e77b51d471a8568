"""A replay as a table for a person: one row a packet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from natc.report.lines import Line, Part, line

_STYLES = {"DROP": "red", "REJECT": "red", "NO_ROUTE": "red", "OPEN": "yellow"}


def replay_lines(answer: Mapping[str, Any]) -> Iterator[Line]:
    """Yield one row a packet, or why the dump would not be loaded."""
    if answer["load"]["rc"]:
        yield line(Part("the kernel would not load this dump", "bold red"))
        yield line(answer["load"]["stderr"])
        return
    for number, result in enumerate(answer["packets"]):
        if "branches" in result:
            for branch in result["branches"]:
                yield _row(number, branch["result"], f"{branch['num']} / 2^{branch['exp2']}  ")
        elif "op" in result:
            yield line(f"{number:>5}  ", Part(f"({result['op']})", "dim"))
        else:
            yield _row(number, result, "")


def _row(number: int, result: Mapping[str, Any], odds: str) -> Line:
    verdict = result["verdict"]
    end = result.get("drop_at") or result.get("reject") or result.get("errno") or result.get("out") or ""
    return line(
        f"{number:>5}  {odds}",
        Part(f"{verdict:<9}", _STYLES.get(verdict, "green")),
        f"{_flow(result)}  {end}",
        Part(f"  {result.get('ctstate') or ''}  mark {result.get('mark') or 0:#x}", "dim"),
    )


def _flow(result: Mapping[str, Any]) -> str:
    before, after = result.get("orig") or {}, result.get("final") or {}
    text = f"{_end(before, 'src', 'sport')} > {_end(before, 'dst', 'dport')}"
    changed = f"{_end(after, 'src', 'sport')} > {_end(after, 'dst', 'dport')}"
    return text if not after or changed == text else f"{text}  became  {changed}"


def _end(header: Mapping[str, Any], address: str, port: str) -> str:
    host, number = str(header.get(address, "?")), header.get(port)
    if number is None:
        return host
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"

"""What ``natc cost`` counted, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from natc.analysis.cost import Cost
from natc.report.lines import Line, Part, counted, line


def cost_lines(costs: Sequence[Cost], shown: int) -> Iterator[Line]:
    """Yield a summary, then the destinations that cost most."""
    if not costs:
        yield line("no service destinations")
        return
    worst = max(cost.most for cost in costs)
    mean = sum(cost.most for cost in costs) / len(costs)
    yield line(
        Part(counted(len(costs), "destination"), "bold"),
        f": a first packet is compared with up to {worst:,} rules, {mean:,.0f} on average",
    )
    for cost in costs[:shown]:
        count = f"{cost.most:,}" if cost.least == cost.most else f"{cost.least:,} to {cost.most:,}"
        name = f"  {cost.name}" if cost.name else ""
        yield line(
            Part(f"  {cost.rule.line:>6}", "cyan"),
            f"  {count:>16}  ",
            f"{cost.dst}/{cost.proto}{name}",
        )
    if len(costs) > shown:
        yield line(f"  and {len(costs) - shown:,} more")


def cost_json(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return the document's content."""
    return {
        "services": [
            {
                "dst": cost.dst,
                "proto": cost.proto,
                "name": cost.name,
                "least": cost.least,
                "most": cost.most,
                "line": cost.rule.line,
            }
            for cost in costs
        ]
    }

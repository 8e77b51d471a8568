"""What ``natc lint`` found, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from natc.analysis.findings import Finding
from natc.analysis.lint import CODES
from natc.report.findings import finding_json, finding_line
from natc.report.lines import Line, Part, line

#: How many findings of one code a person is shown of one dump.
_SHOWN = 20


def lint_lines(findings: Sequence[Finding], *, several: bool = False) -> Iterator[Line]:
    """Yield the findings under the reason why they matter; nothing when there is none."""
    counts = Counter(finding.code for finding in findings)
    for code, count in sorted(counts.items()):
        check = CODES[code]
        thread = f"  {check.thread}" if check.thread else ""
        yield line(Part(code, "red"), "  ", Part(check.title, "bold"), f", {count:,}", Part(thread, "dim"))
        yield line(f"  {check.why}")
        shown = [finding for finding in findings if finding.code == code][:_SHOWN]
        for finding in shown:
            yield from _finding(finding, several)
        if count > len(shown):
            yield line(f"  and {count - len(shown):,} more")


def _finding(finding: Finding, several: bool) -> Iterator[Line]:
    if several:
        yield line(Part(f"  {finding.details['file']}", "dim"))
    yield finding_line(finding, coded=False)


def lint_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the document's content."""
    return {"findings": [finding_json(finding) for finding in findings]}

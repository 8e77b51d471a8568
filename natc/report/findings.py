"""One finding of a check as a line of text and as JSON."""

from __future__ import annotations

from typing import Any

from natc.analysis.findings import Finding
from natc.report.lines import Line, Part, line


def finding_line(finding: Finding) -> Line:
    """Return a finding as one line: where in the dump, which code, what it is."""
    where = f"{finding.line:>6}" if finding.line else "     -"
    return line(Part(f"  {where}", "cyan"), "  ", Part(finding.code, "red"), f"  {finding.message}")


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding with what a program may want to know beyond the sentence."""
    return {
        "code": finding.code,
        "service": finding.service,
        "line": finding.line,
        "message": finding.message,
        **finding.details,
    }

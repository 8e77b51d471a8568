"""What ``natc verify`` found, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from natc.analysis.drift.codes import CODES
from natc.analysis.drift.verify import Verified
from natc.report.findings import finding_json, finding_line
from natc.report.lines import Line, Part, counted, line

#: Settings by their flags, where the flag is not the field's own name.
_FLAGS = {"masquerade_bit": "iptables-masquerade-bit", "localhost_nodeports": "iptables-localhost-nodeports"}


def verify_lines(result: Verified) -> Iterator[Line]:
    """Yield a summary and then every finding by service; nothing when there is none."""
    if not result.findings:
        return
    services = {one.service for one in result.findings if one.service}
    where = counted(len(services), "service port") if services else "kube-proxy's own rules"
    yield line(
        Part(f"{counted(len(result.findings), 'finding')} in {where}", "bold"),
        f", of {result.services:,} that should be on this node" if services else "",
    )
    counts = Counter(finding.code for finding in result.findings)
    for code, count in sorted(counts.items()):
        yield line(f"  {count:>6,}  ", Part(code, "cyan"), f"  {CODES[code]}")
    yield line(Part(f"compared with {result.config.version}", "dim"))
    if len(result.versions) > 1:
        yield line(Part(f"the dump may be of kube-proxy {', '.join(result.versions)}", "dim"))
    if result.shown:
        yield line(Part(f"taken from the dump: {_settings(result)}", "dim"))
    yield line()
    last = ""
    for finding in result.findings:
        if finding.service != last:
            yield line(Part(finding.service, "bold"))
            last = finding.service
        yield finding_line(finding)


def _settings(result: Verified) -> str:
    words = []
    for name, value in sorted(result.shown.items()):
        if value in (False, "", ()) or name == "kube_version":
            continue
        flag = _FLAGS.get(name, name.replace("_", "-"))
        words.append(f"--{flag}={_word(value)}")
    return " ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}={_word(switch)}" for name, switch in value.items())
    return ",".join(value) if isinstance(value, tuple) else str(value)


def verify_json(result: Verified) -> dict[str, Any]:
    """Return the document's content."""
    return {
        "kube_version": result.config.kube_version,
        "kube_versions": list(result.versions),
        "taken_from_dump": {
            name: list(value) if isinstance(value, tuple) else value for name, value in result.shown.items()
        },
        "services": result.services,
        "findings": [finding_json(finding) for finding in result.findings],
    }

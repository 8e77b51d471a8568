"""One HTML file that shows an answer: the picture, what each place is, and the same as a table.

It runs no script and loads nothing: boxes are links to sections that ``:target`` shows. The content
security policy allows the one style sheet in the file, by its hash, and nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from natc.analysis.destination import Said
from natc.report.conditions import in_few, lines_of
from natc.report.fates import fate_of
from natc.report.picture.build import graph_of
from natc.report.picture.layout import draw
from natc.report.picture.panels import panel_lines
from natc.report.picture.prune import pruned
from natc.report.picture.svg import svg_lines, text
from natc.report.rule_text import exact, percent
from natc.report.trace_text import headline
from natc.trace.answer.outcome import Distribution, Outcome

if TYPE_CHECKING:
    from natc.trace.answer.near_miss import NearMiss

#: How many outcomes the table lists, and up to how many it is open from the beginning.
_LISTED, _OPEN = 1000, 16


def page_lines(
    answer: Distribution, version: str, said: Said | None = None, misses: Sequence[NearMiss] = ()
) -> Iterator[str]:
    """Yield the lines of the page; ``said`` and ``misses`` are told before the picture."""
    whole = graph_of(answer)
    shown = pruned(whole)
    yield from _head(headline(answer))
    yield f"<main><h1>{text(headline(answer))}</h1>"
    yield from _told(answer, said, misses)
    yield '<h2 id="picture-title">The way, from hook to target</h2>'
    yield '<p class="soft">Each box opens its rules: click it, or press Tab and then Enter.</p>'
    yield '<div class="picture" role="region" tabindex="0" aria-labelledby="picture-title">'
    yield from svg_lines(draw(shown))
    yield "</div>"
    if any(outcome.ways > 1 for case in answer.cases for _, outcome in case.outcomes):
        yield (
            '<p class="soft">Where several ways end alike, the likeliest is drawn; '
            "natc trace --branches lists all.</p>"
        )
    yield from panel_lines(shown, whole)
    yield from _table(answer)
    yield f'</main><footer class="soft"><p>natc {text(version)}</p></footer></body></html>'


def _head(title: str) -> Iterator[str]:
    css = files("natc.report.picture").joinpath("page.css").read_text("utf-8")
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>natc: {text(title)}</title><style>{css}</style></head><body>"


def _told(answer: Distribution, said: Said | None, misses: Sequence[NearMiss]) -> Iterator[str]:
    """Yield what names made of the question, what is taken for granted, and what is open."""
    for fact in said.facts if said else ():
        yield f"<p>{text(fact)}</p>"
    for assumption in answer.assumptions:
        yield f'<p class="soft">taken for granted: {text(assumption)}</p>'
    questions = [text(question) for question in (said.questions if said else ())]
    for question in answer.questions:
        rule = question.rule
        where = f' <span class="rule">line {rule.line}: {text(rule.text)}</span>' if rule else ""
        questions.append(f"{text(question.text)}{where}")
    for miss in misses:
        questions.append(
            f"nearly: line {miss.rule.line} wants {text(miss.failed)}, the packet has {text(miss.have)}"
        )
    if questions:
        yield '<h2 class="open">Open</h2><ul>'
        yield from (f"<li>{question}</li>" for question in questions)
        yield "</ul>"


def _table(answer: Distribution) -> Iterator[str]:
    rows = [(case, odds, outcome) for case in answer.cases for odds, outcome in case.outcomes]
    lines = lines_of(answer.questions)
    is_open = " open" if len(rows) <= _OPEN else ""
    yield "<h2>The same as a table</h2>"
    yield f"<details{is_open}><summary>{len(rows):,} outcomes</summary>"
    yield '<div class="scroll"><table><caption>odds under one condition sum to exactly 1</caption><thead><tr>'
    yield from (f'<th scope="col">{name}</th>' for name in ("odds", "exactly", "when", "to", "then", "lines"))
    yield "</tr></thead><tbody>"
    for case, odds, outcome in rows[:_LISTED]:
        when = in_few(case.conditions, lines) or "in any case"
        to = str(outcome.dnat) if outcome.dnat else "no translation"
        cells = (percent(odds), exact(odds), when, to, fate_of(outcome).part().text, _lines(outcome))
        yield "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table></div>"
    if len(rows) > _LISTED:
        yield f"<p>and {len(rows) - _LISTED:,} more: natc trace --output json lists all</p>"
    yield "</details>"


def _lines(outcome: Outcome) -> str:
    return " ".join(str(step.rule.line) for step in outcome.path if step.rule)

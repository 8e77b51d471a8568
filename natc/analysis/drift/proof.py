"""What is left to be read of a dump that has been compared with rules that kube-proxy writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natc.analysis.drift.narrowed import Differing
from natc.analysis.drift.written import Expected, Shown
from natc.analysis.service_chains import looking_other, looks_own
from natc.text.unproved import NotProvedError


def to_prove(expected: Expected, node: Shown, apart: Differing) -> dict[str, list[str]]:
    """Return by table the lines of a dump that are not known to be good, and known ones of each sort.

    Known are the lines that stencils make: rules that were read. Raises NotProvedError where one of these
    leads to a chain that is not there.
    """
    for table, chains in expected.common.items():
        if not all(chain in node.tables.get(table, ()) for chain in chains):
            raise NotProvedError
    _check_missing(expected, node, apart)
    lines = {table: list(_unknown(expected, node, table, apart)) for table in node.tables}
    for (table, _), text in expected.sample(apart.unlike):
        lines[table] += text.splitlines()
    return {table: sorted(some) for table, some in lines.items()}  # the rules of a chain together


def _check_missing(expected: Expected, node: Shown, apart: Differing) -> None:
    """Raise NotProvedError if a line of the dump that a stencil makes leads to a missing chain."""
    nat = node.tables["nat"]
    missing = [chain for chain in apart.unlike if chain not in nat]
    for stencil, values in expected.makers_of(missing):
        texts = [text for chain, text in stencil.chains(values).items() if chain not in apart.unlike]
        texts += [text for (table, chain), text in stencil.lines(values) if text in node.tables[table][chain]]
        if any(chain in text for chain in missing for text in texts):
            raise NotProvedError


def _unknown(expected: Expected, node: Shown, table: str, apart: Differing) -> Iterator[str]:
    """Yield the lines of a table that no stencil makes."""
    chains = node.tables[table]
    for chain in _unmade(expected, node, table, apart):
        made = expected.saved.made.get((table, chain), "")
        known = set(made.splitlines())
        yield from (line for line in chains[chain].splitlines() if line not in known)


def _unmade(expected: Expected, node: Shown, table: str, apart: Differing) -> Iterable[str]:
    """Return the chains of a dump that are not, line by line, made by a stencil."""
    chains = node.tables[table]
    if table != "nat":
        return chains
    own = {*apart.unlike, *filter(looks_own, expected.common["nat"])}
    return [*looking_other(chains), *(chain for chain in own if chain in chains)]

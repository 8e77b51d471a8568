"""A :class:`~natc.netfilter.ruleset.Ruleset` as text: what iptables-save shows, or what restore takes."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from natc.netfilter.ruleset import TABLES, Chain, Rule, Ruleset, Shape, Table


def save(ruleset: Ruleset, *, order: str = "kept") -> str:
    """Return the ruleset as iptables-save shows it.

    ``order`` is ``kept`` (tables and chains as they were read), ``legacy`` (chains builtin first,
    then by name) or ``nft`` (that, and the tables in nf_tables' own order).
    """
    writer = _Writer()
    lines: list[str] = []
    for table in _tables(ruleset, order):
        lines.extend(table.remarks)
        lines.extend(writer.table(table, sort=order != "kept"))
    lines.extend(ruleset.remarks)
    return "\n".join(lines) + "\n"


def restore(ruleset: Ruleset) -> str:
    """Return the ruleset as iptables-restore takes it: the save form without its comment lines."""
    writer = _Writer()
    lines = [line for table in ruleset.tables.values() for line in writer.table(table, sort=False)]
    return "\n".join(lines) + "\n"


def _tables(ruleset: Ruleset, order: str) -> list[Table]:
    tables = list(ruleset.tables.values())
    return sorted(tables, key=lambda table: TABLES.index(table.name)) if order == "nft" else tables


@define
class _Writer:
    in_save_form: dict[Shape, bool] = field(factory=dict)
    """For shapes whose plain rules print alike: whether the one that was tried was in save form."""

    def table(self, table: Table, *, sort: bool) -> Iterator[str]:
        chains = _sorted(table) if sort else list(table.chains.values())
        yield f"*{table.name}"
        for chain in chains:
            counters = f" {chain.counters}" if chain.counters else ""
            yield f":{chain.name} {chain.policy or '-'}{counters}"
        for chain in chains:
            for rule in chain.rules:
                yield self.rule(rule)
        yield "COMMIT"

    def rule(self, rule: Rule) -> str:
        shape = rule.shape
        if shape.plain is None or not shape.plain(text := rule.text):
            return _with_counters(rule)
        known = self.in_save_form.get(shape)
        if known is None:
            known = self.in_save_form[shape] = _with_counters(rule) == text
        return text if known else _with_counters(rule)


def _with_counters(rule: Rule) -> str:
    return f"{rule.counters} {rule.save()}" if rule.counters else rule.save()


def _sorted(table: Table) -> list[Chain]:
    """Builtin chains as declared, then the others by name, bytewise."""
    builtin = [chain for chain in table.chains.values() if chain.policy]
    return builtin + sorted((c for c in table.chains.values() if not c.policy), key=lambda c: c.name.encode())

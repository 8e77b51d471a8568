"""What lines that are no appended rule do to a table: -I, -R, -D, -C, -N, -P, -F, -Z, -X, -E.

A save has none of them; it is what people write by hand, and what `iptables -S` shows. Each method is named
after the kind of line it carries out (``LineShape.kind``).

Facts: iptables-restore of iptables 1.8.9, asked line by line.
"""

from __future__ import annotations

from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.kinds.numbers import number as number_of
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain
from natc.netfilter.targets import target_class
from natc.text.tables import NO_COUNTERS, POLICIES, Tables
from natc.text.unread import rules_of
from natc.values import frozen


@frozen
class Orders:
    """The orders that a text may give about the open table."""

    tables: Tables

    # ---- rules

    def insert(self, rules: list[Rule], at: str | None, number: int) -> None:
        """Carry out ``-I CHAIN [NUMBER]``: of several rules from one line the last comes first."""
        for rule in rules:
            chain = self.tables.chain(rule.chain, number)
            place = self._place(chain.rules, at or "1", number, more=1)
            chain.rules.insert(place, rule)

    def replace(self, rules: list[Rule], at: str | None, number: int) -> None:
        """Carry out ``-R CHAIN NUMBER``."""
        if len(rules) > 1:
            raise self.tables.source.error("a replacement is one rule, not several addresses", number)
        chain = self.tables.chain(rules[0].chain, number)
        chain.rules[self._place(chain.rules, at or "1", number)] = rules[0]

    def delete(self, rules: list[Rule], _at: str | None, number: int) -> None:
        """Carry out ``-D CHAIN RULE``: the first rule that says the same goes."""
        for rule in rules:
            self.check([rule], None, number)
            self.tables.chain(rule.chain, number).rules.remove(rule)

    def check(self, rules: list[Rule], _at: str | None, number: int) -> None:
        """Carry out ``-C CHAIN RULE``: such a rule must be there."""
        for rule in rules:
            if rule not in self.tables.chain(rule.chain, number).rules:
                width = max(1, len(self.tables.source.line(number)))
                raise self.tables.source.error(f"{rule.chain} has no such rule", number, 1, width)

    # ---- other orders

    def delete_number(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-D CHAIN NUMBER``."""
        *_, name, at = values
        rules = self.tables.chain(name, number).rules
        del rules[self._place(rules, at, number)]

    def new_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-N CHAIN``."""
        if self.tables.missing is not None:
            self._list_again(values[0], number)
            return
        name = self._free_name(values[0], number)
        self.tables.chain_made()
        self.tables.opened(number).chains[name] = Chain(name, None, NO_COUNTERS, line=number)
        self.tables.names.add(name)

    def policy(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-P CHAIN POLICY``."""
        chain = self.tables.chain(values[0], number)
        if not chain.policy:
            raise self.tables.source.error_at(
                f"{chain.name} is no builtin chain: it has no policy", number, chain.name
            )
        if values[1] not in POLICIES:
            raise self.tables.source.error_at(
                f"{values[1]} is no policy", number, values[1], expected="ACCEPT or DROP"
            )
        chain.policy = values[1]
        if self.tables.missing is not None:
            chain.rules.clear()

    def _list_again(self, name: str, number: int) -> None:
        """Begin the listing of a chain that may have been named or listed before: this one counts."""
        self.tables.check_name(name, number, self.tables.source.line(number).rfind(name) + 1)
        self.tables.opened(number).chains[name] = Chain(name, None, NO_COUNTERS)
        self.tables.names.add(name)

    def flush(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-F [CHAIN]``."""
        for chain in self._chains(values, number):
            chain.rules.clear()

    def zero(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-Z [CHAIN [NUMBER]]``."""
        rules: slice = slice(None)
        for chain in self._chains(values[:1], number):
            if len(values) > 1:
                at = self._place(chain.rules, values[1], number)
                rules = slice(at, at + 1)
            else:
                chain.counters = NO_COUNTERS
            chain.rules[rules] = [_without_counters(rule) for rule in chain.rules[rules]]

    def show(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-L`` and ``-S``, which change nothing."""
        self._chains(values[:1], number)

    def delete_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-X [CHAIN]``: the chain must be empty and nothing may lead to it."""
        table = self.tables.opened(number)
        names = [self._own_chain(name, number).name for name in values] or [
            chain.name for chain in table.chains.values() if not chain.policy
        ]
        for name in names:
            if table.chains[name].rules:
                raise self.tables.source.error_at(f"chain {name!r} is not empty", number, name)
            leading = next((rule for rule in rules_of(table) if rule.jump == name), None)
            if leading is not None:
                raise self.tables.source.error_at(
                    f"line {leading.line} leads to chain {name!r}", number, name
                )
        for name in names:
            del table.chains[name]
            self.tables.names.discard(name)

    def rename_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-E OLD NEW``: the jumps follow."""
        old, new = values
        table = self.tables.opened(number)
        chain = self._own_chain(old, number)
        self._free_name(new, number)
        self.tables.outline.doubtful = True
        chain.name = new
        for other in table.chains.values():
            other.rules[:] = [_renamed(rule, old, new) for rule in other.rules]
        renamed = {chain.name: chain for chain in table.chains.values()}
        table.chains.clear()
        table.chains.update(renamed)
        self.tables.names = set(renamed)

    # ---- what they name

    def _chains(self, names: tuple[str, ...], number: int) -> list[Chain]:
        table = self.tables.opened(number)
        return [self.tables.chain(name, number) for name in names] or [*table.chains.values()]

    def _own_chain(self, name: str, number: int) -> Chain:
        chain = self.tables.chain(name, number)
        if chain.policy:
            raise self.tables.source.error_at(f"{name} is a builtin chain", number, name)
        return chain

    def _free_name(self, name: str, number: int) -> str:
        table = self.tables.opened(number)
        self.tables.check_name(name, number, self.tables.source.line(number).rfind(name) + 1)
        if name in table.chains or name in BUILTIN_CHAINS[table.name]:
            raise self.tables.source.error_at(f"there is a chain {name!r} already", number, name)
        if target_class(name) is not None or name[:1] in "-!":
            raise self.tables.source.error_at(f"{name!r} is no name for a chain", number, name)
        return name

    def _place(self, rules: list[Rule], word: str, number: int, *, more: int = 0) -> int:
        """Return the index of the rule with the number ``word``; ``more`` counts places behind the last."""
        try:
            at = number_of(word)
        except ValueError:
            at = 0
        if at > len(rules) + more and self.tables.is_part(self.tables.opened(number)):
            at = len(rules) + more  # rules of another text stand before it
        if not 1 <= at <= len(rules) + more:
            raise self.tables.source.error(
                f"there is no rule {word}", number, 1, max(1, len(self.tables.source.line(number)))
            )
        return at - 1


def _renamed(rule: Rule, old: str, new: str) -> Rule:
    places = {rule.shape.chain, rule.shape.jump}
    values = tuple(new if i in places and word == old else word for i, word in enumerate(rule.values))
    return rule if values == rule.values else Rule(rule.shape, values, rule.line)


def _without_counters(rule: Rule) -> Rule:
    place = rule.shape.counters
    if place is None:
        return rule
    return Rule(rule.shape, (*rule.values[:place], NO_COUNTERS, *rule.values[place + 1 :]), rule.line)

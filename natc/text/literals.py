"""The literals of a rule: what a line means beyond its syntax is checked once for every distinct one.

The expression of a line's shape vouches for most literals (:attr:`natc.netfilter.kinds.Kind.good`). The
others are checked by reading the extension they belong to.
"""

from __future__ import annotations

import re

from natc.errors import DumpError
from natc.netfilter.extension import Extension, OptionError
from natc.netfilter.header import Header, Protocol
from natc.netfilter.rule import Part, Shape
from natc.text.shapes.line_shape import LineShape, has_protocol
from natc.text.source import Source
from natc.values import frozen

#: From how many protocols on they are not listed.
_MANY = 9


@frozen
class Literals:
    """Checks the literals of lines of one text."""

    source: Source

    def read_all(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        """Read every part of a new shape: options that are missing, doubled or at odds show here."""
        if shape.rule is None:
            return
        values = self._one_address_each(shape.rule, values, number)[0]
        for part in shape.rule.parts():
            self._read(shape, part, values, line, number)

    def check(
        self, shape: LineShape, values: tuple[str, ...], line: str, number: int
    ) -> list[tuple[str, ...]] | None:
        """Read the parts whose literals no expression vouches for, once for each combination.

        Returns the literals of each rule when a list of addresses makes several of the line.
        """
        assert shape.rule is not None
        for unchecked in shape.unchecked:
            key = unchecked.news(values)
            if key is None:
                continue
            if unchecked.part is shape.rule.header and any("," in word for word in key):
                several = self._one_address_each(shape.rule, values, number)
                if several[0] != values:
                    for each in several:
                        self.check(shape, each, line, number)
                    return several
            self._read(shape, unchecked.part, values, line, number)
            unchecked.seen.add(key)
        return None

    def _one_address_each(self, rule: Shape, values: tuple[str, ...], number: int) -> list[tuple[str, ...]]:
        """Return the literals of the rules that a line with address lists stands for, sources first."""
        out = [values]
        for attribute in ("source", "destination"):
            for use in rule.header.uses:
                place = use.words[0] if use.words else ""
                if Header.by_spelling[use.name][0] != attribute or not isinstance(place, int):
                    continue
                listed = values[place].split(",")
                if len(listed) > 1 and use.inverted:
                    raise self.source.error_at("a list of addresses cannot be negated", number, values[place])
                out = [(*each[:place], word, *each[place + 1 :]) for each in out for word in listed]
        return out

    def _read(self, shape: LineShape, part: Part, values: tuple[str, ...], line: str, number: int) -> None:
        assert shape.rule is not None
        try:
            _check_protocol(shape.rule, shape.rule.read(part, values))
        except OptionError as error:
            raise self._option_error(error, line, number) from None

    def _option_error(self, error: OptionError, line: str, number: int) -> DumpError:
        if error.use is None:
            return self._about_extension(str(error), line, number)
        words = [error.use.name, *error.use.words]
        column = line.find(" ".join(words)) + 1
        if column == 0:  # the option is written otherwise
            return self.source.error_at(str(error), number, " ".join(words[1:]))
        skip = len(words[0]) + 1 if len(words) > 1 else 0
        return self.source.error(str(error), number, column + skip, len(" ".join(words)) - skip)

    def _about_extension(self, message: str, line: str, number: int) -> DumpError:
        """Return an error about options that an extension lacks; its name is the message's first word."""
        name = message.partition(" ")[0]
        found = re.search(rf"(?:-m|--match|-j|--jump)[ \t]+({re.escape(name)})(?=\s|$)", line)
        if found is None:
            return self.source.error(message, number, 1, len(line))
        return self.source.error(message, number, found.start(1) + 1, len(name))


def _check_protocol(rule: Shape, made: Extension) -> None:
    """Raise :class:`OptionError` for an extension that needs another ``-p`` than the rule has."""
    if made.protocols is None or not made.needs_protocol(rule.family) or has_protocol(rule, type(made)):
        return
    names = [*dict.fromkeys(Protocol().words(number)[0] for number in sorted(made.protocols))]
    listed = f"-p {' or -p '.join(names)}" if len(names) < _MANY else "a protocol, by -p"
    raise OptionError(f"{made.shown_name} needs {listed} in such a rule")

"""``-m bpf``: a Berkeley packet filter program (net/netfilter/xt_bpf.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.bpf_machine import run
from natc.netfilter.condition import Computed, Condition, Unknown
from natc.netfilter.extension import Match, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.words import Name, unquoted
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.netfilter.wire import NEEDS, encode
from natc.values import frozen

#: Most instructions of a program (XT_BPF_MAX_NUM_INSTR).
MOST_INSTRUCTIONS = 64
_INSTRUCTION = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\Z")


@frozen
class Instruction:
    """One instruction: operation, the two jumps, and the operand (struct sock_filter)."""

    code: int
    jt: int
    jf: int
    k: int

    def __str__(self) -> str:
        return f"{self.code} {self.jt} {self.jf} {self.k}"


class _Program(Kind[tuple[Instruction, ...]]):
    """``COUNT,CODE JT JF K,...``, in quotes in a save."""

    def parse(self, words: Sequence[str]) -> tuple[Instruction, ...]:
        count, comma, rest = unquoted(words[0]).partition(",")
        parts = rest.removesuffix(",").split(",")
        if not comma or not count.isdecimal() or int(count) != len(parts):
            raise ValueError("the number of instructions in front is not theirs")
        if len(parts) > MOST_INSTRUCTIONS:
            raise ValueError(f"more than {MOST_INSTRUCTIONS} instructions")
        return tuple(self._instruction(part) for part in parts)

    @staticmethod
    def _instruction(text: str) -> Instruction:
        found = _INSTRUCTION.match(text)
        if found is None:
            raise ValueError(f"{text!r} is not CODE JT JF K")
        numbers = [int(part) for part in found.groups()]
        for value, bits in zip(numbers, (16, 8, 8, 32), strict=True):
            if value >> bits:
                raise ValueError(f"{value} does not fit in {bits} bits")
        return Instruction(*numbers)

    def words(self, value: tuple[Instruction, ...]) -> tuple[str, ...]:
        return (f'"{len(value)},{",".join(map(str, value))}"',)


@register_match("bpf")
@frozen
class Bpf(Match):
    """A program, or the file of one that the kernel holds; true when it returns other than 0."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("program", "pinned"),)
    one_of: ClassVar[tuple[str, ...]] = ("program", "pinned")

    program: tuple[Instruction, ...] | None = option("--bytecode", _Program())
    pinned: str | None = option("--object-pinned", Name(511))

    def condition(self) -> Condition:
        if self.program is None:
            return Unknown(f"-m bpf {' '.join(self.words())}")
        return Computed(NEEDS, self._returns, f"-m bpf {' '.join(self.words())}")

    def _returns(self, packet: Packet) -> bool:
        assert self.program is not None
        return run(self.program, encode(packet)) != 0

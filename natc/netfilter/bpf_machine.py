"""Running a classic BPF program over a packet (net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_WORD = 0xFFFFFFFF
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1}


class Instruction(Protocol):
    """Operation, the jumps when true and when false, and the operand."""

    @property
    def code(self) -> int: ...
    @property
    def jt(self) -> int: ...
    @property
    def jf(self) -> int: ...
    @property
    def k(self) -> int: ...


class _Outside(Exception):  # noqa: N818 - not an error: the program ends with 0
    """The program read beyond the packet or divided by zero."""


class _Run:
    """Registers of one run: accumulator, index, scratch memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.a = self.x = 0
        self.memory = [0] * 16

    def load(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise _Outside
        return int.from_bytes(self.data[at : at + size], "big")

    def loaded(self, instruction: Instruction) -> int:
        """The value of a load, by its mode: immediate, absolute, indexed, memory, length."""
        mode, size, k = instruction.code & 0xE0, _SIZES[instruction.code & 0x18], instruction.k
        if mode == 0x00:
            return k
        if mode == 0x60:
            return self.memory[k & 15]
        if mode == 0x80:
            return len(self.data)
        if mode == 0xA0:
            return 4 * (self.load(k, 1) & 0xF)
        return self.load(k + (self.x if mode == 0x40 else 0), size)

    def calculate(self, instruction: Instruction) -> None:
        operand = self.x if instruction.code & 0x08 else instruction.k
        operation = instruction.code & 0xF0
        if operation in (0x30, 0x90) and operand == 0:
            raise _Outside
        self.a = {
            0x00: lambda: self.a + operand,
            0x10: lambda: self.a - operand,
            0x20: lambda: self.a * operand,
            0x30: lambda: self.a // operand,
            0x40: lambda: self.a | operand,
            0x50: lambda: self.a & operand,
            0x60: lambda: self.a << (operand & 31),
            0x70: lambda: self.a >> (operand & 31),
            0x80: lambda: -self.a,
            0x90: lambda: self.a % operand,
            0xA0: lambda: self.a ^ operand,
        }[operation]() & _WORD

    def jumps(self, instruction: Instruction) -> bool:
        operand = self.x if instruction.code & 0x08 else instruction.k
        kind = instruction.code & 0xF0
        if kind == 0x10:
            return self.a == operand
        if kind == 0x20:
            return self.a > operand
        if kind == 0x30:
            return self.a >= operand
        return bool(self.a & operand)


def run(program: Sequence[Instruction], data: bytes) -> int:
    """Return what a program returns for a packet's bytes; 0 where it reads outside of them."""
    state, counter = _Run(data), 0
    try:
        while counter < len(program):
            instruction = program[counter]
            counter += 1
            kind = instruction.code & 0x07
            if kind == 0x06:
                return state.a if instruction.code & 0x18 == 0x10 else instruction.k
            if kind == 0x05:
                counter += _distance(state, instruction)
            else:
                _step(state, instruction, kind)
    except _Outside:
        return 0
    return 0


def _distance(state: _Run, instruction: Instruction) -> int:
    if instruction.code & 0xF0 == 0x00:
        return instruction.k
    return instruction.jt if state.jumps(instruction) else instruction.jf


def _step(state: _Run, instruction: Instruction, kind: int) -> None:
    if kind == 0x00:
        state.a = state.loaded(instruction)
    elif kind == 0x01:
        state.x = state.loaded(instruction)
    elif kind == 0x02:
        state.memory[instruction.k & 15] = state.a
    elif kind == 0x03:
        state.memory[instruction.k & 15] = state.x
    elif kind == 0x04:
        state.calculate(instruction)
    elif instruction.code & 0xF8 == 0x80:
        state.a = state.x
    else:
        state.x = state.a

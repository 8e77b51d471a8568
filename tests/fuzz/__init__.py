"""Broken input of every kind natc reads: ``python -m tests.fuzz --seconds 60``.

Whatever a text says, the answer is a value that can be written again, or a
:class:`~natc.errors.NatcError`; within a bound of processor time and of memory.
"""

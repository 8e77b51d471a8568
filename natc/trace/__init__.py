"""A packet through a ruleset: every outcome with its exact odds."""

from natc.trace.machine import trace
from natc.verb import callable_package

__all__ = ["trace"]

callable_package(__name__, trace)

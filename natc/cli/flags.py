"""Flags as kube-proxy takes them (a boolean alone means true, ``=false`` says it), and options in groups."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from natc.inputs import NO_CACHE

Parameter = click.Parameter | None
Context = click.Context | None
Command = TypeVar("Command", bound=Callable[..., Any])

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}


class GoBoolean(click.ParamType[bool]):
    """The words Go's ``strconv.ParseBool`` takes."""

    name = "boolean"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> bool:
        if isinstance(value, bool):
            return value
        if value not in _BOOLEANS:
            self.fail(f"{value!r} is not true or false", param, ctx)
        return _BOOLEANS[value]


class CommaList(click.ParamType[tuple[str, ...]]):
    """Words separated by commas; the flag may also be given several times."""

    name = "list"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(word.strip() for word in str(value).split(",") if word.strip())


class FeatureGates(click.ParamType[dict[str, bool]]):
    """``Name=true,Other=false``."""

    name = "gates"

    def convert(self, value: Any, param: Parameter, ctx: Context) -> dict[str, bool]:
        if isinstance(value, dict):
            return value
        gates = {}
        for word in filter(None, str(value).split(",")):
            name, equals, switch = word.partition("=")
            if not equals:
                self.fail(f"{word!r} is not NAME=true or NAME=false", param, ctx)
            gates[name.strip()] = GoBoolean().convert(switch.strip(), param, ctx)
        return gates


def _do_without_cache(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """Turn the cache off for the command and the processes it starts."""
    if value:
        os.environ[NO_CACHE] = "1"
        ctx.call_on_close(lambda: os.environ.pop(NO_CACHE, None))


#: Every command that reads a dump takes it.
no_cache = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_do_without_cache,
    help=f"Neither use nor keep the shapes of lines that earlier runs met ({NO_CACHE}=1 for all runs).",
)


class GoFlagsCommand(click.Command):
    """A command whose boolean flags may stand alone, without taking the next word for their value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        alone = {name for p in self.params if isinstance(p.type, GoBoolean) for name in p.opts}
        return super().parse_args(ctx, [f"{word}=true" if word in alone else word for word in args])


def with_options(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Give a command several options, in the order in which its help shows them."""
    for option in reversed(options):
        command = option(command)
    return command

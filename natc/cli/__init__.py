"""The command line: one module per command, each thin over the library.

Commands are imported when they are called, so that ``natc trace --dst`` pays for nothing it does not
use. Exit status: 0 done, 1 the answer is "no", 2 bad input or usage.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn, TypeVar

import click

from natc import __version__
from natc.errors import NatcError, printable

T = TypeVar("T")

#: The environment variable that shows where natc itself went wrong.
_TRACEBACK = "NATC_TRACEBACK"
#: What is said where a command follows chains by calling itself, and they are too many.
_TOO_DEEP = "natc: the input is nested too deeply for this command (natc trace and replay walk any depth)"
#: Each command's module in this package, and what it does, for the list of commands.
COMMANDS = {
    "compile": "Manifests to the iptables rules kube-proxy would write.",
    "collect": "A script that brings a node's rules, routes and state in one tar.",
    "fmt": "Read a dump and write it back as iptables-save would.",
    "trace": "Where a packet goes, how often, and why.",
    "replay": "Packets through a known node, one after the other, with state.",
    "resolve": "The records of a name, as the cluster's DNS would give them.",
    "who": "What reaches a pod, with odds and the source it sees.",
    "balance": "What each pod gets behind a balancer in front of nodes.",
    "audit": "Which services of a dump are not balanced fairly, or lead nowhere.",
    "cost": "How many rules a first packet is compared with, by service.",
    "lint": "What is wrong with a node, by its dump alone.",
    "verify": "A node's dump against the Services it should serve.",
    "diff": "What two nodes, or a node before and after, do to packets differently.",
}


class _Commands(click.Group):
    """The commands by name, each imported when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"natc.cli.{cmd_name}").command
        for param in command.params:
            if isinstance(param, click.Option):
                param.callback = param.callback or _not_empty
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _not_empty(ctx: click.Context, param: click.Parameter, value: T) -> T:
    """Refuse the empty word that a shell's variable leaves which nobody has set: it is no "not given"."""
    if value == "" or (isinstance(value, tuple) and "" in value):
        raise click.BadParameter("is empty", ctx, param)
    return value


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="natc")
def cli() -> None:
    """Read, compile and replay the iptables rules of Kubernetes nodes, offline and exactly."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status; errors become lines on standard error."""
    _leave(run(arguments))


def _leave(status: int) -> NoReturn:
    """End the process at once: taking down the objects of a large dump took 0.1 s of CPU, measured."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    os._exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        result = cli.main(arguments, prog_name="natc", standalone_mode=False)
    except NatcError as error:
        return _complain(error.render())
    except click.ClickException as error:
        return _complain(f"natc: {printable(error.format_message())}{_hint(error)}")
    except (click.Abort, KeyboardInterrupt):
        return 130
    except (BrokenPipeError, SystemExit):  # the latter is click's word for the former
        sys.stdout = None  # what reads our output went away: say nothing more
        return 0
    except Exception as bug:
        if os.environ.get(_TRACEBACK):
            raise
        return _complain(_mistake(bug))
    return result if isinstance(result, int) else 0


def _mistake(bug: Exception) -> str:
    if isinstance(bug, RecursionError):
        return _TOO_DEEP
    if isinstance(bug, OSError):  # what cannot be read is a NatcError
        return f"natc: the answer cannot be written: {bug.strerror or bug}"
    if isinstance(bug, AttributeError) and sys.stdout is None:
        return "natc: the answer cannot be written: standard output is closed"
    where = f"{type(bug).__name__}: {bug}"
    return printable(f"natc: a mistake in natc itself: {where} ({_TRACEBACK}=1 shows where)")


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


def _hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" (try {context.command_path} --help)" if context else ""

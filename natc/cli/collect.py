"""``natc collect``: a script that brings what natc asks of a node."""

from __future__ import annotations

from importlib.resources import files

import click

from natc.cli.output import emit


def script() -> str:
    """Return the shell script that writes a node's rules and facts into one tar."""
    return files("natc.cli").joinpath("collect.sh").read_text(encoding="utf-8")


@click.command("collect")
@click.option("-o", "--output", "path", type=click.Path(), help="Write the script to this file.")
def command(path: str | None) -> None:
    """Print a shell script that writes a node's rules, routes, sets and connections into one tar.

    Run it as root on the node: it changes nothing, sends nothing, and needs no more than a node has.
    The tar is taken wherever a DUMP is, and what it knows of the node need not be said by options.

    \b
    Example:
      natc collect | ssh root@node1 sh -s -- - > node1.tar
      natc trace node1.tar --dst 10.96.0.1:443 --src 10.244.1.7
    """
    emit(script(), path)

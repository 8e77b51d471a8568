"""What a command takes from a bundle of ``natc collect`` and no option has said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natc.errors import NodeError, printable

if TYPE_CHECKING:
    from natc.text.node.bundle import Bundle
    from natc.trace.node.view import NodeView


def node_in(bundle: Bundle, family: int) -> NodeView | None:
    """Return the node of a bundle; None, with a word on standard error, where its routes are not known."""
    from natc.trace.node.host_node import HostNode

    try:
        host = bundle.host(family)
    except NodeError as problem:
        click.echo(printable(f"natc: the node's routes are left open: {problem}"), err=True)
        return None
    if host is None:
        note = f"natc: {bundle.name}: has no routes of IPv{family}: they are left open"
        click.echo(printable(note), err=True)
        return None
    return HostNode(host)

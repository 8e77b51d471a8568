"""``natc resolve``: the records of a name, as the cluster's DNS would give them."""

from __future__ import annotations

from typing import Any

import click

from natc.cli.answer import show
from natc.cli.names import ManifestsCommand, asker_of, name_options, names_of

_TYPES = ("A", "AAAA", "CNAME", "SRV", "PTR", "TXT")


@click.command("resolve", cls=ManifestsCommand)
@click.argument("name")
@name_options
@click.option("--type", "wanted", multiple=True, type=click.Choice(_TYPES, case_sensitive=False),
              help="Only records of this type; repeatable. All by default.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(name: str, output: str, wanted: tuple[str, ...], **asked: Any) -> int:
    """Look NAME up as a Pod would, in the DNS of the cluster that manifests describe.

    NAME goes through the Pod's search path; a name that ends with a dot is taken as it stands, an
    address is looked up in reverse. Exit status 1 when nothing in the cluster answers.

    \b
    Example:
      natc resolve my-nginx --namespace web --manifests cluster.yaml
    """
    names = names_of(asked)
    found = names.resolve(name, asker_of(names, asked), wanted)
    from natc.report.resolve import resolve_json, resolve_lines

    show(output, lambda: resolve_json(found), lambda: resolve_lines(found))
    return 0 if found.answered else 1

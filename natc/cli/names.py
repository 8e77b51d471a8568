"""The options of commands that know names: manifests, who asks, and the cluster's domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import Command, with_options
from natc.errors import NodeError, UsageError, printable

if TYPE_CHECKING:
    from natc.analysis.destination import Said
    from natc.analysis.resolve import Asker, Names

_MANIFESTS = "--manifests"

_OPTIONS = (
    click.option(_MANIFESTS, multiple=True, type=click.Path(), metavar="FILE...",
                 help="Kubernetes objects (YAML or JSON) that names are looked up in."),
    click.option("--namespace", "-n", default="default", show_default=True,
                 help="The namespace in which a name is asked for."),
    click.option("--from-pod", metavar="NAME[.NS]", help="The Pod that asks: its search path, its policy."),
    click.option("--cluster-domain", default="cluster.local", show_default=True,
                 help="The domain of the cluster's names."),
    click.option("--resolv-conf", type=click.Path(), help="The nodes' own resolv.conf; Pods inherit it."),
)  # fmt: skip


def name_options(command: Command) -> Command:
    """Add the options of this module to a command."""
    return with_options(_OPTIONS, command)


class ManifestsCommand(click.Command):
    """A command with one argument whose ``--manifests`` takes all the words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, extra, _ = self.make_parser(ctx).parse_args(list(args))
        return super().parse_args(ctx, _spread(args, len(extra)))


def _spread(args: list[str], extra: int) -> list[str]:
    """Give each of the first ``extra`` words behind a ``--manifests FILE`` an option of its own."""
    out: list[str] = []
    after = 0  # how many words lie between here and the last --manifests
    for word in args:
        after = 1 if word == _MANIFESTS else after + 1 if after and not _is_option(word) else 0
        if after > 2 and extra:
            out.append(_MANIFESTS)
            extra -= 1
        out.append(word)
    return out


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def names_of(asked: dict[str, Any], *, ingresses: bool = False) -> Names:
    """Return the names of the cluster that the options give, with its Ingresses if they are wanted.

    Raises :class:`~natc.errors.NatcError`.
    """
    from natc.analysis.resolve import Names, check_name
    from natc.kube.endpoints import complete
    from natc.kube.ingress import READERS
    from natc.kube.manifests import load_paths

    if not asked["manifests"]:
        raise UsageError("names need --manifests FILE...: the objects to look them up in")
    domain = check_name(asked["cluster_domain"].strip("."), "--cluster-domain")
    node = _resolv_conf(asked["resolv_conf"])
    cluster = complete(load_paths(asked["manifests"], READERS if ingresses else {}))
    for note in cluster.notes:
        click.echo(f"natc: {printable(note)}", err=True)
    return Names.of(cluster, domain, node)


def _resolv_conf(path: str | None) -> Any:
    if path is None:
        return None
    from natc.inputs import name_of, read_bytes
    from natc.kube.resolv_conf import parse

    content = read_bytes(path, error=NodeError, limit=1 << 20)
    return parse(content.decode(errors="surrogateescape"), name_of(path))


def asker_of(names: Names, asked: dict[str, Any]) -> Asker:
    """Return who asks: the Pod of ``--from-pod``, or anybody in ``--namespace``."""
    if asked["from_pod"]:
        return names.from_pod(names.pod(asked["from_pod"], asked["namespace"]))
    return names.in_namespace(asked["namespace"])


def url_options(command: Command) -> Command:
    """Add the options that send a request through an Ingress."""
    command = click.option("--ingress-class", help="Only Ingresses of this class take the URL.")(command)
    return click.option("--url", help="http://HOST/PATH: an Ingress of the manifests says where to.")(command)


def spoken(asked: dict[str, Any], family: int) -> Said | None:
    """Put addresses for the names in ``--dst`` or ``--url`` and for the Pod of ``--from-pod``.

    ``family`` is the dump's. Returns None when no names are used. Raises :class:`~natc.errors.NatcError`.
    """
    if not (asked["manifests"] or asked["from_pod"] or asked["url"]):
        return None
    if not asked["dst"] and not asked["url"]:
        raise UsageError("say where to: --dst NAME:PORT, or --url http://HOST/PATH")
    if asked["dst"] and asked["url"]:
        raise UsageError("--url says where to: --dst cannot be given beside it")
    names = names_of(asked, ingresses=bool(asked["url"]))
    said = _said(names, asked, family)
    asked["dst"] = said.destination
    asked["src"] = asked["src"] or said.source
    return said


def _said(names: Names, asked: dict[str, Any], family: int) -> Said:
    asker = asker_of(names, asked)
    if asked["url"]:
        from natc.analysis.url import destination_of_url

        return destination_of_url(names, asker, asked["url"], family, asked["ingress_class"])
    from natc.analysis.destination import destination_of

    return destination_of(names, asker, asked["dst"], family, asked["proto"])

"""Options that say what a node remembers: connections, lists of ``-m recent``, sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from natc.cli.flags import Command, with_options
from natc.errors import NodeError, UsageError

if TYPE_CHECKING:
    from natc.netfilter.conntrack.tracker import Connections
    from natc.netfilter.ipset.all_sets import Sets
    from natc.netfilter.ruleset import Ruleset
    from natc.text.node.bundle import Bundle
    from natc.text.node.recent import Seen
    from natc.trace.starting import Lists, Start

T = TypeVar("T")

#: The least and the most jiffies that a kernel can count in a second (kernel/Kconfig.hz).
_HZ = (100, 1000)
_OPTIONS = (
    click.option("--conntrack", type=click.Path(),
                 help="The node's connections: the text of conntrack -L, such as conntrack.txt."),
    click.option("--recent", "lists", multiple=True,
                 help="Lists of -m recent: NAME=FILE, or a folder such as /proc/net/xt_recent. Repeatable."),
    click.option("--hz", type=click.IntRange(1), help="Jiffies a second, such as 250 (CONFIG_HZ)."),
    click.option("--jiffies", type=click.IntRange(0),
                 help="The time of the lists, such as 4295000000; the newest time in them by default."),
    click.option("--ipset", "sets", type=click.Path(),
                 help="The node's sets: the text of ipset save, such as sets.txt."),
)  # fmt: skip


def start_options(command: Command) -> Command:
    """Give a command the options of what a node remembers."""
    return with_options(_OPTIONS, command)


def starts_of(asked: dict[str, Any], ruleset: Ruleset, bundle: Bundle | None = None) -> tuple[Start, ...]:
    """Return what the node remembers: one, or two where it hangs on the kernel's unknown HZ.

    What no option says is taken from ``bundle``.
    """
    from natc.trace.starting import NOTHING_SHOWN, Start

    if not (bundle or asked["conntrack"] or asked["lists"] or asked["sets"]):
        return (NOTHING_SHOWN,)
    connections, sets = _connections(asked["conntrack"], bundle), _sets(asked["sets"], bundle)
    seen = dict(_lists_of_bundle(bundle, ruleset) if bundle and not asked["lists"] else
                _read_lists(asked["lists"], ruleset))  # fmt: skip
    times = [time for entries in seen.values() for one in entries for time in one.times]
    now = _now(asked["jiffies"], times)
    rates = (asked["hz"],) if asked["hz"] else _HZ if any(time != now for time in times) else _HZ[:1]
    taken = (f"the packet comes at jiffy {now}, the newest of the lists",) if times else ()
    assumptions = () if asked["jiffies"] is not None else taken
    return tuple(Start(connections, _lists(seen, now, hz), sets, assumptions) for hz in rates)


def agreed(
    starts: tuple[Start, ...], answer: Callable[[Start], T], content: Callable[[T], Any]
) -> tuple[Start, T]:
    """Return the answer and a start it holds for, if its content is the same under all of ``starts``.

    Raises :class:`UsageError` when it hangs on how many jiffies the kernel counts in a second.
    """
    answers = [answer(start) for start in starts]
    if any(content(other) != content(answers[0]) for other in answers[1:]):
        raise UsageError(_NEEDS_HZ)
    return starts[0], answers[0]


def only(starts: tuple[Start, ...]) -> Start:
    """Return the one start; raise :class:`UsageError` where there are two."""
    if len(starts) > 1:
        raise UsageError(_NEEDS_HZ)
    return starts[0]


_NEEDS_HZ = (
    "the answer hangs on how long ago the addresses in --recent were seen: say --hz, "
    "the kernel's jiffies a second (CONFIG_HZ)"
)


def _now(given: int | None, times: list[int]) -> int:
    newest = max(times, default=0)
    if given is None:
        return newest
    if given < newest:
        raise UsageError(f"--jiffies {given} is before {newest}, the newest time in --recent")
    return given


def _read_lists(given: Iterable[str], ruleset: Ruleset) -> Iterable[tuple[str, tuple[Seen, ...]]]:
    from natc.text.files import read_recent_file

    for word in given:
        name, equals, path = word.partition("=")
        if equals:
            yield name, read_recent_file(path)
        else:
            yield from _read_folder(word, ruleset)


def _read_folder(folder: str, ruleset: Ruleset) -> Iterable[tuple[str, tuple[Seen, ...]]]:
    """Read the lists of a folder that rules of the dump name."""
    from pathlib import Path

    from natc.text.files import read_recent_file

    if not Path(folder).is_dir():
        raise NodeError(f"--recent {folder}: neither NAME=FILE nor a folder of lists")
    for name in sorted(_named(ruleset)):
        path = Path(folder, name)
        if path.is_file():
            yield name, read_recent_file(path)


def _lists_of_bundle(bundle: Bundle, ruleset: Ruleset) -> Iterable[tuple[str, tuple[Seen, ...]]]:
    """Return the lists of a bundle that rules name; other families' rules have lists of their own."""
    named = _named(ruleset)
    return ((name, seen) for name, seen in bundle.lists().items() if name in named)


def _named(ruleset: Ruleset) -> set[str]:
    """Return the names of the lists in a ruleset's rules."""
    from natc.netfilter.matches.recent import Recent

    return {
        match.list_name
        for rule in ruleset.rules()
        if any(part.kind is Recent for part in rule.shape.matches)
        for match in rule.matches
        if isinstance(match, Recent)
    }


def _connections(path: str | None, bundle: Bundle | None) -> Connections | None:
    """Return the connections of a file, else those of a bundle."""
    from natc.text.files import read_connection_file

    if path:
        return read_connection_file(path)
    return bundle.connections() if bundle else None


def _sets(path: str | None, bundle: Bundle | None) -> Sets | None:
    """Return the sets of a file, else those of a bundle."""
    from natc.text.files import read_set_file

    if path:
        return read_set_file(path)
    return bundle.sets() if bundle else None


def _lists(seen: dict[str, tuple[Seen, ...]], now: int, hz: int) -> Lists:
    """Return the entries of the lists with times in seconds, 0 being now."""
    from natc.netfilter.recent import Entry

    return {
        name: tuple(
            Entry(one.address, one.ttl, tuple((time - now) / hz for time in one.times), one.place)
            for one in found
        )
        for name, found in seen.items()
    }

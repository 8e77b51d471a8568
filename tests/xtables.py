"""What iptables' own extension files say, asked of its library without the kernel.

Each ``libxt_*.so``, ``libipt_*.so`` and ``libip6t_*.so`` registers its matches and targets with
libxtables, and with them the table of options they take. Layouts: struct xtables_match, struct
xtables_target and struct xt_option_entry in iptables' xtables.h, version 1.8.
"""

import ctypes
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from ctypes import (
    CDLL,
    POINTER,
    RTLD_GLOBAL,
    Structure,
    c_char_p,
    c_int,
    c_size_t,
    c_uint,
    c_uint8,
    c_uint16,
    c_void_p,
)
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from tests.support import ROOT, lacking

#: Where Debian and others put the extension files, and the library.
_FOLDERS = ("/usr/lib/*/xtables", "/usr/lib64/xtables", "/usr/lib/xtables")
_INVERTIBLE, _MANDATORY = 1, 2


class _OldOption(Structure):
    _fields_ = (("name", c_char_p), ("has_arg", c_int), ("flag", c_void_p), ("val", c_int))


class _OptionEntry(Structure):
    _fields_ = (
        ("name", c_char_p), ("type", c_uint), ("id", c_uint), ("excl", c_uint), ("also", c_uint),
        ("flags", c_uint), ("ptroff", c_uint), ("size", c_size_t), ("min", c_uint), ("max", c_uint),
    )  # fmt: skip


class _Registered(Structure):
    """The part of struct xtables_match that struct xtables_target has too."""


_Registered._fields_ = (
    ("version", c_char_p), ("next", POINTER(_Registered)), ("name", c_char_p), ("real_name", c_char_p),
    ("revision", c_uint8), ("ext_flags", c_uint8), ("family", c_uint16),
    ("size", c_size_t), ("userspacesize", c_size_t),
    *((name, c_void_p) for name in ("help", "init", "parse", "final_check", "print", "save", "alias")),
    ("old_options", POINTER(_OldOption)), ("x6_parse", c_void_p), ("x6_fcheck", c_void_p),
    ("options", POINTER(_OptionEntry)),
)  # fmt: skip


@frozen
class Declared:
    """One option as iptables declares it. Of old-style files only the name and the argument are known."""

    name: str
    argument: bool
    invertible: bool | None = None
    required: bool | None = None


@frozen
class File:
    """One revision of a match or target."""

    kind: str
    """``matches`` or ``targets``."""
    name: str
    real_name: str
    """The name the kernel knows, where that is another."""
    revision: int
    families: frozenset[int]
    options: tuple[Declared, ...]


class _Globals(Structure):
    _fields_ = (
        ("option_offset", c_uint), ("program_name", c_char_p), ("program_version", c_char_p),
        ("orig_opts", c_void_p), ("opts", c_void_p), ("exit_err", c_void_p), ("compat_rev", c_void_p),
    )  # fmt: skip


#: Files register with the library when they are loaded, for one family: each is asked in a process of its own.
_ASK = """
import pickle, sys
from tests.xtables import registered
sys.stdout.buffer.write(pickle.dumps(registered(int(sys.argv[1]))))
"""


@lru_cache(maxsize=1)
def extension_files() -> tuple[File, ...]:
    """Return all that the extension files of this machine register; skip without them."""
    if not _folders():
        lacking("the extension files of iptables are not installed")
    answers = [
        subprocess.run(
            [sys.executable, "-c", _ASK, number], stdout=subprocess.PIPE, cwd=ROOT, check=True
        ).stdout
        for number in ("2", "10")
    ]
    unique = {repr(file): file for answer in answers for file in pickle.loads(answer)}
    return tuple(unique.values())


def _folders() -> list[Path]:
    return [found for pattern in _FOLDERS for found in Path("/").glob(pattern[1:])]


def registered(family: int) -> list[File]:
    """Load every extension file for a family, NFPROTO_IPV4 or NFPROTO_IPV6; once in a process."""
    library = CDLL("libxtables.so.12", mode=RTLD_GLOBAL)
    basic_exit = ctypes.cast(library.basic_exit_err, c_void_p).value
    names = _Globals(0, b"tests", b"0", None, None, basic_exit, None)
    library.xtables_set_params(ctypes.byref(names))
    library.xtables_set_nfproto(c_uint8(family))
    for path in sorted(_folders()[0].glob("lib*.so")):
        if re.match(r"lib(xt|ipt|ip6t)_", path.name):
            CDLL(str(path), mode=RTLD_GLOBAL)
    return [
        _file(kind, entry)
        for kind in ("matches", "targets")
        for entry in _chained(POINTER(_Registered).in_dll(library, f"xtables_pending_{kind}"))
    ]


def _chained(entry) -> Iterator[_Registered]:
    while entry:
        yield entry.contents
        entry = entry.contents.next


def _file(kind: str, entry: _Registered) -> File:
    families = {0: {4, 6}, 2: {4}, 10: {6}}.get(entry.family, set())
    name = entry.name.decode()
    real = entry.real_name.decode() if entry.real_name else name
    return File(kind, name, real, entry.revision, frozenset(families), tuple(_options(entry)))


def _options(entry: _Registered) -> Iterator[Declared]:
    index = 0
    while entry.options and entry.options[index].name:
        option = entry.options[index]
        yield Declared(
            option.name.decode(),
            option.type != 0,
            bool(option.flags & _INVERTIBLE),
            bool(option.flags & _MANDATORY),
        )
        index += 1
    index = 0
    while entry.old_options and entry.old_options[index].name:
        yield Declared(entry.old_options[index].name.decode(), entry.old_options[index].has_arg > 0)
        index += 1

"""What every match and target extension is made of: options declared as fields, and a registry.

An extension is a frozen attrs class. Each of its fields is one option of iptables, declared with
:func:`option`: its name in the save form, the :class:`~natc.netfilter.kinds.Kind` of its argument,
other spellings, whether it can be negated. From the declaration follow reading, printing and the
checks that iptables makes (given twice, missing, not negatable), so a new extension is a class with
its fields and what it means for a packet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from natc.netfilter.condition import ALWAYS, Condition, Unknown
from natc.netfilter.effect import Effect, Undecided
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.ports import ALL_PORTS, PortRange
from natc.values import field, fields, frozen

if TYPE_CHECKING:
    from natc.netfilter.memory import Memory

T = TypeVar("T")
_METADATA = "natc.option"
#: How many options a message names.
_LISTED = 6


@frozen
class Term(Generic[T]):
    """The value of an option that can be negated."""

    value: T
    inverted: bool = False

    def holds(self, met: bool) -> bool:
        """Tell whether the option holds of a packet that meets its value, or does not."""
        return met is not self.inverted


@frozen
class Use:
    """One use of an option in a rule, as written: its name, whether negated, its argument words."""

    name: str
    inverted: bool
    words: tuple[str, ...]


@frozen
class Option:
    """The declaration of one option."""

    name: str
    kind: Kind[Any]
    spellings: Mapping[str, Kind[Any]]
    """Every accepted name, each with the kind that reads its argument into the same value."""
    negatable: bool
    required: bool
    omit: Any
    """The value that iptables-save leaves out."""
    hides: Any
    """The value that it leaves out negated or not."""


class _Never:
    """Compares unequal to every value: an option that a save never leaves out."""


NEVER = _Never()
#: The protocols with which NAT targets take ports: TCP, UDP, DCCP, SCTP, and ICMP for its identifiers.
WITH_PORTS = frozenset({1, 6, 17, 33, 132})


def option(  # noqa: PLR0913 - a declaration, all but the first two by name
    name: str,
    kind: Kind[Any],
    *,
    also: Mapping[str, Kind[Any] | None] | Sequence[str] = (),
    negatable: bool = False,
    required: bool = False,
    omit: Any = NEVER,
    hides: Any = NEVER,
    default: Any = None,
) -> Any:
    """Declare the field for one option.

    ``name`` is the spelling iptables-save prints. ``also`` names further spellings; as a mapping it
    may give each a kind of its own (``--or-mark`` and ``--set-xmark`` store the same thing).
    A negatable option's value is a :class:`Term`. ``omit`` is the value a save does not print, ``hides``
    one it prints neither plain nor negated (none that a word in plain form means), and ``default`` what
    the field holds when the option is not given.
    """
    further = also if isinstance(also, Mapping) else dict.fromkeys(also)
    spellings = {name: kind, **{other: own or kind for other, own in further.items()}}
    declared = Option(name, kind, spellings, negatable, required, omit, hides)
    return field(default=default, metadata={_METADATA: declared})


def ports_as_nft(ports: Term[PortRange] | None) -> Term[PortRange] | None:
    """Return a range of ports as the nf_tables programs keep it: not up to a port is above it."""
    if ports is None or not ports.inverted or ports.value.low or not 0 < ports.value.high < ALL_PORTS.high:
        return ports
    return Term(PortRange(ports.value.high + 1, ALL_PORTS.high))


class OptionError(ValueError):
    """A use of an option that iptables refuses. ``use`` is the culprit, None for a missing option."""

    def __init__(self, message: str, use: Use | None = None) -> None:
        super().__init__(message)
        self.use = use


class Extension:
    """Base of every match and target."""

    name: ClassVar[str]
    """The word behind ``-m`` or ``-j``."""
    options: ClassVar[tuple[tuple[str, Option], ...]]
    """Each field that is an option, with its declaration, in the order iptables-save prints them."""
    by_spelling: ClassVar[Mapping[str, tuple[str, Option]]]
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields of which a rule may give only one."""
    one_of: ClassVar[tuple[str, ...]] = ()
    """Fields of which a rule has to give at least one."""
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Fields that make sense only with others: one of the others must be given too."""
    families: ClassVar[frozenset[int]] = frozenset({4, 6})
    """The families that have the extension: 4, 6 or both."""
    tables: ClassVar[frozenset[str] | None] = None
    """The tables the kernel lets it into, None for all."""
    hooks: ClassVar[frozenset[str] | None] = None
    """The builtin chains from which the kernel lets it be reached, None for all."""
    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {}
    """For fields whose use limits that further, the builtin chains that are left."""

    protocols: ClassVar[frozenset[int] | None] = None
    """The protocols of which the rule must ask for one, by a ``-p`` that is not negated, None for any
    or none (xt_check_match and xt_check_target in net/netfilter/x_tables.c, checks of libxtables)."""

    negated_protocol: ClassVar[bool] = False
    """Whether a negated ``-p`` that names one of them will do: libxtables looks at the number only, and
    the nf_tables programs say in expressions of their own what TCP and UDP ask."""

    def needs_protocol(self, family: int) -> bool:
        """Tell whether these options ask for one of the ``protocols``."""
        return True

    @property
    def shown_name(self) -> str:
        """The name a save prints."""
        return self.name

    completes_words: ClassVar[bool] = True
    """Whether a :meth:`completed` of the class's own may change how a good word is printed
    (:attr:`natc.netfilter.kinds.Kind.good`)."""

    @classmethod
    def read(cls, uses: Sequence[Use], family: int) -> Self:
        """Make the extension out of the options used in a rule.

        ``family`` is 4 or 6. Raises :class:`OptionError` for what iptables-restore would refuse.
        """
        values: dict[str, Any] = {}
        for use in uses:
            attribute, declared = cls._declaration(use)
            if attribute in values:
                raise OptionError(f"{use.name} given twice", use)
            values[attribute] = _value(declared, use)
            _check_family(declared, use, values[attribute], family)
        cls._check(values, family)
        return cls(**cls.completed(values, family))

    @classmethod
    def _check(cls, values: Mapping[str, Any], family: int) -> None:
        """Raise :class:`OptionError` unless the options given go together."""
        if family not in cls.families:
            raise OptionError(f"{cls.name} is not for IPv{family}")
        for attribute, declared in cls.options:
            if declared.required and attribute not in values:
                raise OptionError(f"{cls.name} needs {declared.name}")
        for group in cls.exclusive:
            given = [attribute for attribute in group if attribute in values]
            if len(given) > 1:
                raise OptionError(f"{cls.name} takes only one of {cls._names(given, ' and ')}")
        if cls.one_of and not any(attribute in values for attribute in cls.one_of):
            raise OptionError(f"{cls.name} needs {cls._names(cls.one_of)}")
        for attribute, others in cls.needs.items():
            if attribute in values and not any(other in values for other in others):
                raise OptionError(f"{cls._names([attribute])} needs {cls._names(others)} too")

    @classmethod
    def _names(cls, attributes: Sequence[str], last: str = " or ") -> str:
        names = [declared.name for attribute, declared in cls.options if attribute in attributes]
        if len(names) > _LISTED:
            return ", ".join([*names[:_LISTED], "..."])
        return last.join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]

    @classmethod
    def _declaration(cls, use: Use) -> tuple[str, Option]:
        try:
            return cls.by_spelling[use.name]
        except KeyError:
            raise OptionError(f"{cls.name} has no option {use.name}", use) from None

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Return the fields with what iptables fills in by itself; a hook for subclasses."""
        return values

    def checked_hooks(self) -> frozenset[str] | None:
        """Return the builtin chains that the kernel's check of the options allows, None for all.

        The legacy kernel minds every chain that leads to the rule; nf_tables asks only when the rule
        stands in a builtin chain itself.
        """
        limits = [hooks for name, hooks in self.hooks_by_option.items() if getattr(self, name)]
        return frozenset.intersection(*limits) if limits else None

    def as_nft(self) -> Self | None:
        """Return what the nf_tables programs make of it where that differs; None when nothing is left."""
        return self

    def words(self) -> list[str]:
        """Return the words iptables-save prints behind the extension's name."""
        out: list[str] = []
        for attribute, declared in self.options:
            value = getattr(self, attribute)
            if value is None or value is False or value == declared.omit:
                continue
            if declared.negatable:
                if value.value == declared.hides:
                    continue
                if value.inverted:
                    out.append("!")
                value = value.value
            out.append(declared.name)
            out.extend(declared.kind.words(value))
        return out


def _value(declared: Option, use: Use) -> Any:
    if use.inverted and not declared.negatable:
        raise OptionError(f"{use.name} cannot be negated", use)
    try:
        value = declared.spellings[use.name].parse(use.words)
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(f"{use.name}: {error}", use) from None
    return Term(value, use.inverted) if declared.negatable else value


def _check_family(declared: Option, use: Use, value: Any, family: int) -> None:
    kind = declared.spellings[use.name]
    if kind.family(value.value if declared.negatable else value) not in (None, family):
        raise OptionError(f"{use.name} {' '.join(use.words)} is no address of IPv{family}", use)


E_ = TypeVar("E_", bound=type[Extension])


def declare(cls: E_, name: str) -> E_:
    """Collect an attrs class's option fields; called by the registries."""
    cls.name = name
    cls.options = tuple(
        (a.name, a.metadata[_METADATA]) for a in fields(cast(Any, cls)) if _METADATA in a.metadata
    )
    cls.by_spelling = {
        spelling: (attribute, declared)
        for attribute, declared in cls.options
        for spelling in declared.spellings
    }
    return cls


class Match(Extension):
    """Base of the match extensions (``-m NAME``)."""

    asks_nothing: ClassVar[bool] = False
    """Whether it is a remark, true of every packet."""
    header_size: ClassVar[int] = 0
    """Bytes of the protocol's header that it needs: the kernel drops a packet that has fewer."""

    @property
    def kept_at(self) -> Hashable:
        """Where a memory has what rules share that name the same, as long as one does; None for nothing."""
        return None

    def loaded(self, memory: Memory) -> Memory:
        """Return the memory once a rule with it is loaded. Raises :class:`OptionError` if it is refused."""
        return memory

    def condition(self) -> Condition:
        """Return what the match asks of a packet; without a definition, a question left open."""
        return Unknown(f"-m {' '.join([self.shown_name, *self.words()])}")

    def guard(self, *, nft: bool) -> Condition:
        """Return what is asked before that of a packet with a malformed header.

        ``nft`` under nf_tables, which has expressions of its own for some matches.
        """
        if not self.header_size:
            return ALWAYS
        from natc.netfilter.guards import needs

        return needs(self.header_size)


class Target(Extension):
    """Base of the target extensions (``-j NAME``)."""

    def effect(self) -> Effect:
        """Return what the target does to a packet; without a definition, a question left open."""
        return Undecided(f"-j {' '.join([self.shown_name, *self.words()])}")


def registrar(registry: dict[str, type[Any]]) -> Callable[..., Callable[[E_], E_]]:
    """Return the class decorator that enters extensions into ``registry``."""

    def register(*names: str) -> Callable[[E_], E_]:
        def enter(cls: E_) -> E_:
            for name in names:
                if name in registry:
                    raise ValueError(f"{name} is registered twice")
                registry[name] = cls
            return declare(cls, names[0])

        return enter

    return register

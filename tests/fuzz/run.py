"""Break a text, bring it in through a door, and look at what comes of it."""

import random
import time
from collections import Counter
from collections.abc import Iterator

from attrs import define, field, frozen

from natc.errors import NatcError
from natc.text import grammar
from tests.fuzz.doors import DOORS, Door, rendered, window
from tests.fuzz.limits import TooSlow, bounded
from tests.fuzz.mutations import broken

#: One input in so many is watched for memory too.
_WATCHED = 16


@frozen
class Finding:
    """An input that natc did not answer as it should."""

    door: str
    number: int
    what: str
    text: str


@define
class Run:
    """Inputs made from one seed of chance, counted by door and outcome."""

    seed: int = 0
    number: int = 0
    counts: Counter[tuple[str, str]] = field(factory=Counter)

    def findings(self, seconds: float, inputs: int | None = None) -> Iterator[Finding]:
        """Go on for so long, or for so many inputs, and yield what is wrong."""
        end = time.monotonic() + seconds
        with _WholeGrammar():
            while time.monotonic() < end and (inputs is None or self.number < inputs):
                finding = self.one()
                if finding:
                    yield finding

    def one(self) -> Finding | None:
        """Make and try the next input."""
        self.number += 1
        chance = random.Random(f"{self.seed}:{self.number}")
        door = DOORS[chance.choices(range(len(DOORS)), (6, 3, 4, 1, 2, 1))[0]]
        seeds = door.seeds()
        text = chance.choice(seeds)
        text = broken(window(text, chance) if "dump" in door.name else text, seeds, chance)
        outcome = attempt(door, text, memory=self.number % _WATCHED == 0)
        self.counts[door.name, outcome.split(":")[0]] += 1
        return None if outcome in ("taken", "refused") else Finding(door.name, self.number, outcome, text)


def attempt(door: Door, text: str, *, memory: bool = False) -> str:
    """Return "taken", "refused", or what went wrong."""
    try:
        with bounded(len(text), memory=memory):
            try:
                return "taken" if door.enter(text) else "refused"
            except NatcError as error:
                rendered(error)
                return "refused"
    except TooSlow:
        return "too slow"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


class _WholeGrammar:
    """Give every input the parser of all extensions: one is made for the whole run, not one for each text."""

    def __enter__(self) -> None:
        self.named = grammar.blocks_named
        grammar.blocks_named = lambda _text: grammar.all_blocks()

    def __exit__(self, *_: object) -> None:
        grammar.blocks_named = self.named

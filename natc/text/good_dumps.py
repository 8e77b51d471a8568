"""Which large dumps were read in full and found good: to ask the same dump again, when something is down.

Reading a dump proves that every line of it is a rule and every chain it leads to is there. That is true of
the same bytes the next time, too, so their SHA-256 is kept, and a dump with that digest is not proved again:
its lines stay text until a question looks at them, as :mod:`natc.text.folded` has it. The answers are the
same to the letter. Measured on 18.9 MB, CPU: the digest 14 ms, the proof 150.

Kept is the digest of a text of which all went the reader's usual ways: no line respelled, no rule that
differs from its line, every table proved sound by its outline, the rules of each chain together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from natc.text.cache_file import CacheFile

#: How many digests are kept, the latest.
_MOST = 100
_STEP = 1 << 18


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, taken piece by piece: all of it in bytes would be a copy."""
    from hashlib import sha256

    made = sha256()
    for at in range(0, len(text), _STEP):
        made.update(text[at : at + _STEP].encode("utf-8", "surrogatepass"))
    return made.hexdigest()


@frozen
class GoodDumps:
    """The digests, in natc's cache."""

    folder: Path

    @property
    def _file(self) -> CacheFile:
        from natc.text.cache_file import CacheFile

        return CacheFile(self.folder, "dumps")

    def __contains__(self, digest: object) -> bool:
        return digest in self._file.load().get("good", ())

    def add(self, digest: str) -> None:
        """Keep the digest of a dump that has been read in full."""
        known = [each for each in self._file.load().get("good", ()) if each != digest]
        self._file.store({"good": [*known, digest][-_MOST:]})


@frozen
class Proof:
    """Whether a text is known to be good, and where to note it when it has been read."""

    digest: str
    given: bool
    _dumps: GoodDumps

    @classmethod
    def of(cls, text: str, dumps: GoodDumps) -> Proof:
        """Look a text up."""
        digest = digest_of(text)
        return cls(digest, digest in dumps, dumps)

    def note(self) -> None:
        """Keep that the text was read and found good."""
        if not self.given:
            self._dumps.add(self.digest)

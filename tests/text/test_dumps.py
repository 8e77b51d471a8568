"""Rulesets as people have them: read when a restore takes them, saves unchanged, else the right line named."""

import csv
import re

import pytest

from natc.errors import DumpError
from natc.text.files import ENCODING, read_dump
from natc.text.writer import save
from tests.support import SHARED, need_kernel, shared

INDEX = SHARED / "dumps/index.tsv"

#: Where natc and iptables-restore 1.8.9 part on purpose.
OLD_NEGATION = "iptables before 1.8.9 took `-s ! ADDRESS`, and its saves are full of it"
HOST_NAME = "iptables-restore asks a name server; in natc a host name stays an open question"
READ_NONETHELESS = {"046": OLD_NEGATION, "135": OLD_NEGATION, "052": HOST_NAME, "071": HOST_NAME}


def rows() -> list[dict[str, str]]:
    if not INDEX.exists():
        return []
    with INDEX.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def verdicts(row: dict[str, str]) -> set[str]:
    return {row["accepted_by_legacy_restore"], row["accepted_by_nft_restore"]}


TAKEN = [row for row in rows() if "yes" in verdicts(row)]
REFUSED = [row for row in rows() if verdicts(row) == {"no"}]
#: Large ones that nobody waited for: a namespace without name servers answers at once.
UNDECIDED = [row for row in rows() if verdicts(row) == {"?"}]


def row_id(row: dict[str, str]) -> str:
    return row["file"]


@pytest.mark.shared
@pytest.mark.parametrize("row", TAKEN, ids=row_id)
def test_what_a_restore_takes_is_read_and_a_save_comes_back(row):
    path = shared(f"dumps/{row['file']}")
    text = save(read_dump(path, parts=[]))
    if row["origin"] == "real-save":
        assert text.encode(**ENCODING) == path.read_bytes()


def lines_blamed(path, family_programs=("iptables", "ip6tables")) -> set[int]:
    """The lines that the restores of this machine blame, those of the error messages."""
    import subprocess

    said = ""
    for program in family_programs:
        for backend in ("legacy", "nft"):
            command = ["unshare", "-n", f"{program}-{backend}-restore", "--test"]
            done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)
            said += done.stderr.decode("utf-8", "replace")
    return {int(number) for number in re.findall(r"line:? (\d+)", said)}


@pytest.mark.shared
@pytest.mark.kernel
@pytest.mark.parametrize("row", REFUSED, ids=row_id)
def test_what_both_restores_refuse_is_refused_at_their_line(row):
    path = shared(f"dumps/{row['file']}")
    need_kernel("iptables-legacy-restore", "iptables-nft-restore")
    if row["file"][:3] in READ_NONETHELESS:
        assert read_dump(path).tables
        return
    with pytest.raises(DumpError) as caught:
        read_dump(path)
    assert caught.value.span.line in lines_blamed(path)


@pytest.mark.shared
@pytest.mark.kernel
@pytest.mark.parametrize("row", UNDECIDED, ids=row_id)
def test_what_nobody_waited_for_is_read_or_refused_as_the_restores_do(row):
    path = shared(f"dumps/{row['file']}")
    need_kernel("iptables-legacy-restore", "iptables-nft-restore")
    family = "ip6tables" if "ip6tables-save" in path.name else "iptables"
    blamed = lines_blamed(path, (family,))
    if not blamed:
        assert save(read_dump(path)).encode(**ENCODING) == path.read_bytes()
        return
    with pytest.raises(DumpError) as caught:
        read_dump(path)
    assert caught.value.span.line in blamed


@pytest.mark.shared
def test_there_are_dumps():
    shared("dumps")
    assert len(TAKEN) > 100
    assert len(REFUSED) > 30

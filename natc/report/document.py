"""The frame of every JSON answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import islice
from typing import Any

from natc.probability import Odds

#: Goes up when a field changes its meaning; new fields alone do not raise it.
SCHEMA = 1
#: Python refuses to print integers of more digits than this; longer ones are hexadecimal strings.
_LONGEST_BITS = 14000
#: How many pieces of JSON are written at once.
_PIECES = 4096


def document(version: str, content: Mapping[str, Any]) -> str:
    """Return one JSON document that begins with natc's version and the schema's number."""
    return json.dumps(_framed(version, content), indent=1, ensure_ascii=True) + "\n"


def emit_document(version: str, content: Mapping[str, Any]) -> None:
    """Write the document to standard output piece by piece: 5,000 endpoints have 600 MB of odds."""
    encoder = json.JSONEncoder(indent=1, ensure_ascii=True)
    pieces = encoder.iterencode(_framed(version, content))
    while text := "".join(islice(pieces, _PIECES)):
        sys.stdout.write(text)
    sys.stdout.write("\n")


def _framed(version: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"natc": version, "schema": SCHEMA, **content}


def odds_json(odds: Odds) -> dict[str, Any]:
    """Return odds as ``num`` / 2^``exp``, exactly, with the nearest float beside it."""
    return {"num": whole_json(odds.num), "exp": odds.exp, "value": float(odds)}


def whole_json(number: int) -> int | str:
    """Return a whole number as it is printed: in hexadecimal where Python would refuse to."""
    return number if number.bit_length() < _LONGEST_BITS else hex(number)

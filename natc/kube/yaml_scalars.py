"""What an unquoted YAML scalar means to Kubernetes.

Kubernetes turns YAML into JSON with sigs.k8s.io/yaml, whose scalars follow YAML 1.1 in most of its
oddities but not in all: ``n`` is false and ``0o17`` is 15, while ``1:30`` and ``2001-01-01`` stay
strings. Every form named here was measured with kubectl 1.32.4; tests/kube/test_yaml_scalars.py
holds the table.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

#: Plain scalars that are booleans or null.
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_JSON = {
    word: float(word.lower().replace(".", ""))
    for word in (
        *(sign + inf for sign in ("", "+", "-") for inf in (".inf", ".Inf", ".INF")),
        ".nan",
        ".NaN",
        ".NAN",
    )
}
_INTEGER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)", re.ASCII
).fullmatch
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII).fullmatch
_BASES = {"x": 16, "o": 8, "b": 2}
#: An integer needs at most 66 characters (64 binary digits); a float is not worth reading beyond.
_LONGEST_NUMBER = 400

#: First characters of the scalars that can mean anything but their own text.
SPECIAL_FIRST = frozenset("+-.0123456789yYnNtTfFoO~")


def resolve(text: str) -> Scalar:
    """Return the value of the plain scalar ``text``; infinities and NaN come back as such floats."""
    if not text:
        return None
    first = text[0]
    if first not in SPECIAL_FIRST:
        return text
    if text in WORDS:
        return WORDS[text]
    if text in _NOT_JSON:
        return _NOT_JSON[text]
    if first.isalpha() or first == "~" or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text if first == "." else text.replace("_", ""), text)


def _number(digits: str, text: str) -> Scalar:
    if _INTEGER(digits):
        number = _integer(digits)
        unsigned = digits[0].isdigit()
        if -(2**63) <= number < (2**64 if unsigned else 2**63):
            return number
    if _FLOAT(digits):
        value = float(digits)
        if value not in (float("inf"), float("-inf")):
            return value
    return text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    if digits[1:2].lower() in _BASES:
        return sign * int(digits[2:], _BASES[digits[1].lower()])
    if digits[0] == "0":
        return sign * int(digits, 8)
    return sign * int(digits)

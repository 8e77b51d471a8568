"""Plain scalars mean what kubectl makes of them.

Measured with kubectl 1.32.4: ``kubectl label --local -o json`` of a ControllerRevision whose ``data``
is ``{v: SCALAR}``.
"""

import math

import pytest

from natc.kube.yaml_scalars import resolve

MEASURED = {
    "n": False, "N": False, "no": False, "off": False, "Off": False, "false": False,
    "y": True, "yes": True, "on": True, "On": True, "True": True,
    "oN": "oN", "tRue": "tRue", "nULL": "nULL", "NaN": "NaN", "Infinity": "Infinity",
    "": None, "~": None, "null": None, "NULL": None,
    "0o17": 15, "0O17": 15, "010": 8, "-010": -8, "+010": 8, "0777_": 511,
    "1_000": 1000, "1__0": 10, "_1": "_1", "0x1F": 31, "0X1f": 31, "0x_1": 1,
    "0b101": 5, "-0b101": -5, "0B1": 1, "+12": 12, "-8": -8, "0": 0,
    "08": 8.0, "1e3": 1000.0, "1E3": 1000.0, "1e+3": 1000.0, "1_e3": 1000.0, "1e_3": 1000.0,
    "1.5": 1.5, "1.": 1.0, ".5": 0.5, "+.5": 0.5, "0.1_0": 0.1, ".8e1": 8.0,
    ".": ".", "-.": "-.", "+": "+", "-": "-", "1e": "1e", "0x": "0x", "0o": "0o", "--8": "--8", "+-8": "+-8",
    "1:30": "1:30", "190:20:30": "190:20:30", "2001-01-01": "2001-01-01", "2001-12-14 21:59:43": "2001-12-14 21:59:43",
    "=": "=", "1 000": "1 000", "\uff11": "\uff11",
    "18446744073709551615": 2**64 - 1, "99999999999999999999": 1e20, "012345678901234567890": 12345678901234567000.0,
    "1e400": "1e400", "0x10000000000000000": "0x10000000000000000",
}  # fmt: skip


@pytest.mark.parametrize("text", MEASURED)
def test_a_plain_scalar_is_what_kubectl_makes_of_it(text):
    value = resolve(text)
    assert (type(value), value) == (type(MEASURED[text]), MEASURED[text])


@pytest.mark.parametrize("text", [".inf", "-.inf", "+.Inf", ".nan", ".NaN"])
def test_what_json_does_not_have_is_told_apart(text):
    assert not math.isfinite(resolve(text))


def test_a_number_too_long_to_be_one_costs_nothing():
    assert resolve("1" * 1_000_000) == "1" * 1_000_000

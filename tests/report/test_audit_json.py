"""JSON of an audit says what the services say, whatever their targets look like."""

import json

import pytest

from natc.analysis.audit import Judgement, Service
from natc.probability import Odds
from natc.report.audit import audit_json
from natc.text.reader import read

RULE = (
    read("*nat\n:A - [0:0]\n-A A -p tcp -m tcp --dport 80 -j RETURN\nCOMMIT\n")
    .tables["nat"]
    .chains["A"]
    .rules[0]
)
THIRD, REST = Odds(715827883, 31), Odds(1431655765, 31)
NONE = Judgement(problem='leads nowhere, 100 % of "it"')


def _service(places: tuple[str, ...], numbers: tuple[int, ...]) -> Service:
    parts = tuple(zip(numbers, (THIRD, REST), strict=False))
    return Service("10.0.0.1", "80", "tcp", 'a "b" 5%s', RULE, Judgement(parts, 0.25, ""), places)


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        (("10.1.0.1:80", "10.1.0.2:81"), [("10.1.0.1", 80), ("10.1.0.2", 81)]),
        (("10.1.0.1:80", "[fd00::1]:81"), [("10.1.0.1", 80), ("fd00::1", 81)]),
        (("10.1.0.1", "10.1.0.2:81"), [("10.1.0.1", None), ("10.1.0.2", 81)]),
        (("this node", "10.1.0.2:81-90"), [("this node", None), ("10.1.0.2:81-90", None)]),
        (("10.1.0.1:80:81", "5%s:7"), [("10.1.0.1:80:81", None), ("5%s", 7)]),
    ],
)
def test_each_target_has_its_address_port_and_odds(
    places: tuple[str, ...], shown: list[tuple[str, int | None]]
) -> None:
    odds = [{"num": each.num, "exp": 31, "value": float(each)} for each in (THIRD, REST)]
    for numbers in ((0, 1), (1, 0)):
        (found,) = json.loads("".join(audit_json([_service(places, numbers)])))
        expected = [
            {"ip": shown[n][0], "port": shown[n][1], "odds": odds[place]} for place, n in enumerate(numbers)
        ]
        assert found.pop("targets") == expected
        assert found == {
            "dst": "10.0.0.1:80", "proto": "tcp", "name": 'a "b" 5%s',
            "fair": True, "max_error": 0.25, "problem": None, "line": 3,
        }  # fmt: skip


def test_places_without_a_part_are_not_shown() -> None:
    services = [_service(("10.1.0.1:80", "10.1.0.2:80"), (1,)), _service(("10.1.0.1:80",), (0,))]
    shown = json.loads("".join(audit_json(services)))
    assert [[target["ip"] for target in each["targets"]] for each in shown] == [["10.1.0.2"], ["10.1.0.1"]]


def test_a_service_without_targets_has_its_problem() -> None:
    (shown,) = json.loads("".join(audit_json([Service("", "80", "udp", "", RULE, NONE)])))
    assert (shown["dst"], shown["targets"], shown["fair"]) == (":80", [], False)
    assert shown["problem"] == NONE.problem

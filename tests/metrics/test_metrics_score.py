"""Scores carry what they were measured with, and are compared only where that agrees."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from minigan.metrics.score import NonFiniteSamples, Protocol, ProtocolMismatch, Score, difference

FID = Protocol(
    "fid",
    extractor="lenet-mnist-v1:3fa9",
    variant="pixels",
    reference="mnist/test",
    n_reference=10_000,
    n_generated=5_000,
    quantised=True,
    version="0.1.0",
    seed=3,
)


def test_a_score_prints_its_protocol() -> None:
    printed = "fid[lenet-mnist-v1:3fa9 | ref=mnist/test n=10000 | gen n=5000 uint8] = 12.35"
    assert str(Score(12.3456, FID)) == printed


def test_what_is_unknown_is_called_so() -> None:
    assert str(Protocol("fid")) == "fid[unknown | ref=unknown n=unknown | gen n=unknown]"


def test_parameters_are_printed_and_an_absent_reference_is_not() -> None:
    protocol = Protocol("is", {"splits": 10}, extractor="inception", reference="", n_generated=50, quantised=False)
    assert str(protocol) == "is[inception | gen n=50 | splits=10]"


def test_a_score_is_a_number() -> None:
    assert float(Score(2.5, FID)) == 2.5


def test_a_score_survives_json() -> None:
    score = Score(2.5, replace(FID, parameters={"subsets": 100}), {"notes": ["few samples"], "deviation": 0.25})
    back = json.loads(json.dumps(score.as_json()))
    assert Score(back["value"], Protocol(**back["protocol"]), back["details"]) == score


def test_scores_measured_alike_are_subtracted_whatever_version_seed_and_details() -> None:
    other = replace(FID, version="0.2.0", seed=4)
    assert difference(Score(3.0, FID, {"rank": 1}), Score(5.0, other)) == -2.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metric", "kid"),
        ("parameters", {"subsets": 50}),
        ("extractor", "inception"),
        ("variant", "clean"),
        ("reference", "mnist/train"),
        ("n_reference", 9_999),
        ("n_generated", 10_000),
        ("quantised", False),
    ],
)
def test_scores_measured_differently_are_refused_with_the_field_and_both_values(field: str, value: object) -> None:
    changed = replace(FID, **{field: value})
    with pytest.raises(ProtocolMismatch) as refused:
        difference(Score(3.0, FID), Score(5.0, changed))
    assert f"{field}: {getattr(FID, field)!r} and {value!r}" in str(refused.value)
    assert ";" not in str(refused.value)


def test_all_differing_fields_are_listed() -> None:
    with pytest.raises(ProtocolMismatch, match=r"extractor: .*; n_generated: 5000 and 50"):
        difference(Score(3.0, FID), Score(5.0, replace(FID, extractor="inception", n_generated=50)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    for pair in ((Score(value, FID), Score(1.0, FID)), (Score(1.0, FID), Score(value, FID))):
        with pytest.raises(NonFiniteSamples, match="not finite"):
            difference(*pair)


@pytest.mark.parametrize("error", [NonFiniteSamples, ProtocolMismatch])
def test_the_errors_are_value_errors(error: type[Exception]) -> None:
    assert issubclass(error, ValueError)

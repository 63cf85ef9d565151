"""The Inception score: its extremes, a worked example, its splits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import strict

from minigan.metrics.inception_score import inception_score, softmax
from minigan.metrics.score import NonFiniteSamples, Protocol

LOGITS = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [2, 0, 0]])


def draw(n: int, classes: int = 4, seed: int = 0) -> np.ndarray:
    return softmax(np.random.default_rng(seed).normal(size=(n, classes)) * 2)


def whole(p: np.ndarray) -> float:
    return inception_score(p, rng=None, splits=1).value


def test_a_worked_example() -> None:
    assert whole(softmax(LOGITS)) == pytest.approx(1.4998692752, abs=1e-10)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_certain_and_equally_frequent_classes_score_their_number(classes: int) -> None:
    assert whole(np.tile(np.eye(classes), (3, 1))) == pytest.approx(classes, rel=1e-12)


def test_one_answer_for_all_samples_scores_1() -> None:
    assert whole(np.tile([0.7, 0.2, 0.1, 0], (50, 1))) == pytest.approx(1, rel=1e-12)
    assert whole(np.tile([0.0, 1.0], (50, 1))) == 1


def test_the_score_lies_between_1_and_the_number_of_classes() -> None:
    for seed in range(20):
        assert 1 < whole(draw(50, 5, seed)) < 5


def test_splits_are_contiguous_and_nearly_equal() -> None:
    p = draw(23)
    score = inception_score(p, rng=None, splits=4)
    values = np.array([whole(p[a:b]) for a, b in ((0, 5), (5, 11), (11, 17), (17, 23))])
    assert score.value == pytest.approx(values.mean(), rel=1e-12)
    assert score.details["deviation"] == pytest.approx(values.std(), rel=1e-12)
    assert (score.details["classes"], score.details["samples_per_part"]) == (4, 5)


def test_ten_splits_are_taken_unless_asked_otherwise() -> None:
    assert inception_score(draw(100), rng=None).protocol.parameters == {"splits": 10, "shuffled": False}


def test_a_shuffle_saves_the_score_of_sorted_samples() -> None:
    certain = np.repeat(np.eye(4), 100, axis=0)
    assert inception_score(certain, rng=None, splits=4).value == pytest.approx(1, rel=1e-12)
    shuffled = inception_score(certain, rng=np.random.default_rng(0), splits=4)
    assert shuffled.value > 3.8
    assert shuffled.protocol.parameters == {"splits": 4, "shuffled": True}
    again = inception_score(certain, rng=np.random.default_rng(0), splits=4)
    assert again == shuffled


def test_as_few_samples_as_classes_are_noted() -> None:
    note = "4 samples per part for 4 classes: the score is too small"
    assert inception_score(draw(8), rng=None, splits=2).details["notes"] == [note]
    assert inception_score(draw(10), rng=None, splits=2).details["notes"] == []


def test_a_score_reports_what_it_was_measured_with() -> None:
    base = Protocol("", {"layer": "fc"}, "lenet:3fa9", "pixels", "mnist", 9, None, True, "0.1.0", 3)
    score = inception_score(draw(30), rng=None, splits=2, protocol=base)
    parameters = {"layer": "fc", "splits": 2, "shuffled": False}
    assert score.protocol == Protocol(
        "inception_score", parameters, "lenet:3fa9", "pixels", "", None, 30, True, "0.1.0", 3
    )
    assert json.loads(json.dumps(score.as_json()))["details"] == score.details


def test_the_rounding_of_float32_probabilities_does_not_matter() -> None:
    p = draw(200, 50)
    assert whole(p.astype(np.float32)) == pytest.approx(whole(p), rel=1e-6)


def test_the_rounding_of_their_sums_is_removed() -> None:
    assert whole(np.eye(2) * 1.00009) == pytest.approx(2, rel=1e-12)


def test_probabilities_may_be_on_a_gpu() -> None:
    p = draw(30)
    assert whole(strict.to_device(p)) == whole(p)
    np.testing.assert_array_equal(strict.to_host(softmax(strict.to_device(LOGITS))), softmax(LOGITS))


def test_softmax_of_huge_logits_is_finite_and_sums_to_1() -> None:
    p = softmax(np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]]))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    assert whole(p) < 3


def test_softmax_of_float32_logits_is_computed_in_float64() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(softmax(logits), softmax(logits.astype(np.float64)))
    assert softmax(logits).dtype == np.float64


@pytest.mark.parametrize("p", [LOGITS, np.array([[0.5, 0.6]]), np.array([[1.2, -0.2]]), np.array([[0.5, 0.499]])])
def test_what_is_not_a_probability_is_refused(p: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"rows sum to 1; got a minimum of .* `softmax`"):
        whole(p)


@pytest.mark.parametrize("splits", [0, -1, 31])
def test_splits_without_samples_are_refused(splits: int) -> None:
    with pytest.raises(ValueError, match=f"as many as there are samples, 30; got {splits}"):
        inception_score(draw(30), rng=None, splits=splits)


def test_probabilities_that_are_not_numbers_are_refused() -> None:
    p = draw(30)
    p[5, 0] = np.nan
    with pytest.raises(NonFiniteSamples, match=r"probabilities: 1 of 30 rows .* first row 5"):
        whole(p)
    with pytest.raises(TypeError, match="logits: expected an array of real numbers"):
        softmax([[1.0, 2.0]])

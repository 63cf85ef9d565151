"""Modes of images: classes and stacks of three digits, counted by what a classifier returns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minigan.metrics.modes import class_modes, stacked_modes
from minigan.metrics.score import NonFiniteSamples, Protocol


def sure(labels: np.ndarray, classes: int = 10) -> np.ndarray:
    """Probabilities of a classifier that is nearly certain of these labels: (*labels.shape, classes)."""
    return (0.9 * np.eye(classes)[labels] + 0.1 / classes).astype(np.float32)


def test_a_case_worked_by_hand() -> None:
    found = class_modes(sure(np.array([0, 0, 0, 2]), classes=4))
    np.testing.assert_array_equal(found.counts, [3, 0, 1, 0])
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert found.captured.value == 2
    assert found.entropy.value == pytest.approx(entropy, rel=1e-14)
    assert found.kl.value == pytest.approx(math.log(4) - entropy, rel=1e-14)


@pytest.mark.parametrize("m", [1, 3, 10])
def test_m_equal_classes_of_ten_have_entropy_log_m(m: int) -> None:
    found = class_modes(sure(np.tile(np.arange(m), 5)))
    assert found.captured.value == m
    assert found.entropy.value == pytest.approx(math.log(m), abs=1e-14)
    assert found.kl.value == pytest.approx(math.log(10 / m), abs=1e-14)


def test_a_class_needs_a_twentieth_of_its_share_to_count_as_fair() -> None:
    for n, fair in ((200, 2), (201, 1)):  # the share is n / 10, a twentieth of it n / 200
        labels = np.zeros(n, np.int64)
        labels[0] = 9
        found = class_modes(sure(labels))
        assert (found.captured.value, found.captured.details["fair"]) == (2, fair)


def test_a_stack_is_a_mode_of_its_three_digits_in_their_order() -> None:
    found = stacked_modes(sure(np.array([[1, 2, 3], [3, 2, 1], [9, 9, 9], [0, 0, 0], [1, 2, 3]])))
    assert len(found.counts) == 1000
    assert {int(i): int(found.counts[i]) for i in np.flatnonzero(found.counts)} == {0: 1, 123: 2, 321: 1, 999: 1}
    assert found.captured.value == 4
    assert found.captured.details["modes"] == 1000


def test_all_thousand_stacks_once_are_all_captured_and_have_no_divergence() -> None:
    digits = np.arange(10)
    stacks = np.stack(np.meshgrid(digits, digits, digits), axis=-1).reshape(-1, 3)
    found = stacked_modes(sure(stacks))
    assert found.captured.value == 1000
    assert found.kl.value == pytest.approx(0, abs=1e-12)


def test_a_perfect_generator_of_stacks_has_the_expected_modes_and_divergence() -> None:
    rng = np.random.default_rng(0)
    found = stacked_modes(sure(rng.integers(10, size=(26_000, 3))))
    assert found.captured.value == 1000
    assert found.kl.details["expected"] == pytest.approx(0.0192, abs=5e-5)
    assert found.kl.value == pytest.approx(0.0194, abs=4 * 0.0009)


def test_few_samples_cannot_reach_all_stacks_and_the_score_reports_it() -> None:
    rng = np.random.default_rng(1)
    counts = [stacked_modes(sure(rng.integers(10, size=(500, 3)))).captured for _ in range(10)]
    expected = counts[0].details["expected"]
    assert expected == pytest.approx(1000 * (1 - 0.999**500), rel=1e-12)
    assert abs(np.mean([c.value for c in counts]) - expected) < 10


def test_the_scores_state_how_they_were_measured() -> None:
    base = Protocol("x", extractor="lenet:3fa9", reference="mnist/test", seed=1, quantised=True)
    found = stacked_modes(sure(np.zeros((7, 3), np.int64)), protocol=base)
    assert found.kl.protocol == Protocol(
        "stacked_kl", {"modes": 1000}, "lenet:3fa9", reference="", n_generated=7, quantised=True
    )
    assert found.captured.protocol.metric == "stacked_captured"
    assert class_modes(sure(np.zeros(7, np.int64))).entropy.protocol.metric == "classes_entropy"


def test_what_is_not_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="logits need a softmax first"):
        class_modes(np.array([[3.0, -1.0]]))
    with pytest.raises(ValueError, match="with sum 1"):
        class_modes(np.array([[0.5, 0.4]]))
    with pytest.raises(NonFiniteSamples, match="1 of 2 probabilities"):
        class_modes(np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize("shape", [(5,), (0, 10), (5, 3, 10)])
def test_classes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(n, K\), got"):
        class_modes(np.full(shape, 0.1))


def test_stacks_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, 3, K\), got"):
        stacked_modes(np.full((5, 10), 0.1))
    with pytest.raises(ValueError, match="got 4 channels"):
        stacked_modes(np.full((5, 4, 10), 0.1))
    with pytest.raises(ValueError, match="got int64"):
        stacked_modes(np.zeros((5, 3, 10), np.int64))

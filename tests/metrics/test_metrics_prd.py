"""Precision-recall curves: of histograms worked by hand, and of features through k-means."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.metrics.neighbours import nearest
from minigan.metrics.prd import best_f, curve, kmeans, prd
from minigan.metrics.score import NonFiniteSamples, Protocol

UNIFORM = np.full(4, 0.25)
HALF = np.array([0.5, 0.5, 0, 0])
SKEWED = np.array([0.7, 0.1, 0.1, 0.1])


def ends(p: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    precision, recall = curve(p, q)
    return best_f(precision, recall, 8), best_f(precision, recall, 1 / 8)


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        (UNIFORM, UNIFORM, (1, 1)),
        (HALF, HALF[::-1], (0, 0)),
        (UNIFORM, HALF, (0.50386319, 0.98482888)),
        (HALF, UNIFORM, (0.98482888, 0.50386319)),
        (UNIFORM, SKEWED, (0.97740375, 0.97297775)),
        (SKEWED, UNIFORM, (0.97297775, 0.97740375)),
    ],
)
def test_the_two_ends_of_known_curves(p: np.ndarray, q: np.ndarray, expected: tuple[float, float]) -> None:
    assert ends(p, q) == pytest.approx(expected, abs=6e-9)


def test_half_of_the_modes_give_half_of_both_at_the_middle_of_the_curve() -> None:
    precision, recall = curve(UNIFORM, HALF)
    assert (precision[500], recall[500]) == pytest.approx((0.5, 0.5), abs=1e-12)
    assert (precision.max(), recall.max()) == pytest.approx((1, 0.5), abs=1e-9)


def test_a_curve_falls_and_stays_between_nothing_and_everything() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(20), size=2)
    precision, recall = curve(p, q, angles=101)
    assert len(precision) == len(recall) == 101
    assert (np.diff(precision) >= 0).all()
    assert (np.diff(recall) <= 1e-12).all()
    assert min(precision.min(), recall.min()) >= 0
    assert max(precision.max(), recall.max()) <= 1
    np.testing.assert_allclose(precision, curve(q, p, angles=101)[1][::-1], atol=1e-6)


def test_f_beta_of_one_point_is_its_formula() -> None:
    assert best_f(np.array([0.5]), np.array([0.2]), 2) == pytest.approx(5 * 0.1 / (4 * 0.5 + 0.2), rel=1e-9)


@pytest.mark.parametrize(
    "bad", [np.array([0.5, 0.6]), np.array([-0.5, 1.5]), np.full((2, 2), 0.25), np.array([1.01, 0])]
)
def test_what_is_not_a_histogram_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="generated histogram: expected shares"):
        curve(np.array([0.5, 0.5]), bad)


def test_histograms_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="different numbers of bins: 4 and 1"):
        curve(UNIFORM, np.ones(1))
    with pytest.raises(NonFiniteSamples, match="reference histogram"):
        curve(np.array([np.nan, 1.0]), np.array([0.5, 0.5]))


def blobs(rng: np.random.Generator, counts: list[int]) -> np.ndarray:
    """Tight blobs at (10 i, 0, 0), `counts[i]` points each."""
    centres = np.repeat(10.0 * np.arange(len(counts)), counts)
    return np.pad(centres[:, np.newaxis], ((0, 0), (0, 2))) + 0.01 * rng.normal(size=(len(centres), 3))


def test_kmeans_finds_blobs_that_lie_apart() -> None:
    rng = np.random.default_rng(0)
    centres = kmeans(blobs(rng, [50, 30, 20, 5]), 4, rng)
    np.testing.assert_allclose(centres[centres[:, 0].argsort(), 0], [0, 10, 20, 30], atol=0.02)


def test_kmeans_ends_where_every_centre_is_the_mean_of_its_points() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    centres = kmeans(x, 5, rng, restarts=1)
    index, _ = nearest(x, centres)
    means = [x[index == i].mean(axis=0) for i in range(5)]
    np.testing.assert_allclose(centres, means, atol=0.02)


def test_more_restarts_never_leave_more_spread() -> None:
    x = np.random.default_rng(2).normal(size=(200, 2))
    spread = [nearest(x, kmeans(x, 12, np.random.default_rng(0), restarts=r))[1].sum() for r in (1, 3, 10)]
    assert spread[0] >= spread[1] >= spread[2]
    assert spread[0] > spread[2]


@pytest.mark.parametrize("x", [np.ones((6, 2)), np.repeat(np.array([[0.0], [1.0]]), 3, axis=0)])
def test_fewer_different_points_than_clusters_make_no_trouble(x: np.ndarray) -> None:
    centres = kmeans(x, 4, np.random.default_rng(0), restarts=2)
    assert centres.shape == (4, x.shape[1])
    assert nearest(x, centres)[1].max() == 0
    assert nearest(centres, x)[1].max() == 0  # a centre without points is still where one was


@pytest.mark.parametrize("clusters", [0, 7])
def test_a_number_of_clusters_that_cannot_be_is_refused(clusters: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 6 clusters of 6 samples, got {clusters}"):
        kmeans(np.ones((6, 2)), clusters, np.random.default_rng(0))


def test_a_generator_that_lost_half_of_the_modes_is_precise_and_recalls_little() -> None:
    rng = np.random.default_rng(3)
    found = prd(blobs(rng, [50] * 4), blobs(rng, [100] * 2), rng=rng, clusters=4, clusterings=2, restarts=3)
    assert found.recall_heavy.value == pytest.approx(0.50386319, abs=1e-8)
    assert found.precision_heavy.value == pytest.approx(0.98482888, abs=1e-8)
    np.testing.assert_allclose((found.precision, found.recall), curve(UNIFORM, HALF), atol=1e-12)


def test_the_same_features_are_all_precise_and_all_recalled() -> None:
    x = np.random.default_rng(4).normal(size=(100, 3)).astype(np.float32)
    found = prd(x, x, rng=np.random.default_rng(0), clusterings=2, restarts=1)
    assert (found.recall_heavy.value, found.precision_heavy.value) == pytest.approx((1, 1), abs=1e-9)


def test_the_generator_of_random_numbers_decides_the_curve() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 100, 3))
    first, again, other = (
        prd(x, y, rng=np.random.default_rng(seed), clusterings=1, restarts=1).precision for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_scores_state_how_they_were_measured() -> None:
    x = np.random.default_rng(6).normal(size=(30, 2))
    base = Protocol("x", reference="blobs", seed=4)
    found = prd(x, x, rng=np.random.default_rng(4), clusters=3, clusterings=2, restarts=1, angles=11, protocol=base)
    numbers = {"clusters": 3, "clusterings": 2, "restarts": 1, "angles": 11}
    reported = Protocol("prd_f8", numbers, reference="blobs", n_reference=30, n_generated=30, seed=4)
    assert found.recall_heavy.protocol == reported
    assert found.precision_heavy.protocol.metric == "prd_f1/8"


def test_features_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="equal numbers"):
        prd(np.zeros((30, 2)), np.zeros((31, 2)), rng=rng)
    with pytest.raises(NonFiniteSamples, match="reference features"):
        prd(np.full((30, 2), np.inf), np.zeros((30, 2)), rng=rng)

"""The Fréchet distance: closed forms, invariances, degenerate features, and what finite samples do to it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import mnist
from minigan.metrics import frechet
from minigan.metrics.frechet import fid_infinity, frechet_distance, perfect_score
from minigan.metrics.score import NonFiniteSamples, Protocol, ProtocolMismatch
from minigan.metrics.statistics import Origin, Statistics

needs_data = pytest.mark.skipif("MINIGAN_DATA" not in os.environ, reason="MINIGAN_DATA does not name the real data")
REAL = Origin("lenet:3fa9", "pixels", "mnist/test", "0123456789abcdef", True)
FAKE = Origin("lenet:3fa9", "pixels", "generated", quantised=False)


def gaussian(covariance: np.ndarray, mean: np.ndarray | float = 0.0, n: int | None = None) -> Statistics:
    return Statistics.of_moments(np.zeros(len(covariance)) + mean, covariance, n)


def draw(n: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def distance(a: Statistics, b: Statistics) -> float:
    return frechet_distance(a, b).value


def test_a_worked_example() -> None:
    a = gaussian(np.array([[2, 0.5], [0.5, 1]]))
    b = gaussian(np.array([[1, -0.3], [-0.3, 1.5]]), np.array([1.0, -1.0]))
    score = frechet_distance(a, b)
    assert score.value == pytest.approx(2.463471189606475947, rel=1e-14)
    assert score.details["root_trace"] == pytest.approx(2.518264405196762026, rel=1e-14)
    assert score.details["mean_part"] == 2
    assert score.details["covariance_part"] == pytest.approx(0.463471189606475947, rel=1e-13)


@pytest.mark.parametrize(
    ("s1", "s2", "expected"),
    [
        (np.diag([4, 1, 0.25]), np.eye(3), 1.25),
        (np.outer([1, 2, 2], [1.0, 2, 2]), np.outer([2, 0, 1], [2.0, 0, 1]), 6),
        (np.diag([1.0, 0]), np.diag([0, 4.0]), 5),
        (np.diag([9.0, 0, 4]), np.zeros((3, 3)), 13),
        (np.zeros((2, 2)), np.zeros((2, 2)), 0),
    ],
    ids=["diagonal", "rank one", "orthogonal ranges", "one point", "two points"],
)
def test_covariances_with_a_known_distance(s1: np.ndarray, s2: np.ndarray, expected: float) -> None:
    assert distance(gaussian(s1), gaussian(s2)) == pytest.approx(expected, abs=1e-12)
    assert distance(gaussian(s2, 3.0), gaussian(s1)) == pytest.approx(expected + 9 * len(s1), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_covariances_that_do_not_commute_but_have_a_known_distance(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    q1, q2 = (np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2))
    p = q1 * np.geomspace(1, 100, d) @ q2
    inverse = q2.T / np.geomspace(1, 100, d) @ q1.T
    d1, d2 = rng.uniform(0.1, 1, (2, d))
    s1, s2 = p * d1**2 @ p.T, inverse.T * d2**2 @ inverse
    traces = s1.trace() + s2.trace()
    assert distance(gaussian(s1), gaussian(s2)) == pytest.approx(traces - 2 * (d1 * d2).sum(), abs=1e-12 * traces)


def test_equal_features_are_at_distance_0() -> None:
    for n in (200, 7):
        statistics = Statistics.of(draw(n, 6))
        assert distance(statistics, statistics) <= 1e-10 * statistics.covariance.trace()


def test_a_shift_costs_its_square_and_a_scale_its_share_of_the_trace() -> None:
    x = draw(100, 5)
    a, trace = Statistics.of(x), np.cov(x, rowvar=False).trace()
    assert distance(a, Statistics.of(x + np.array([3, 4, 0, 0, 0]))) == pytest.approx(25, rel=1e-12)
    around_its_mean = (x - x.mean(axis=0)) * 1.5 + x.mean(axis=0)
    assert distance(a, Statistics.of(around_its_mean)) == pytest.approx(0.25 * trace, rel=1e-11)


def test_the_distance_is_symmetric_scales_with_the_square_and_ignores_common_rotations_and_shifts() -> None:
    x, y = draw(80, 5), draw(90, 5, seed=1)
    there = distance(Statistics.of(x), Statistics.of(y))
    rotation = np.linalg.qr(draw(5, 5, seed=2))[0]
    assert distance(Statistics.of(y), Statistics.of(x)) == pytest.approx(there, rel=1e-12)
    assert distance(Statistics.of(3 * x), Statistics.of(3 * y)) == pytest.approx(9 * there, rel=1e-12)
    moved = distance(Statistics.of(x @ rotation + 7), Statistics.of(y @ rotation + 7))
    assert moved == pytest.approx(there, rel=1e-11)


def test_two_samples_and_constant_features_have_a_distance() -> None:
    x, y = draw(2, 6), draw(40, 6, seed=1)
    x[:, 1] = y[:, 1] = 5.0
    y[:, 3] = -1.0
    with pytest.warns(RuntimeWarning, match="2 reference samples of 6 features"):
        score = frechet_distance(Statistics.of(x), Statistics.of(y))
    u, covariance = (x[0] - x[1]) / math.sqrt(2), np.cov(y, rowvar=False)  # S1 = u u^T, so T = sqrt(u^T S2 u)
    root_trace = math.sqrt(u @ covariance @ u)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + u @ u + covariance.trace() - 2 * root_trace
    assert score.value == pytest.approx(expected, rel=1e-12)
    assert (score.details["rank1"], score.details["rank2"]) == (1, 4)


@pytest.mark.parametrize(("excess", "rounded"), [(1e-7, True), (-1e-7, False)])
def test_a_rounded_negative_distance_becomes_0_and_reports_it(
    monkeypatch: pytest.MonkeyPatch, excess: float, rounded: bool
) -> None:
    stand_in(monkeypatch, trace=2 + excess)
    score = frechet_distance(gaussian(np.eye(2)), gaussian(np.eye(2)))
    assert score.details["rounded_up_to_0"] is rounded
    assert score.value == (0 if rounded else pytest.approx(2e-7))


def test_a_distance_more_negative_than_rounding_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, trace=2 + 4e-6)
    with pytest.raises(ArithmeticError, match="distance of -8e-06 is more than rounding"):
        frechet_distance(gaussian(np.eye(2)), gaussian(np.eye(2)))


@pytest.mark.parametrize("status", ["disagree", "max_iter"])
def test_a_doubtful_root_warns(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    stand_in(monkeypatch, trace=1.5, status=status)
    with pytest.warns(RuntimeWarning, match=f"the root ended as '{status}'"):
        score = frechet_distance(gaussian(np.eye(2)), gaussian(np.eye(2)))
    assert score.details["status"] == status
    assert len(score.details["notes"]) == 1


def stand_in(monkeypatch: pytest.MonkeyPatch, trace: float, status: str = "converged") -> None:
    """Let the root have this trace."""
    root = SimpleNamespace(trace=trace, rank1=2, rank2=2, iterations=1, status=status, spectral=trace)
    monkeypatch.setattr(frechet, "sqrtm_product", lambda s1, s2: root)


def test_different_numbers_of_features_are_refused() -> None:
    with pytest.raises(ValueError, match="the reference has 2 of them, the generated 3"):
        frechet_distance(gaussian(np.eye(2)), gaussian(np.eye(3)))


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, these statistics have 1"):
        frechet_distance(Statistics.of(draw(20, 2)), Statistics.of(draw(1, 2)))


def test_a_distance_beyond_float64_is_refused() -> None:
    far = gaussian(np.eye(2), 1e200)
    with np.errstate(over="ignore"), pytest.raises(NonFiniteSamples, match="too large for float64"):
        frechet_distance(far, gaussian(np.eye(2)))


def test_as_many_samples_as_features_warn_and_one_more_does_not() -> None:
    many = Statistics.of(draw(50, 4))
    with pytest.warns(RuntimeWarning, match="4 generated samples of 4 features: the covariance is singular"):
        score = frechet_distance(many, Statistics.of(draw(4, 4)))
    assert len(score.details["notes"]) == 1
    assert frechet_distance(many, Statistics.of(draw(5, 4))).details["notes"] == []


def test_a_score_reports_what_it_was_measured_with() -> None:
    a, b = Statistics.of(draw(30, 2), REAL), Statistics.of(draw(20, 2, 1), FAKE)
    score = frechet_distance(a, b, protocol=Protocol("", version="0.1.0"))
    assert score.protocol == Protocol(
        "fid", {}, "lenet:3fa9", "pixels", "mnist/test:0123456789ab", 30, 20, False, "0.1.0", None
    )
    assert json.loads(json.dumps(score.as_json()))["details"] == score.details


def test_what_one_side_does_not_state_is_unknown_unless_the_protocol_states_it() -> None:
    a, b = Statistics.of(draw(30, 2), REAL), Statistics.of(draw(20, 2, 1))
    score = frechet_distance(a, b)
    assert (score.protocol.extractor, score.protocol.variant, score.protocol.quantised) == ("unknown", "unknown", None)
    assert score.protocol.reference == "mnist/test:0123456789ab"
    base = Protocol("fid", extractor="lenet:3fa9", quantised=True)
    score = frechet_distance(a, b, protocol=base)
    assert (score.protocol.extractor, score.protocol.variant, score.protocol.quantised) == (
        "lenet:3fa9",
        "unknown",
        True,
    )


@pytest.mark.parametrize(
    ("field", "values"), [("extractor", "'lenet:3fa9' and 'other'"), ("variant", "'other' and 'pixels'")]
)
def test_features_of_different_extractors_are_not_compared(field: str, values: str) -> None:
    other = Statistics.of(draw(20, 2), replace(FAKE, **{field: "other"}))
    with pytest.raises(ProtocolMismatch, match=f"the {field} is not one and the same: {values}"):
        frechet_distance(Statistics.of(draw(20, 2), REAL), other)


@pytest.mark.parametrize(
    ("field", "value"), [("extractor", "other"), ("variant", "other"), ("reference", "other"), ("quantised", True)]
)
def test_a_protocol_that_contradicts_the_statistics_is_refused(field: str, value: object) -> None:
    a, b = Statistics.of(draw(30, 2), REAL), Statistics.of(draw(20, 2), FAKE)
    with pytest.raises(ProtocolMismatch, match=f"the {field} is not one and the same: "):
        frechet_distance(a, b, protocol=replace(Protocol("fid"), **{field: value}))


def test_statistics_of_unknown_size_have_a_distance_but_no_perfect_score() -> None:
    score = frechet_distance(gaussian(np.eye(2)), Statistics.of(draw(20, 2)))
    assert (score.protocol.n_reference, score.details["perfect"]) == (None, None)


def test_what_a_perfect_generator_scores_has_a_closed_form() -> None:
    covariance = np.diag(1 / np.arange(1, 65))
    assert perfect_score(covariance, 2, 2) == pytest.approx(48.01494236, rel=1e-9)
    assert perfect_score(covariance, 1000, 1000) == pytest.approx(2 * 48.01494236 / 1000, rel=1e-9)
    assert perfect_score(covariance, 1000, 4000) == pytest.approx(1.25 * 48.01494236 / 1000, rel=1e-9)
    assert perfect_score(np.diag([2.0, 0, 0]), 4, 4) == pytest.approx((2 + 0.5 * 2 + 0) / 2, rel=1e-12)
    rotation = np.linalg.qr(draw(64, 64))[0]
    assert perfect_score(rotation @ covariance @ rotation.T, 2, 2) == pytest.approx(48.01494236, rel=1e-9)
    for sizes in ((None, 5), (5, None)):
        assert perfect_score(covariance, *sizes) is None


def test_samples_of_one_distribution_score_what_the_formula_states() -> None:
    rng = np.random.default_rng(0)
    scales = 1 / np.sqrt(np.arange(1, 65))
    expected = perfect_score(np.diag(scales**2), 1000, 1000)
    pairs = [[Statistics.of(rng.normal(size=(1000, 64)) * scales) for _ in range(2)] for _ in range(10)]
    scores = [frechet_distance(*pair) for pair in pairs]
    values = np.array([score.value for score in scores])
    assert abs(values.mean() - expected) < 4 * values.std(ddof=1) / math.sqrt(10)
    assert scores[0].details["perfect"] == pytest.approx(expected, rel=0.05)


def test_fid_infinity_removes_most_of_the_bias_of_the_generated_samples() -> None:
    d, n = 16, 3000
    features = np.random.default_rng(0).normal(size=(n, d))
    exact = gaussian(np.eye(d), 0.5)  # 16 * 0.25 = 4 away
    score = fid_infinity(exact, features, rng=np.random.default_rng(1), protocol=Protocol("", version="0.1.0"))
    assert score.value == pytest.approx(4, abs=0.1)
    assert score.details["slope"] == pytest.approx(d + d * (d + 1) / 4, rel=0.5)
    sizes, distances = score.details["sizes"], score.details["distances"]
    assert (len(sizes), sizes[0], sizes[-1]) == (15, 300, 3000)
    assert distances[-1] == pytest.approx(distance(exact, Statistics.of(features)), rel=1e-12)
    assert score.protocol == Protocol("fid_infinity", {"smallest": 300, "points": 15}, n_generated=n, version="0.1.0")
    assert json.loads(json.dumps(score.as_json()))["details"] == score.details


def test_fid_infinity_repeats_with_its_generator_and_has_its_origin() -> None:
    reference, features = Statistics.of(draw(200, 3), REAL), draw(100, 3, 1)
    first, again = (
        fid_infinity(reference, features, rng=np.random.default_rng(5), origin=FAKE, points=3) for _ in range(2)
    )
    assert first == again
    assert (first.protocol.extractor, first.protocol.quantised) == ("lenet:3fa9", False)
    assert first.details["sizes"] == [12, 56, 100]


def test_the_parts_of_fid_infinity_are_drawn_at_random() -> None:
    features = np.sort(np.random.default_rng(0).normal(size=(1000, 1)), axis=0)  # its first part is far from the whole
    score = fid_infinity(gaussian(np.eye(1)), features, rng=np.random.default_rng(1))
    assert max(score.details["distances"]) < 0.1


@pytest.mark.parametrize(
    ("n", "smallest", "points"), [(12, None, 15), (100, 100, 15), (100, 1, 15), (100, 50, 1), (100, 0, 15)]
)
def test_sizes_through_which_no_line_can_be_fitted_are_refused(n: int, smallest: int | None, points: int) -> None:
    rng, reference = np.random.default_rng(0), gaussian(np.eye(3))
    with pytest.raises(ValueError, match=f"expected 2 <= smallest < N.*N = {n} and {points} points"):
        fid_infinity(reference, draw(n, 3), rng=rng, smallest=smallest, points=points)


def test_a_distance_from_a_file_is_that_from_the_features(tmp_path: Path) -> None:
    a, b = Statistics.of(draw(60, 4), REAL), Statistics.of(draw(50, 4, 1), FAKE)
    a.save(tmp_path / "a.npz")
    from_file, direct = frechet_distance(Statistics.load(tmp_path / "a.npz"), b), frechet_distance(a, b)
    assert from_file.value == pytest.approx(direct.value, rel=1e-13)
    assert from_file.protocol == direct.protocol


@needs_data
@pytest.mark.parametrize(
    ("name", "expected"),
    [("mnist", 9.147171546800), pytest.param("fashion-mnist", 7.129860442174, marks=pytest.mark.slow)],
)
def test_the_pixels_of_500_digits_are_where_they_should_be(name: str, expected: float) -> None:
    with pytest.warns(RuntimeWarning, match="500 .* samples of 784 features"):
        assert pixel_distance(name, 500) == pytest.approx(expected, abs=1e-9)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), [("mnist", 0.589357622055), ("fashion-mnist", 0.415102797730)])
def test_the_pixels_of_10000_digits_are_where_they_should_be(name: str, expected: float) -> None:
    assert pixel_distance(name, 10_000) == pytest.approx(expected, abs=1e-9)


def pixel_distance(name: str, n: int) -> float:
    train, test = (
        Statistics.of(mnist.load(name, split).images[:n].reshape(n, -1) / 255) for split in ("train", "test")
    )
    return distance(train, test)

"""The kernel distance: a worked example, no bias, and the two ways to average it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from support import strict

from minigan.metrics.kid import kid, squared_mmd
from minigan.metrics.score import NonFiniteSamples, Protocol

X = np.array([[0.0, 0], [2, 0], [0, 2]])
Y = np.array([[2.0, 2], [0, 0], [2, 0]])


def draw(n: int, d: int = 3, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_loops(x: np.ndarray, y: np.ndarray) -> float:
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / len(a) + 1) ** 3

    m, n = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_a_worked_example() -> None:
    assert squared_mmd(X, Y) == pytest.approx(1 + 29 / 3 - 2 * 29 / 3, rel=1e-14)  # -8.666667


def test_the_formula_is_the_sum_over_pairs_for_sides_of_different_size() -> None:
    x, y = draw(5), draw(7, seed=1, shift=1)
    assert squared_mmd(x, y) == pytest.approx(by_loops(x, y), rel=1e-12)
    assert squared_mmd(y, x) == pytest.approx(by_loops(x, y), rel=1e-12)


def test_equal_distributions_score_0_on_average_and_may_score_less() -> None:
    rng = seeded()
    values = np.array([squared_mmd(rng.normal(size=(20, 3)), rng.normal(size=(30, 3))) for _ in range(200)])
    assert abs(values.mean()) < 3 * values.std(ddof=1) / math.sqrt(200)
    assert values.min() < 0


def test_the_average_does_not_depend_on_how_many_samples_there_are() -> None:
    rng = seeded()
    few, many = (
        np.array([squared_mmd(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 1) for _ in range(300)])
        for n in (5, 40)
    )
    error = math.sqrt(few.var(ddof=1) / 300 + many.var(ddof=1) / 300)
    assert abs(few.mean() - many.mean()) < 3 * error


def test_subsets_of_everything_are_the_whole() -> None:
    x, y = draw(12), draw(12, seed=1)
    score = kid(x, y, rng=seeded(), subsets=4, subset_size=12)
    assert score.value == pytest.approx(squared_mmd(x, y), rel=1e-12)
    assert score.details["deviation"] == pytest.approx(0, abs=1e-12)


def test_the_score_is_the_mean_over_subsets_drawn_without_replacement() -> None:
    x, y = draw(30), draw(40, seed=1, shift=1)
    score = kid(x, y, rng=seeded(7), subsets=5, subset_size=10)
    rng = seeded(7)
    rows = [(rng.choice(30, 10, replace=False), rng.choice(40, 10, replace=False)) for _ in range(5)]
    values = np.array([squared_mmd(x[i], y[j]) for i, j in rows])
    assert score.value == pytest.approx(values.mean(), rel=1e-12)
    assert score.details == {"deviation": pytest.approx(values.std(), rel=1e-12), "parts": 5}


def test_blocks_use_every_sample_once() -> None:
    x, y = draw(10), draw(9, seed=1, shift=1)
    score = kid(x, y, rng=seeded(7), blocks=True, block_size=4)
    rng = seeded(7)
    parts = list(zip(np.array_split(rng.permutation(10), 3), np.array_split(rng.permutation(9), 3), strict=True))
    values = np.array([squared_mmd(x[i], y[j]) for i, j in parts])
    assert score.value == pytest.approx(values.mean(), rel=1e-12)
    expected = pytest.approx(values.std(ddof=1) / math.sqrt(3), rel=1e-12)
    assert score.details == {"standard_error": expected, "parts": 3}


def test_a_single_block_is_the_whole_and_has_no_error() -> None:
    x, y = draw(10), draw(9, seed=1)
    score = kid(x, y, rng=seeded(), blocks=True)
    assert score.value == pytest.approx(squared_mmd(x, y), rel=1e-12)
    assert score.details == {"standard_error": None, "parts": 1}


def test_the_error_of_blocks_is_that_of_the_mean() -> None:
    rng = seeded()
    scores = [
        kid(rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 1, rng=rng, blocks=True, block_size=10)
        for _ in range(60)
    ]
    reported = math.sqrt(np.mean([score.details["standard_error"] ** 2 for score in scores]))
    assert reported == pytest.approx(np.std([score.value for score in scores], ddof=1), rel=0.4)


def test_the_same_generator_gives_the_same_score() -> None:
    x, y = draw(30), draw(40, seed=1)
    scores = [kid(x, y, rng=seeded(seed), subsets=5, subset_size=10).value for seed in (3, 3, 4)]
    assert scores[0] == scores[1] != scores[2]


def test_a_score_reports_what_it_was_measured_with() -> None:
    base = Protocol(
        "", {"layer": "pool3"}, "lenet:3fa9", "pixels", "mnist/test", quantised=True, version="0.1.0", seed=3
    )
    score = kid(draw(30), draw(40), rng=seeded(), subsets=2, subset_size=10, protocol=base)
    parameters = {"layer": "pool3", "subsets": 2, "subset_size": 10}
    assert score.protocol == Protocol("kid", parameters, "lenet:3fa9", "pixels", "mnist/test", 30, 40, True, "0.1.0", 3)
    assert json.loads(json.dumps(score.as_json()))["details"] == score.details
    blocks = kid(draw(30), draw(40), rng=seeded(), blocks=True)
    assert blocks.protocol == Protocol("kid", {"blocks": True, "block_size": 1024}, n_reference=30, n_generated=40)


def test_float32_features_are_multiplied_in_float64() -> None:
    x, y = (draw(20, seed=seed, shift=100).astype(np.float32) for seed in (0, 1))
    score = kid(x, y, rng=seeded(), blocks=True)
    assert score.value == pytest.approx(squared_mmd(x.astype(np.float64), y.astype(np.float64)), rel=1e-12)


@pytest.mark.parametrize("blocks", [True, False])
def test_features_may_be_on_a_gpu(blocks: bool) -> None:
    x, y = draw(30).astype(np.float32), draw(40, seed=1).astype(np.float32)
    here, there = (
        kid(put(x), put(y), rng=seeded(), blocks=blocks, subsets=3, subset_size=10, block_size=10).value
        for put in (np.asarray, strict.to_device)
    )
    assert there == pytest.approx(here, rel=1e-12)
    assert isinstance(there, float)


@pytest.mark.parametrize(("m", "n"), [(999, 2000), (2000, 999)])
def test_fewer_samples_than_a_subset_are_refused(m: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"1000 samples cannot be drawn from {m} reference and {n} generated"):
        kid(draw(m), draw(n), rng=seeded())


@pytest.mark.parametrize(("subsets", "size"), [(0, 10), (5, 1), (-1, 10)])
def test_numbers_of_subsets_that_make_no_sense_are_refused(subsets: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 subset of at least 2 samples, got {subsets} of {size}"):
        kid(draw(30), draw(30), rng=seeded(), subsets=subsets, subset_size=size)


def test_blocks_of_less_than_two_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, got block_size = 1"):
        kid(draw(30), draw(30), rng=seeded(), blocks=True, block_size=1)
    with pytest.raises(ValueError, match="100 reference and 10 generated samples do not make 10 pairs of blocks"):
        kid(draw(100), draw(10), rng=seeded(), blocks=True, block_size=10)


def test_features_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"generated features: expected shape \(N, d\) with .* d = 3, got \(30, 4\)"):
        kid(draw(30), draw(30, 4), rng=seeded())
    with pytest.raises(TypeError, match="reference features: expected an array"):
        kid([[1.0, 2.0]], draw(30), rng=seeded())
    broken = draw(30)
    broken[4, 1] = np.inf
    with pytest.raises(NonFiniteSamples, match=r"generated features: 1 of 30 rows .* first row 4"):
        kid(draw(30), broken, rng=seeded())

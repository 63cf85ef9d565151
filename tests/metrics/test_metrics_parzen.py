"""Parzen windows: the estimator against closed forms, and against itself as a measure of quality."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

from minigan.data import embedded
from minigan.data.idx import read_idx
from minigan.metrics import neighbours
from minigan.metrics.parzen import SIGMAS, counterexamples, log_likelihoods, parzen
from minigan.metrics.score import NonFiniteSamples, Protocol

PAIR = np.array([[0.0, 0.0], [1.0, 1.0]])
needs_data = pytest.mark.skipif("MINIGAN_DATA" not in os.environ, reason="MINIGAN_DATA does not name the real data")


def test_a_case_worked_by_hand() -> None:
    found = log_likelihoods(np.zeros((1, 2)), PAIR, [0.5])
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(-1.12657995793, abs=1e-11)


def test_one_sample_is_one_gaussian() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    expected = -(x**2).sum(axis=1) / (2 * 0.3**2) - 1.5 * math.log(2 * math.pi * 0.3**2)
    np.testing.assert_allclose(log_likelihoods(x, np.zeros((1, 3)), [0.3])[0], expected, rtol=1e-13)


@pytest.mark.parametrize("cells", [1, 50, neighbours.CELLS])
def test_blocks_of_any_size_agree_with_the_plain_sum(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CELLS", cells)
    rng = np.random.default_rng(1)
    x, centres, sigmas = rng.random((23, 6)), rng.random((17, 6)), [0.1, 0.4, 2.0]
    squares = ((x[:, np.newaxis] - centres) ** 2).sum(axis=2)
    expected = [
        logsumexp(-squares / (2 * s**2), axis=1) - math.log(17) - 6 * math.log(s * math.sqrt(2 * math.pi))
        for s in sigmas
    ]
    np.testing.assert_allclose(log_likelihoods(x, centres, sigmas), expected, rtol=1e-11)


def test_the_likelihood_is_a_density() -> None:
    x = np.linspace(-8, 9, 2001)[:, np.newaxis]
    densities = np.exp(log_likelihoods(x, np.array([[0.0], [1.0]]), [0.2, 1.0]))
    np.testing.assert_allclose(densities.sum(axis=1) * (x[1, 0] - x[0, 0]), 1, rtol=1e-9)


def test_a_sample_far_from_everything_has_a_finite_likelihood() -> None:
    found = log_likelihoods(np.full((1, 784), 1e3), np.zeros((4, 784)), [0.1])[0, 0]
    assert found == pytest.approx(-784e6 / 0.02, rel=1e-4)


def test_the_validation_samples_choose_the_width_and_the_test_samples_are_scored() -> None:
    rng = np.random.default_rng(2)
    generated, validation, test = np.zeros((3, 50)), 0.3 * rng.normal(size=(400, 50)), 0.5 * rng.normal(size=(300, 50))
    found = parzen(generated, validation, test, sigmas=[0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.details["sigma"] == 0.3
    assert found.details["at_edge"] is False
    expected = log_likelihoods(test, generated, [0.3])[0]
    assert found.value == pytest.approx(expected.mean(), rel=1e-14)
    assert found.details["standard_error"] == pytest.approx(expected.std() / math.sqrt(300), rel=1e-12)
    means = log_likelihoods(validation, generated, [0.1, 0.5]).mean(axis=1)
    assert [found.details["validation"][i] for i in (0, 4)] == pytest.approx(list(means), rel=1e-14)


@pytest.mark.parametrize(("sigmas", "reported"), [([0.4, 0.5], True), ([0.1, 0.2], True), ([0.2], False)])
def test_a_best_width_at_the_edge_is_reported(sigmas: list[float], reported: bool) -> None:
    x = 0.3 * np.random.default_rng(3).normal(size=(100, 20))
    assert parzen(np.zeros((1, 20)), x, x, sigmas=sigmas).details["at_edge"] is reported


def test_the_widths_of_the_paper_are_ten_from_a_tenth_to_one() -> None:
    assert len(SIGMAS) == 10
    np.testing.assert_allclose(np.log10(SIGMAS), np.arange(-9, 1) / 9, atol=1e-15)


def test_a_model_that_generates_only_the_mean_beats_the_true_distribution() -> None:
    rng = np.random.default_rng(4)
    d = 30
    truth, validation, test = rng.normal(size=(2000, d)), rng.normal(size=(200, d)), rng.normal(size=(500, d))
    constant, honest = (parzen(x, validation, test) for x in (np.zeros((1, d)), truth))
    entropy = d / 2 * math.log(2 * math.pi * math.e)
    assert constant.value == pytest.approx(-entropy, abs=4 * constant.details["standard_error"])
    assert honest.value < constant.value - 3


def test_averages_of_digits_beat_the_digits_they_were_made_of() -> None:
    digits = embedded.load().images.reshape(-1, 784) / 255
    found = counterexamples(
        digits[:5000], digits[5000:5200], digits[6000:6500], rng=np.random.default_rng(0), n=1500, few=150
    )
    value = {name: score.value for name, score in found.items()}
    assert value["few centroids"] > value["training"] + 10
    assert value["training"] > value["few training"] + 10
    assert value["clipped gaussian"] > value["gaussian"] + 30
    assert [found[name].protocol.n_generated for name in ("training", "few centroids", "gaussian")] == [1500, 150, 1500]


@pytest.mark.slow
@needs_data
def test_the_known_likelihoods_of_mnist_are_reached() -> None:
    train, test = (
        read_idx(Path(os.environ["MINIGAN_DATA"]) / "mnist" / f"{part}-images-idx3-ubyte.gz").reshape(-1, 784) / 255
        for part in ("train", "t10k")
    )
    found = counterexamples(train[:50_000], train[50_000:51_000], test, rng=np.random.default_rng(0))
    expected = {
        "training": 244.2,
        "few centroids": 283.8,
        "few training": 121.3,
        "gaussian": -30.4,
        "clipped gaussian": 65.3,
    }
    assert {name: score.value for name, score in found.items()} == pytest.approx(expected, abs=3)
    assert found["training"].details["sigma"] == pytest.approx(0.1668, abs=1e-4)


def test_the_score_states_how_it_was_measured() -> None:
    base = Protocol("x", extractor="pixels", reference="mnist/test", seed=9)
    reported = parzen(PAIR, PAIR, np.zeros((5, 2)), sigmas=[0.1, 0.5], protocol=base).protocol
    parameters = {"sigmas": (0.1, 0.5), "validation": 2}
    assert reported == Protocol("parzen", parameters, "pixels", reference="mnist/test", n_reference=5, n_generated=2)


@pytest.mark.parametrize("sigmas", [[], [0.0], [-1.0, 1.0], [math.nan], [math.inf]])
def test_a_width_that_is_not_positive_is_refused(sigmas: list[float]) -> None:
    with pytest.raises(ValueError, match="finite sigmas > 0"):
        log_likelihoods(PAIR, PAIR, sigmas)


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="held-out samples: expected shape"):
        log_likelihoods(np.zeros((2, 3)), PAIR, [1.0])
    with pytest.raises(ValueError, match="generated samples: expected shape"):
        parzen(np.zeros((2, 28, 28)), PAIR, PAIR)
    with pytest.raises(NonFiniteSamples, match="generated samples: 1 of 2 rows"):
        parzen(np.array([[0.0, np.nan], [1, 1]]), PAIR, PAIR)
    with pytest.raises(ValueError, match=r"2 ≤ few ≤ n ≤ 2 training samples, got few = 2 and n = 3"):
        counterexamples(PAIR, PAIR, PAIR, rng=np.random.default_rng(0), n=3, few=2)

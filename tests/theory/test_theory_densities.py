"""How fast the error of a learned density falls: exact risk, measured slopes, and a generator of one number."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import densities as theory
import numpy as np
import pytest
import torus as known
from PIL import Image

CASES = [(d, m, beta) for d in (1, 2) for m in (1, 2) for beta in theory.BETAS[d]]
SIZES = [2**i for i in range(theory.FROM, 20)]


@pytest.fixture(scope="module")
def tori() -> dict[int, known.Torus]:
    return {d: theory.torus(d) for d in (1, 2)}


@cache
def distance(torus: known.Torus, m: int, beta: float) -> known.Distance:
    return known.Distance(known.Truth(torus, m), beta)


@pytest.mark.parametrize("m", [1, 2])
def test_the_coefficients_are_those_of_the_density(m: int) -> None:
    x = (np.arange(20_000) + 0.5) / 20_000 - 0.5
    density = (abs(x) < 0.2) / 0.4 if m == 1 else np.maximum(0, 1 - abs(x) / 0.4) / 0.4
    for k in (1, 2, 3, 7):
        integral = (density * np.exp(-2j * math.pi * k * x)).mean()
        assert integral == pytest.approx(float(known.coefficients(np.array([k]), m)), abs=1e-6)


@pytest.mark.parametrize("d", [1, 2])
def test_the_spectrum_is_the_mean_over_the_sample(d: int, tori: dict[int, known.Torus]) -> None:
    x = known.Truth(tori[d], 2).draw(500, np.random.default_rng(0))
    few = tori[d].k[:40]
    direct = np.exp(-2j * math.pi * x @ few.T).mean(axis=0)
    np.testing.assert_allclose(tori[d].spectrum(x)[:40], direct, atol=3e-3)


def test_the_shells_hold_every_frequency_once(tori: dict[int, known.Torus]) -> None:
    line = np.arange(-300, 301) ** 2
    assert tori[2].count.sum() == (np.add.outer(line, line) <= 300**2).sum() - 1
    assert tori[1].count.sum() == 80_000
    assert tori[2].count[:4].tolist() == [4, 4, 4, 8]  # (1, 0), (1, 1), (2, 0), (2, 1) and their mirror images


@pytest.mark.parametrize(("d", "m"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_without_smoothness_the_distance_is_that_of_the_densities(d: int, m: int, tori: dict[int, known.Torus]) -> None:
    """Parseval: the bias of no frequency at all is ∫ p² - 1."""
    from_uniform = distance(tori[d], m, 0.0)
    norm = (1 / known.WIDTH if m == 1 else 2 / (3 * known.WIDTH)) ** d - 1
    assert from_uniform.bias[0] + from_uniform.truth.power[0] == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_the_exact_risk_and_its_estimate_are_the_means_of_200_samples(beta: float) -> None:
    n, K = 1000, 30
    near = distance(known.Torus(1, 2**14, 200), 1, beta)
    rng, column = np.random.default_rng(1), K - 1
    spectra = [near.torus.spectrum(near.truth.draw(n, rng)) for _ in range(200)]
    exact = near.risk(n)[column]
    assert np.mean([near.smoothed(s)[column] for s in spectra]) == pytest.approx(exact, rel=0.05)
    power = (near.scale * near.truth.power).sum() + near.rest()
    estimates = np.array([near.estimated_risk(s, n)[column] for s in spectra]) + power
    assert abs(estimates.mean() - exact) < 3 * estimates.std(ddof=1) / math.sqrt(200)


@pytest.mark.parametrize(("d", "m", "beta"), CASES)
def test_the_slope_of_the_exact_risk_is_near_the_predicted_one(
    d: int, m: int, beta: float, tori: dict[int, known.Torus]
) -> None:
    curve = theory.Curve(distance(tori[d], m, beta), SIZES, {})
    assert curve.exact_slope() == pytest.approx(curve.distance.predicted(), abs=0.04)


def test_the_predictions_are_those_of_the_paper(tori: dict[int, known.Torus]) -> None:
    expected = [-1 / 4, -3 / 8, -1 / 2, -3 / 8, -7 / 16, -1 / 2, -1 / 6, -1 / 3, -3 / 10, -2 / 5]
    assert [distance(tori[d], m, beta).predicted() for d, m, beta in CASES] == pytest.approx(expected)


def test_the_slope_of_a_power_is_its_exponent_and_the_interval_comes_from_the_spread() -> None:
    n = np.array(SIZES, float)[:, None]
    power = 3 * n**-0.4 * np.ones((1, 5))
    assert theory.slope(SIZES, power) == pytest.approx((-0.4, 0), abs=1e-12)
    rng = np.random.default_rng(0)
    found = np.array([theory.slope(SIZES, power * np.exp(0.3 * rng.standard_normal((8, 5)))) for _ in range(1000)])
    assert np.mean(abs(found[:, 0] + 0.4) < found[:, 1]) == pytest.approx(0.94, abs=0.03)


def test_the_measured_slopes_are_the_predicted_ones_and_the_samples_choose_k_well(tori: dict[int, known.Torus]) -> None:
    sizes = [2**12, 2**14, 2**16, 2**18]
    for curve in theory.learn(known.Truth(tori[1], 1), sizes, 4, np.random.default_rng(0))[:2]:
        for way in ("rule", "best", "chosen"):
            assert curve.slope(way)[0] == pytest.approx(curve.distance.predicted(), abs=0.04)
        chosen, best = (curve.errors[way] for way in ("chosen", "best"))
        assert (chosen >= best).all()
        assert chosen.mean() < 1.15 * best.mean()
        assert (curve.errors["empirical"] > 2 * best).all()


@pytest.mark.slow
@pytest.mark.parametrize(("d", "m"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_all_measured_slopes_are_near_the_predicted_ones(d: int, m: int, tori: dict[int, known.Torus]) -> None:
    for curve in theory.learn(known.Truth(tori[d], m), SIZES, 30 if d == 1 else 8, np.random.default_rng(0)):
        within = 0.06 if curve.distance.beta == 1 else 0.04
        for way in ("rule", "chosen"):
            assert curve.slope(way)[0] == pytest.approx(curve.distance.predicted(), abs=within)
        # the best K of each sample in hindsight gains most at small n
        assert curve.slope("best")[0] == pytest.approx(curve.exact_slope(), abs=within)


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_without_noise_the_fit_finds_theta(beta: float) -> None:
    family = known.Family(2, beta)
    assert family.fit(family.p) == pytest.approx(known.SHIFT, abs=1e-9)
    assert family.best == pytest.approx(0, abs=1e-6)


def test_no_generator_on_a_grid_is_nearer_to_the_data_than_the_fitted_one() -> None:
    family = known.Family(1, 0.25)
    data = family.torus.spectrum((family.truth.draw(300, np.random.default_rng(2)) + known.SHIFT) % 1)
    grid = [family.distance(family.moved(family.z, theta), data, family.critic) for theta in np.arange(2000) / 2000]
    assert family.distance(family.moved(family.z, family.fit(data)), data, family.critic) <= min(grid)


def test_a_generator_of_one_number_has_the_parametric_rate_unless_the_critic_is_blind() -> None:
    sizes = [2**i for i in range(12, 18)]
    found = theory.fit_all(sizes, 30, np.random.default_rng(0))
    for words in ("β = 0", "β = 1/4", "β = 1", "β = 1, frequency 1 only"):
        G, data, _ = np.moveaxis(found[words], 2, 0)
        assert theory.slope(sizes, G)[0] == pytest.approx(-0.5, abs=0.08)
        assert (G.mean(axis=1) < data.mean(axis=1)).all()
    blind, wrong = (found[f"β = 1, {words}"][..., 0] for words in ("frequency 5 only", "wrong class of G"))
    assert abs(theory.slope(sizes, blind)[0]) < 0.05
    assert blind.mean() > 0.5
    np.testing.assert_allclose(wrong, theory.FAMILIES["β = 1, wrong class of G"].best, rtol=0.02)
    for words, rows in found.items():
        assert rows[..., 2].max() <= 1, words  # the oracle inequality


def test_the_script_prints_its_tables_and_leaves_its_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["densities", "--samples", "2", "--octaves", "13", "--out", str(tmp_path)])
    theory.main()
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "±" in line]) == len(CASES) + len(theory.FAMILIES)
    with Image.open(tmp_path / "densities.png") as picture:
        assert picture.size == (1560, 1152)


@pytest.mark.parametrize(("flag", "value"), [("--samples", "1"), ("--octaves", "12")])
def test_too_little_for_a_slope_is_an_error(flag: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["densities", flag, value])
    with pytest.raises(SystemExit, match="slopes need"):
        theory.main()

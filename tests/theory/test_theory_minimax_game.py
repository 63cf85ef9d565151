"""The bilinear game in closed form, and the Dirac-GAN: which methods circle, creep, or reach the solution."""

from __future__ import annotations

from pathlib import Path

import minimax_game as theory
import numpy as np
import pytest
from PIL import Image


def radius(way: np.ndarray) -> np.ndarray:
    return np.hypot(*way.T)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.7])
def test_simultaneous_steps_spiral_outwards_by_one_factor_per_round(rate: float) -> None:
    r = radius(theory.play(theory.bilinear(), 60, at_once=True, rate=rate))
    np.testing.assert_allclose(r[1:] / r[:-1], np.sqrt(1 + rate**2), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.7])
def test_alternating_steps_stay_on_their_ellipse(rate: float) -> None:
    psi, theta = theory.play(theory.bilinear(), 500, rate=rate).T
    form = psi**2 + theta**2 - rate * psi * theta
    np.testing.assert_allclose(form, form[0], rtol=1e-11)
    assert psi.min() < -1 and theta.min() < -1  # all the way round


@pytest.mark.parametrize(("at_once", "factor"), [(True, 1 - 0.2 * 0.5 + 0.2**2), (False, 1 - 0.2 * 0.5)])
def test_a_penalty_shrinks_the_spiral_by_its_closed_form(at_once: bool, factor: float) -> None:
    way = theory.play(theory.bilinear(0.5), 200, at_once=at_once)
    M = theory.matrix(0.5, at_once=at_once)
    assert np.linalg.det(M) == pytest.approx(factor, rel=1e-12)
    np.testing.assert_allclose(theory.growth(way[:100], M), np.sqrt(factor), rtol=1e-9)
    assert radius(way)[-1] < 0.1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_a_round_of_minigan_is_the_matrix_and_the_smooth_curve_passes_through_it(at_once: bool, gamma: float) -> None:
    way, M = theory.play(theory.bilinear(gamma), 20, at_once=at_once), theory.matrix(gamma, at_once=at_once)
    np.testing.assert_allclose(way[1:], way[:-1] @ M.T, atol=1e-12)
    curve = theory.curve(M, 20)
    np.testing.assert_allclose(curve[[0, -1]], way[[0, -1]], atol=1e-12)


def test_minimax_circles_without_end() -> None:
    assert radius(theory.play(theory.dirac("minimax"), 1500))[-500:].min() > 1.3


def test_a_box_does_not_let_wgan_converge() -> None:
    psi, theta = theory.play(theory.dirac("wgan"), 1500)[-500:].T
    assert np.hypot(psi, theta).min() > 0.9
    assert np.abs(psi).max() == pytest.approx(1, abs=0.01)  # the ellipse that touches the box


def test_a_slope_of_one_does_not_let_wgan_gp_converge() -> None:
    assert radius(theory.play(theory.dirac("wgan-gp"), 1500))[-500:].max() > 0.5


def test_the_non_saturating_game_creeps_inwards_by_the_root_of_time() -> None:
    r = radius(theory.play(theory.dirac("nonsaturating"), 4000))
    moments = np.array([1000, 2000, 4000])
    np.testing.assert_allclose(theory.creeping(moments), 1 / np.sqrt(0.5 + moments / 40), rtol=1e-12)
    np.testing.assert_allclose(r[moments], theory.creeping(moments), rtol=0.1)


def test_r1_lets_the_logistic_game_converge_as_fast_as_its_closed_form() -> None:
    way = theory.play(theory.dirac("r1"), 200)
    M = theory.matrix(theory.GAMMA, pull=0.5)
    assert np.linalg.det(M) == pytest.approx(1 - theory.RATE * theory.GAMMA, rel=1e-12)
    np.testing.assert_allclose(theory.growth(way[100:], M), np.sqrt(1 - theory.RATE * theory.GAMMA), rtol=1e-4)
    assert radius(way)[-1] < 1e-4


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    theory.save(theory.draw(), tmp_path / "new", "game.png")
    with Image.open(tmp_path / "new" / "game.png") as picture:
        assert picture.size == (1500, 1080)

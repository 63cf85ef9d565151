"""The slopes of G's two losses against a perfect D: closed form, minigan's own, and the training that follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vanishing_gradient as theory
from PIL import Image

from minigan import objectives

SATURATING = {
    0.5: 0.2352635,
    1.0: 0.3979729,
    2.0: 0.4495995,
    4.0: 0.1371948,
    6.0: 1.245324e-2,
    8.0: 3.928747e-4,
    10.0: 4.464100e-6,
    12.0: 1.848327e-8,
}
NON_SATURATING = {
    0.5: 0.2647365,
    1.0: 0.6020271,
    2.0: 1.550400,
    4.0: 3.862805,
    6.0: 5.987547,
    8.0: 7.999607,
    10.0: 9.999996,
    12.0: 12.0,
}
TABLE = [("minimax", *row) for row in SATURATING.items()] + [("nonsaturating", *row) for row in NON_SATURATING.items()]


@pytest.mark.parametrize(("name", "theta", "expected"), TABLE)
def test_the_closed_form_has_its_known_values(name: str, theta: float, expected: float) -> None:
    assert theory.slope(name, theta) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "theta", "expected"), TABLE)
def test_the_measured_slope_is_the_closed_one_within_three_standard_errors(
    name: str, theta: float, expected: float
) -> None:
    mean, error = theory.measure(name, theta, batches=50)
    assert abs(mean - expected) < 3 * error
    assert error < 5e-3 * expected  # the three of them allow no other number


@pytest.mark.parametrize("name", ["minimax", "nonsaturating"])
def test_plain_noise_finds_the_same_slope_where_nothing_is_rare(name: str) -> None:
    rng = np.random.default_rng(3)
    objective = objectives.get(name)
    slopes = [theory.batch_slope(objective, 1.0, rng.standard_normal((5000, 1))) for _ in range(40)]
    assert abs(np.mean(slopes) - theory.slope(name, 1.0)) < 3 * np.std(slopes, ddof=1) / np.sqrt(40)


def test_the_perfect_discriminator_is_the_ratio_of_the_densities() -> None:
    D, G = theory.players(1.5)
    x = np.linspace(-3, 3, 7)[:, None]
    np.testing.assert_allclose(D.forward(x)[0], -(x**2) / 2 + (x - 1.5) ** 2 / 2, atol=1e-12)
    np.testing.assert_array_equal(G.forward(x)[0], x + 1.5)


def test_the_weights_make_half_moved_noise_standard_normal_again() -> None:
    z, weight = theory.noise(200_000, -2.0, np.random.default_rng(0))
    for power, moment in ((0, 1), (1, 0), (2, 1), (3, 0), (4, 3)):
        assert (weight * z**power).mean() == pytest.approx(moment, abs=0.05)
    assert weight.max() < 2


def test_the_slopes_far_away_fall_like_the_bell_of_half_the_distance() -> None:
    ratio = theory.slope("minimax", 12.0) / theory.slope("minimax", 8.0)
    assert np.log(ratio) == pytest.approx(-(144 - 64) / 8, rel=0.01)


def test_saturating_training_stalls_where_non_saturating_training_arrives() -> None:
    stalled, closed_stalled = theory.descend("minimax", 5.0, 200)
    arrived, closed_arrived = theory.descend("nonsaturating", 5.0, 200)
    assert stalled[-1] > 4
    assert abs(arrived[-1]) < 0.05
    np.testing.assert_allclose(arrived, closed_arrived, atol=0.05)
    np.testing.assert_allclose(stalled, closed_stalled, atol=0.2)  # 256 samples hold few of the rare ones


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    table = {name: [theory.slope(name, theta) for theta in theory.THETAS] for name in theory.STYLES}
    theory.save(theory.draw(table, 0), tmp_path, "slopes.png")
    with Image.open(tmp_path / "slopes.png") as picture:
        assert picture.size == (1620, 552)

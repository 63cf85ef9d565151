"""Mixtures of Gaussians: their points, their density, and how generated points cover them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minigan.data import Mixture, grid, ring

PAIR = Mixture("pair", np.array([[0.0, 0.0], [10.0, 0.0]]), 1.0)


def test_the_ring_has_eight_different_modes_on_its_circle() -> None:
    mixture = ring()
    assert mixture.sigma == 0.02
    np.testing.assert_allclose(np.hypot(*mixture.centres.T), 2, rtol=1e-15)
    np.testing.assert_allclose(mixture.centres[[0, 1, 2]], [[2, 0], [2**0.5, 2**0.5], [0, 2]], atol=1e-15)
    assert len(np.unique(mixture.centres.round(9), axis=0)) == 8


def test_the_ring_takes_its_number_radius_and_width() -> None:
    mixture = ring(modes=3, radius=1.0, sigma=0.5)
    np.testing.assert_allclose(mixture.centres, [[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]], atol=1e-15)
    assert mixture.sigma == 0.5


def test_the_grid_has_the_products_of_five_ticks() -> None:
    mixture = grid()
    assert mixture.sigma == 0.05
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(centre) for centre in mixture.centres} == expected


def test_samples_are_points_of_float32_and_depend_on_the_generator_alone() -> None:
    points = ring().sample(50, np.random.default_rng(1))
    assert points.dtype == np.float32
    assert points.shape == (50, 2)
    np.testing.assert_array_equal(points, ring().sample(50, np.random.default_rng(1)))
    assert not np.array_equal(points, ring().sample(50, np.random.default_rng(2)))


def test_samples_have_the_mean_and_the_variance_of_the_mixture() -> None:
    n = 20_000
    points = PAIR.sample(n, np.random.default_rng(0)).astype(np.float64)
    near = points[points[:, 0] < 5]
    assert abs(len(near) - n / 2) < 4 * math.sqrt(n / 4)
    np.testing.assert_allclose(near.mean(axis=0), 0, atol=4 / math.sqrt(n / 2))
    np.testing.assert_allclose(near.var(axis=0), 1, atol=4 * math.sqrt(2 / (n / 2)))


def test_the_density_is_the_sum_of_gaussians() -> None:
    density = PAIR.density(np.array([[0.0, 0.0], [5.0, 0.0], [10.0, 1.0]]))
    assert density.dtype == np.float64
    bumps = [1 + math.exp(-50), 2 * math.exp(-12.5), math.exp(-0.5) + math.exp(-50.5)]
    np.testing.assert_allclose(density, np.array(bumps) / (4 * math.pi), rtol=1e-14)


def test_the_density_integrates_to_one_over_a_picture() -> None:
    ticks = np.linspace(-5, 5, 201)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    density = ring(sigma=0.3).density(points)
    assert density.shape == (201, 201)
    assert density.sum() * 0.05**2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("mixture", [ring(), grid()], ids=["ring", "grid"])
def test_the_mixture_itself_covers_all_its_modes(mixture: Mixture) -> None:
    result = mixture.coverage(mixture.sample(2500, np.random.default_rng(0)))
    K = len(mixture.centres)
    assert (result.captured, result.modes_fair, result.modes) == (K, K, K)
    share = 1 - math.exp(-4.5)
    assert abs(result.high_quality - share) < 4 * math.sqrt(share * (1 - share) / 2500)
    assert 0 <= result.kl < 0.02


def test_coverage_of_a_case_worked_by_hand() -> None:
    points = np.array([[0, 0], [0, 2], [1, 1], [10, 1], [5.1, 0], [0, -50]])
    result = PAIR.coverage(points)
    assert result.captured == 2
    assert result.modes_fair == 2
    assert result.high_quality == 4 / 6
    assert result.kl == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-14)


def test_a_point_at_three_sigma_is_no_longer_of_high_quality() -> None:
    assert PAIR.coverage(np.array([[0.0, 3.0], [0.0, math.nextafter(3.0, 0.0)]])).high_quality == 0.5


@pytest.mark.parametrize("m", [1, 3, 8])
def test_m_equal_modes_of_k_diverge_from_uniform_by_log_k_over_m(m: int) -> None:
    mixture = ring()
    result = mixture.coverage(np.repeat(mixture.centres[:m], 10, axis=0))
    assert (result.captured, result.modes_fair) == (m, m)
    assert result.kl == pytest.approx(math.log(8 / m), abs=1e-14)


def test_a_mode_needs_a_twentieth_of_its_share_to_count_as_fair() -> None:
    mixture = ring()
    for n, fair in ((160, 2), (161, 1)):  # the share is n / 8, a twentieth of it n / 160
        points = np.repeat(mixture.centres[:1], n, axis=0)
        points[0] = mixture.centres[1]
        result = mixture.coverage(points)
        assert (result.captured, result.modes_fair) == (2, fair)


def test_points_of_low_quality_capture_nothing() -> None:
    result = PAIR.coverage(np.full((20, 2), 5.0))
    assert (result.captured, result.modes_fair, result.high_quality) == (0, 0, 0)
    assert math.isnan(result.kl)


@pytest.mark.parametrize("bad", [np.zeros((0, 2)), np.zeros((3, 3)), np.zeros(2)])
def test_points_of_another_shape_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"pair: expected points \(n, 2\)"):
        PAIR.coverage(bad)


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="pair: expected finite points"):
        PAIR.coverage(np.array([[0.0, np.nan]]))


@pytest.mark.parametrize("centres", [np.zeros((0, 2)), np.zeros((2, 3)), np.zeros(2)])
def test_centres_of_another_shape_are_refused(centres: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected centres \(K, 2\)"):
        Mixture("odd", centres, 1.0)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_a_width_that_is_not_positive_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="finite sigma > 0"):
        ring(sigma=sigma)

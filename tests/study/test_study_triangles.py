"""Triangles against a brute-force raster, and the calibration of the distance to their manifold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from minigan.layers import Linear
from minigan.metrics.neighbours import squared_distances
from minigan.study import manifold, triangles

N = 20


@pytest.fixture(scope="module")
def some() -> np.ndarray:
    """True triangles that are not in the bank."""
    params = triangles.draw(N, np.random.default_rng(3))
    return triangles.rasterised(triangles.vertices(params))


@pytest.fixture(scope="module", autouse=True)
def smaller_bank() -> object:
    """Of 6,000 triangles, in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifold, "BANK", 6000)
        manifold._bank.cache_clear()
        yield
    manifold._bank.cache_clear()


def test_the_intervals_of_rows_count_the_same_sub_points_as_half_planes() -> None:
    corners = triangles.vertices(triangles.draw(40, np.random.default_rng(0)))
    x, y = np.meshgrid(*[(np.arange(28 * 8) + 0.5) / 8] * 2)
    for triangle, image in zip(corners, triangles.rasterised(corners), strict=True):
        sides = []
        for i in range(3):
            (x0, y0), (x1, y1) = triangle[i], triangle[(i + 1) % 3]
            sides.append((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))
        inside = np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
        assert np.array_equal(image[..., 0], (1 - inside.reshape(28, 8, 28, 8).mean(axis=(1, 3))).astype(np.float32))


def test_triangles_have_the_darkness_and_the_areas_of_the_specification() -> None:
    images = triangles.rasterised(triangles.vertices(triangles.draw(2000, np.random.default_rng(1))))
    areas = (1 - images).sum(axis=(1, 2, 3))
    assert images.mean() == pytest.approx(0.868, abs=2e-3)
    assert areas.mean() == pytest.approx(103, abs=3)
    assert 14 < areas.min() < 30 and 136 < areas.max() < 146
    centres = triangles.vertices(triangles.draw(5, np.random.default_rng(2))).mean(axis=1)
    np.testing.assert_allclose(centres, 14)


def test_true_triangles_lie_on_the_manifold_but_not_near_a_plain_bank(some: np.ndarray) -> None:
    assert (manifold.distances(some) <= manifold.DELTA).mean() >= 0.9
    bank, params = manifold._bank()[1][:3500], triangles.draw(400, np.random.default_rng(4))
    more = triangles.rasterised(triangles.vertices(params)).reshape(400, -1).astype(float)
    plain = squared_distances(more, bank).min(axis=1)
    assert (plain <= manifold.DELTA).mean() < 0.5  # without refinement most real triangles would be refused
    assert np.median(plain) == pytest.approx(1.07, abs=0.2) and 2 < np.quantile(plain, 0.95) < 4


def test_what_is_not_a_triangle_is_far_away(some: np.ndarray) -> None:
    noisy = some + 0.05 * np.random.default_rng(0).normal(size=some.shape)
    blurred = np.stack([gaussian_filter(image[..., 0], 1)[..., None] for image in some])
    between = (some + some[::-1]) / 2
    assert np.median(manifold.distances(noisy)) == pytest.approx(784 * 0.05**2, rel=0.1)  # the noise itself
    assert 4.5 < np.median(manifold.distances(blurred)) < 7
    assert 10 < np.median(manifold.distances(between)) < 20


def test_nelder_mead_finds_the_minima_of_many_functions_at_the_same_time() -> None:
    centres = np.random.default_rng(0).normal(size=(20, 3))

    def bowls(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        assert len(points) == len(rows) > 0
        return ((points - centres[rows]) ** 2 * [1, 4, 9]).sum(axis=1)

    found = manifold.minimised(bowls, centres + 0.3, rounds=150)
    assert found.max() < 1e-4
    alone = [manifold.minimised(bowls, centres[:1] + shift, rounds=150)[0] for shift in (0.3, -2.0, 5.0)]
    assert max(alone) < 1e-4


def test_the_noise_of_a_sample_is_found_again() -> None:
    rng = np.random.default_rng(0)
    G = Linear(3, 10, rng=rng)
    reachable = G.forward(rng.uniform(-1, 1, (6, 3)).astype(np.float32))[0]
    options = {"starts": 2, "steps": 400, "z_dim": 3, "box": 1.0}
    assert manifold.inverted(G, reachable, rng, **options).max() < 1e-3
    beyond = G.forward(np.full((1, 3), 3, np.float32))[0]
    edge = G.forward(np.ones((1, 3), np.float32))[0]
    (least,) = manifold.inverted(G, beyond, rng, **options)  # noise stays in its box
    assert 1e-3 < least <= ((edge - beyond) ** 2).sum() * 1.001


def test_f1_is_the_harmonic_mean() -> None:
    assert manifold.f1(0.5, 1.0) == pytest.approx(2 / 3)
    assert manifold.f1(0.0, 0.0) == 0.0

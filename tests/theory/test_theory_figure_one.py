"""Figure 1 of the 2014 paper: G's density is exact, and the four moments show what their letters state."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import figure_one as theory
import numpy as np
import pytest
from PIL import Image

from minigan import Network, Streams
from minigan.layers import Linear, Tanh


def grid() -> np.ndarray:
    return np.linspace(-4, 6, 200_001)[:, None]


def test_the_density_of_a_straight_generator_is_flat() -> None:
    G = Linear(1, 1, rng=Streams(0)("G"), dtype=np.float64)
    G.weight[...], G.bias[...] = -0.5, 1.0
    x = np.array([[0.4], [0.6], [1.0], [1.4], [1.6]])
    np.testing.assert_allclose(theory.density(G, x), [[0], [1], [1], [1], [0]], rtol=1e-12)


def test_the_density_of_a_folded_generator_adds_its_branches() -> None:
    bent = Network(Linear(1, 2, rng=Streams(0)("a"), dtype=np.float64), Tanh())
    last = Linear(2, 1, rng=Streams(0)("b"), dtype=np.float64)
    bent.layers[0].weight[...], bent.layers[0].bias[...] = [[3.0, 3.0]], [2.0, -2.0]
    last.weight[...], last.bias[...] = [[1.0], [-1.0]], 0  # a hill around z = 0: every height is reached twice
    G = Network(bent, last)
    x = grid()
    q = theory.density(G, x)
    samples = G.forward(Streams(0)("z").uniform(-1, 1, (100_000, 1)))[0]
    edges = np.linspace(samples.min(), samples.max(), 21)[:-2]  # up to the fold, where the density is infinite
    share = np.histogram(samples, edges)[0] / len(samples)
    area = [np.trapezoid(q[(x >= a) & (x < b)], dx=x[1, 0] - x[0, 0]) for a, b in pairwise(edges)]
    np.testing.assert_allclose(area, share, atol=0.004)


def test_the_distance_of_a_shifted_generator_is_the_shift() -> None:
    class Quantiles(Linear):
        def forward(self, x: np.ndarray, train: bool = True) -> tuple[np.ndarray, None]:
            return theory.DATA[::-1] + self.bias, None

    G = Quantiles(1, 1, rng=Streams(0)("G"), dtype=np.float64)
    assert theory.w1(G) == 0
    G.bias[...] = -0.25
    assert theory.w1(G) == pytest.approx(0.25)


def players_on_the_way() -> theory.Players:
    players = theory.Players(0)
    while not 0.1 < theory.w1(players.G) < 0.3:
        players.play(5)
    return players


def test_the_density_of_a_trained_generator_is_that_of_its_samples() -> None:
    players = players_on_the_way()
    samples = players.G.forward(players.rng.uniform(-1, 1, (100_000, 1)))[0]
    edges = np.linspace(-1, 3, 41)
    share = np.histogram(samples, edges)[0] / len(samples)
    x = grid()
    q = theory.density(players.G, x)
    area = [np.trapezoid(q[(x >= a) & (x < b)], dx=x[1, 0] - x[0, 0]) for a, b in pairwise(edges)]
    np.testing.assert_allclose(area, share, atol=0.006)


def test_d_learns_towards_the_optimum_and_g_climbs_its_slope() -> None:
    players = players_on_the_way()
    before = theory.look(players.D, players.G)
    players.perfect_d(400)
    learned = theory.look(players.D, players.G)
    np.testing.assert_array_equal(learned.q, before.q)  # G stood still
    assert theory.off(learned) < 0.5 * theory.off(before)
    players.climb(20, 1e-4)
    climbed = theory.look(players.D, players.G)
    np.testing.assert_array_equal(climbed.D, learned.D)  # D stood still
    seen_by_d = [np.interp(moment.arrows, theory.X[:, 0], learned.D[:, 0]).mean() for moment in (learned, climbed)]
    assert seen_by_d[1] > seen_by_d[0] + 0.02


@pytest.mark.slow
def test_the_four_moments_are_those_of_the_paper() -> None:
    seen = theory.moments()
    assert 0.1 < seen["a"].w1 < 0.3
    assert theory.off(seen["b"]) < 0.05
    assert seen["c"].w1 < seen["b"].w1
    assert seen["d"].w1 < 0.05
    assert theory.unsure(seen["d"]) < 0.05


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    players = theory.Players(0)
    theory.save(theory.draw(dict.fromkeys("abcd", theory.look(players.D, players.G))), tmp_path, "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.size == (1680, 600)

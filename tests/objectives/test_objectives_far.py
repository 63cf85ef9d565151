"""Features far from zero: distances in float32 keep the digits that they have in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigan import objectives
from minigan.metrics.neighbours import nearest
from minigan.metrics.parzen import log_likelihoods
from minigan.objectives.kernel import RBF, RationalQuadratic, squared_distances
from minigan.objectives.mmd import pull, pull_backward

CASES: list[tuple[str, dict[str, Any]]] = [
    ("mmd-gan-gp", {}),
    ("mmd-gan-gp", {"kernel": "rbf", "linear": 0.5}),
    ("gmmn", {}),
    ("gmmn", {"root": False, "space": "codes"}),
    ("mmd-gan", {}),
    ("mcgan-mean", {"form": "dual"}),
    ("mcgan-mean", {"form": "dual", "p": 1}),
    ("mcgan-cov", {"form": "dual"}),
    ("cramer", {}),
]


def far(*shape: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows about 1000 in float32, and the same rows in float64."""
    rows = (1000 + np.random.default_rng(seed).normal(1 + seed, 1, shape)).astype(np.float32)
    return rows, rows.astype(np.float64)


def assert_near(found: Any, exact: Any, name: str) -> None:
    assert found.dtype == np.float32, name
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4 * np.abs(exact).max(), err_msg=name)


@pytest.mark.parametrize(("name", "choices"), CASES, ids=[f"{name} {choices}" for name, choices in CASES])
def test_losses_and_gradients_are_those_of_float64(name: str, choices: dict[str, Any]) -> None:
    objective = objectives.get(name, **choices)
    a, b = far(24, 16, seed=0), far(24 * objective.fakes, 16, seed=1)
    losses = [("G", objective.joint_g_loss)] + ([("D", objective.d_loss)] if objective.trains_d else [])
    for player, loss in losses:
        for found, exact in zip(loss(a[0], b[0]), loss(a[1], b[1]), strict=True):
            assert_near(found, exact, player)


@pytest.mark.parametrize("kernel", [RBF((2.0, 5.0)), RationalQuadratic((0.2, 1.0))], ids=str)
def test_the_slopes_of_kernel_sums_are_those_of_float64(kernel: Any) -> None:
    (h, h64), (Z, Z64), (q, q64) = far(6, 4, seed=0), far(5, 4, seed=1), far(6, 4, seed=2)
    assert_near(squared_distances(h, Z), ((h64[:, np.newaxis] - Z64) ** 2).sum(axis=2), "distances")
    assert_near(pull(h, Z, kernel), pull(h64, Z64, kernel), "pull")
    for found, exact in zip(
        pull_backward(q, h, Z, kernel, 0.5), pull_backward(q64, h64, Z64, kernel, 0.5), strict=True
    ):
        assert_near(found, exact, "pull_backward")


def test_the_slope_of_the_witness_function_is_that_of_float64() -> None:
    objective = objectives.get("mmd-gan-gp")
    short, exact = zip(*(far(6, 4, seed=seed) for seed in range(4)), strict=True)
    assert_near(objective._witness_slope(*short[:3]), objective._witness_slope(*exact[:3]), "u")
    for found, wanted in zip(objective._witness_backward(*short), objective._witness_backward(*exact), strict=True):
        assert_near(found, wanted, "du")


def test_neighbours_and_parzen_windows_are_where_they_were() -> None:
    x, centres = np.random.default_rng(0).normal(0, 0.01, (2, 30, 20))
    places, squares = nearest(x, centres)
    moved, moved_squares = nearest(x + 1e5, centres + 1e5)
    np.testing.assert_array_equal(moved, places)
    np.testing.assert_allclose(moved_squares, squares, rtol=1e-6)
    likelihoods = log_likelihoods(x + 1e5, centres + 1e5, [0.01])
    np.testing.assert_allclose(likelihoods, log_likelihoods(x, centres, [0.01]), rtol=1e-6)

"""Fisher GAN: the constrained distance of means, its multiplier, and the number to plot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.gradcheck import TOLERANCE, objective_errors
from minigan.objectives.fisher import Fisher
from minigan.objectives.objective import Defaults
from minigan.objectives.wgan import WGAN

A, B = np.array([[2.0], [0.0]]), np.array([[-1.0], [1.0], [-3.0], [1.0]])  # E = 1 + 1/2, Ω = 1/2 (2 + 3) = 2.5


def fisher(lam: float = 0.0, **hyper: float) -> Fisher:
    """An objective in the middle of its run."""
    objective = Fisher(**hyper)
    objective.lam[...] = lam
    return objective


def scores(n: int, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 1)).astype(dtype)


def everything(objective: Any, a: Any, b: Any) -> dict[str, Any]:
    """Both losses and all gradients, by name."""
    loss, da, db = objective.d_loss(a, b)
    g_loss, g_db = objective.g_loss(b)
    return {"D": loss, "da": da, "db": db, "G": g_loss, "G db": g_db}


def test_losses_and_gradients_at_hand_picked_scores() -> None:
    found = everything(fisher(0.25, rho=0.5), A, B)  # c = 0.25 + 0.5 · 1.5 = 1
    assert found["D"] == -(1.5 + 0.25 * (1 - 2.5) - 0.25 * 1.5**2)
    assert found["G"] == 0.5
    np.testing.assert_array_equal(found["da"], (A - 1) / 2)
    np.testing.assert_array_equal(found["db"], (B + 1) / 4)
    np.testing.assert_array_equal(found["G db"], np.full((4, 1), -0.25))


@pytest.mark.parametrize("lam", [0.0, 0.7, -0.4])
def test_all_gradients_are_those_of_the_losses(lam: float) -> None:
    errors = objective_errors(fisher(lam, rho=0.3), scores(5), scores(4, 1), np.random.default_rng(0))
    assert max(errors.values()) < TOLERANCE, errors


def test_without_multiplier_and_weight_the_objective_is_that_of_wgan() -> None:
    a, b = scores(5), scores(4, 1)
    here, there = everything(Fisher(rho=1e-300), a, b), everything(WGAN(), a, b)
    for key, value in there.items():
        np.testing.assert_allclose(here[key], value, rtol=1e-15, err_msg=key)


def test_the_multiplier_follows_the_constraint_as_by_hand() -> None:
    objective = Fisher(rho=0.5)
    by_hand = [  # scores of real and fake; lam, Ω, E after the update
        (2.0, 0.0, 0.5, 2.0, 2.0),  # 0 + 0.5 (2 - 1)
        (1.0, -3.0, 2.5, 5.0, 4.0),  # 0.5 + 0.5 (5 - 1)
        (0.0, 1.0, 2.25, 0.5, -1.0),  # 2.5 + 0.5 (0.5 - 1)
    ]
    for a, b, lam, omega, e in by_hand:
        objective.d_loss(np.full((3, 1), a), np.full((2, 1), b))
        objective.after_d_update(None)
        readings = {name: float(getattr(objective, name)) for name in objective.readings}
        assert (readings["lam"], readings["omega"]) == (lam, omega)
        assert readings["distance"] == pytest.approx(e / math.sqrt(omega), rel=1e-11)
        assert len(readings) == 3


def test_the_multiplier_may_become_negative() -> None:
    objective = Fisher(rho=0.5)
    objective.d_loss(np.zeros((2, 1)), np.zeros((2, 1)))
    objective.after_d_update(None)
    assert [float(number) for number in (objective.lam, objective.omega, objective.distance)] == [-0.5, 0, 0]


def test_the_distance_never_exceeds_2_and_reaches_it() -> None:
    objective = Fisher()
    for seed in range(20):
        objective.d_loss(scores(5, seed) + 3, scores(4, seed + 100) - 3)
        objective.after_d_update(None)
        assert 0 < float(objective.distance) < 2
    objective.d_loss(np.full((3, 1), 0.7), np.full((2, 1), -0.7))
    objective.after_d_update(None)
    assert float(objective.distance) == pytest.approx(2, rel=1e-11)


def test_the_losses_change_no_buffer() -> None:
    objective = fisher(0.25)
    before = {name: buffer.copy() for name, buffer in objective.named_buffers()}
    everything(objective, A, B)
    assert dict(objective.named_buffers()) == before
    assert {name: float(number) for name, number in before.items()} == {"lam": 0.25, "omega": 1, "distance": 0}


def test_an_objective_before_its_first_loss_has_nothing_to_remember() -> None:
    objective = fisher(0.25)
    objective.convert(strict.to_device)
    objective.after_d_update(None)
    assert float(objective.lam) == 0.25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(5, 5), (1, 7), (6, 2)])
def test_gradients_have_the_shapes_and_types_of_their_scores(m: int, n: int, dtype: Any) -> None:
    a, b = scores(m, dtype=dtype), scores(n, 1, dtype)
    a.flags.writeable = b.flags.writeable = False
    found = everything(fisher(0.25), a, b)
    shapes = {"D": (), "da": (m, 1), "db": (n, 1), "G": (), "G db": (n, 1)}
    assert {key: value.shape for key, value in found.items()} == shapes
    assert {value.dtype for value in found.values()} == {np.dtype(dtype)}


def test_a_gpu_would_compute_the_same_without_waiting() -> None:
    here, away = fisher(0.25, rho=0.5), fisher(0.25, rho=0.5)
    away.convert(strict.to_device)
    a, b = scores(5, dtype=np.float32), scores(4, 1, np.float32)
    with strict.no_sync():
        found = everything(away, strict.to_device(a), strict.to_device(b))
        away.after_d_update(None)
    for key, value in everything(here, a, b).items():
        home = strict.to_host(found[key])
        assert home.dtype == np.float32, key
        np.testing.assert_allclose(home, value, rtol=1e-6, err_msg=key)
    here.after_d_update(None)
    for (name, number), (_, there) in zip(here.named_buffers(), away.named_buffers(), strict=True):
        assert number.dtype == strict.to_host(there).dtype == np.float64
        np.testing.assert_allclose(strict.to_host(there), number, rtol=1e-6, err_msg=name)


def test_a_loss_is_a_mean_so_that_a_batch_twice_counts_once() -> None:
    a, b, objective = scores(5), scores(4, 1), fisher(0.7, rho=0.3)
    once, twice = everything(objective, a, b), everything(objective, np.tile(a, (2, 1)), np.tile(b, (2, 1)))
    np.testing.assert_allclose([twice["D"], twice["G"]], [once["D"], once["G"]], rtol=1e-14)
    for key in ("da", "db", "G db"):
        np.testing.assert_allclose(twice[key], np.tile(once[key], (2, 1)) / 2, rtol=1e-14, err_msg=key)


@pytest.mark.parametrize("rho", [0, -1e-6, math.nan])
def test_a_weight_that_is_not_positive_is_refused(rho: float) -> None:
    with pytest.raises(ValueError, match=f"rho, the weight of the constraint .* must be positive, got {rho}"):
        Fisher(rho=rho)


def test_the_defaults_are_those_of_the_paper() -> None:
    assert Fisher.defaults == Defaults("adam", 2e-4, (0.5, 0.999), 2, 64)
    assert (Fisher().rho, Fisher().critic(), Fisher.critic_norm) == (1e-6, {"output": "score"}, "batch")

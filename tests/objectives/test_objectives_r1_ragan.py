"""R1 with its counter, and the relativistic objectives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.gradcheck import Recorder, derivative_error, step_errors
from minigan.layers import Linear, Network, Tanh
from minigan.objectives.nonsaturating import NonSaturating
from minigan.objectives.objective import Defaults
from minigan.objectives.r1 import R1
from minigan.objectives.ragan import RaGAN
from minigan.objectives.rpgan import RpGAN
from minigan.optim import flatten
from minigan.training.steps import discriminator_step

OBJECTIVES = [RaGAN(loss=loss, scale=scale) for loss in ("sgan", "lsgan", "hinge") for scale in (1.0, 0.5)]
each_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda page: f"{page.loss} {page.scale}")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scores(m: int = 5, n: int = 7, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    return rng(1).normal(size=(m, 1)).astype(dtype), rng(2).normal(size=(n, 1)).astype(dtype)


def curved(dtype: Any = np.float64) -> Network:
    network = Network(Linear(3, 4, rng=rng()), Tanh(), Linear(4, 1, rng=rng(1)))
    network.convert(lambda array: (array + 0.3).astype(dtype))
    return network


def penalty(objective: R1, D: Any, real: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
    grads: dict[str, Any] = {}
    return objective.penalty(D, real, fake, grads), flatten(grads)


# R1


def test_r1_of_a_linear_critic_is_half_gamma_times_the_square_of_its_weights() -> None:
    critic = Network(Linear(3, 1, rng=rng(), dtype=np.float64))
    weight = critic.layers[0].weight
    weight[...] = [[1], [2], [-2]]
    x = rng().normal(size=(7, 3))
    for on, count in (("real", 1), ("fake", 1), ("both", 2)):
        value, grads = penalty(R1(gamma=3, on=on), critic, x, x[:4])
        assert value == pytest.approx(count * 1.5 * 9, rel=1e-12)
        np.testing.assert_allclose(grads["0.weight"], count * 3 * weight, rtol=1e-12)


def test_r1_looks_at_the_samples_it_is_meant_for() -> None:
    D, real, fake = curved(), rng(1).normal(size=(5, 3)), rng(2).normal(size=(4, 3))
    r1, r2, both = (penalty(R1(on=on), D, real, fake)[0] for on in ("real", "fake", "both"))
    assert r1 == penalty(R1(), D, real, np.full_like(real, np.nan))[0]
    assert r2 == penalty(R1(), D, fake, real)[0]
    assert r1 != pytest.approx(r2, rel=1e-3)
    assert both == pytest.approx(r1 + r2, rel=1e-14)


def test_the_gradient_of_a_whole_step_is_the_derivative_of_its_loss() -> None:
    G, D = Network(Linear(2, 3, rng=rng(), dtype=np.float64)), curved()
    real, z = rng(1).normal(size=(5, 3)), rng(2).normal(size=(5, 2))
    for on in ("real", "fake", "both"):
        objective = R1(on=on, gamma=2)
        errors = step_errors(
            lambda optimizer, objective=objective: discriminator_step(D, G, objective, optimizer, real, z),
            dict(D.named_params()),
            rng(),
        )
        assert max(errors.values()) < 1e-6


def test_r1_adds_to_the_non_saturating_objective_and_nothing_else() -> None:
    a, b = scores()
    for found, expected in zip(
        (*R1(real_label=0.9).d_loss(a, b), *R1().g_loss(b)),
        (*NonSaturating(real_label=0.9).d_loss(a, b), *NonSaturating().g_loss(b)),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    assert R1.logit
    assert R1.critic_norm == "layer"
    assert R1.defaults == Defaults("rmsprop", 1e-4, n_critic=1, batch_size=64)


def test_a_lazy_penalty_comes_at_every_kth_step_k_times_as_heavy() -> None:
    D, x = curved(), rng(1).normal(size=(5, 3))
    (full, full_grads), lazy = penalty(R1(), D, x, x), R1(every=3)
    for step in range(7):
        value, grads = penalty(lazy, D, x, x)
        assert penalty(lazy, D, x, x)[0] == value, "only an update moves the counter"
        lazy.after_d_update(D)
        if step % 3:
            assert (float(value), grads) == (0, {})
        else:
            assert value == pytest.approx(3 * full, rel=1e-14)
            np.testing.assert_allclose(grads["0.weight"], 3 * full_grads["0.weight"], rtol=1e-13)


def test_a_resumed_lazy_penalty_continues_at_its_step() -> None:
    D, x = curved(), rng(1).normal(size=(5, 3))
    first, resumed = R1(every=4), R1(every=4)
    for _ in range(3):
        first.after_d_update(D)
    assert {name: int(number) for name, number in first.named_buffers()} == {"d_steps": 3}
    for name, number in first.named_buffers():
        dict(resumed.named_buffers())[name][...] = number
    seen = []
    for _ in range(3):
        for objective in (first, resumed):
            seen.append(float(penalty(objective, D, x, x)[0]) > 0)
            objective.after_d_update(D)
    assert seen == [False, False, True, True, False, False]


def test_the_update_of_the_counter_leaves_d_alone() -> None:
    D, same = curved(), curved()
    R1().after_d_update(D)
    for (_, param), (_, other) in zip(D.named_params(), same.named_params(), strict=True):
        np.testing.assert_array_equal(param, other)


@pytest.mark.parametrize("every", [1, 2])
def test_r1_on_a_gpu_keeps_float32_and_does_not_wait(every: int) -> None:
    G, D = Network(Linear(2, 3, rng=rng())), curved(np.float32)
    real, z = rng(1).normal(size=(5, 3)).astype(np.float32), rng(2).normal(size=(5, 2)).astype(np.float32)
    here, there = R1(on="both", every=every), R1(on="both", every=every)
    home = [discriminator_step(D, G, here, Recorder(), real, z).loss for _ in range(2)]
    for network in (G, D):
        network.convert(strict.to_device)
    with strict.no_sync():
        device = [strict.to_device(array) for array in (real, z)]
        away = [discriminator_step(D, G, there, Recorder(), *device).loss for _ in range(2)]
    for mine, theirs in zip(home, away, strict=True):
        assert mine.dtype == theirs.get().dtype == np.float32
        np.testing.assert_allclose(theirs.get(), mine, rtol=1e-5)


@pytest.mark.parametrize(
    ("page", "hyper", "words"),
    [
        (R1, {"gamma": -1}, "gamma, the weight of the gradient penalty, must not be negative, got -1"),
        (R1, {"gamma": float("nan")}, "must not be negative"),
        (R1, {"on": "r1"}, "on must be 'real', 'fake' or 'both', got 'r1'"),
        (R1, {"every": 0}, "an integer of at least 1, got 0"),
        (R1, {"every": 1.5}, "an integer of at least 1, got 1.5"),
        (R1, {"real_label": 2.0}, "real_label"),
        (RaGAN, {"loss": "wgan"}, "loss must be 'sgan', 'lsgan' or 'hinge', got 'wgan'"),
        (RaGAN, {"scale": 0}, "scale must be positive and finite, got 0"),
        (RaGAN, {"scale": float("nan")}, "scale must be positive and finite, got nan"),
    ],
)
def test_wrong_hyper_parameters_are_refused(page: Any, hyper: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        page(**hyper)


# RaGAN


def everything(objective: RaGAN, a: Any, b: Any) -> tuple[Any, ...]:
    return (*objective.d_loss(a, b), *objective.joint_g_loss(a, b))


def as_printed(objective: RaGAN, a: np.ndarray, b: np.ndarray) -> tuple[Any, ...]:
    """Losses and gradients from the paper's table, term by term."""
    u, v, m, n = a - b.mean(), b - a.mean(), len(a), len(b)

    def sp(t: np.ndarray) -> np.ndarray:
        return np.log1p(np.exp(t))

    def sg(t: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-t))

    d_loss, al, be, g_loss, g_al, g_be = {
        "sgan": (
            sp(-u).mean() + sp(v).mean(),
            -sg(-u) / m,
            sg(v) / n,
            sp(-v).mean() + sp(u).mean(),
            sg(u) / m,
            -sg(-v) / n,
        ),
        "lsgan": (
            ((u - 1) ** 2).mean() + ((v + 1) ** 2).mean(),
            2 * (u - 1) / m,
            2 * (v + 1) / n,
            ((v - 1) ** 2).mean() + ((u + 1) ** 2).mean(),
            2 * (u + 1) / m,
            2 * (v - 1) / n,
        ),
        "hinge": (
            np.maximum(0, 1 - u).mean() + np.maximum(0, 1 + v).mean(),
            -1.0 * (u < 1) / m,
            1.0 * (v > -1) / n,
            np.maximum(0, 1 - v).mean() + np.maximum(0, 1 + u).mean(),
            1.0 * (u > -1) / m,
            -1.0 * (v < 1) / n,
        ),
    }[objective.loss]
    found = d_loss, al - be.sum() / m, be - al.sum() / n, g_loss, g_be - g_al.sum() / n
    return tuple(objective.scale * value for value in found)


@each_objective
def test_losses_and_gradients_are_those_of_the_table(objective: RaGAN) -> None:
    a, b = scores()
    for found, expected in zip(everything(objective, a, b), as_printed(objective, a, b), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_the_relativistic_losses_at_hand_picked_points() -> None:
    a, b = np.array([[1.0], [3.0]]), np.array([[0.0]])  # u = 1, 3; v = -2
    for loss, d_loss, g_loss in (("lsgan", 2 + 1, 9 + 10), ("hinge", 0, 3 + 3)):
        objective = RaGAN(loss=loss)
        assert (objective.d_loss(a, b)[0], objective.joint_g_loss(a, b)[0]) == (d_loss, g_loss)
    both = np.full((3, 1), 7.0)
    for loss, expected in (("sgan", 2 * math.log(2)), ("lsgan", 2), ("hinge", 2)):  # a D that has learned nothing
        assert RaGAN(loss=loss).d_loss(both, both)[0] == pytest.approx(expected, rel=1e-15)
        assert RaGAN(loss=loss, scale=0.5).joint_g_loss(both, both)[0] == pytest.approx(expected / 2, rel=1e-15)


@each_objective
def test_gradients_are_the_derivatives_of_the_losses(objective: RaGAN) -> None:
    a, b = scores()
    _, da, db, _, g_db = everything(objective, a, b)
    assert derivative_error(lambda: objective.d_loss(a, b)[0], a, da, rng()) < 1e-6
    assert derivative_error(lambda: objective.d_loss(a, b)[0], b, db, rng()) < 1e-6
    assert derivative_error(lambda: objective.joint_g_loss(a, b)[0], b, g_db, rng()) < 1e-6


@each_objective
def test_only_differences_of_scores_count(objective: RaGAN) -> None:
    a, b = scores()
    loss, da, db = objective.d_loss(a, b)
    assert da.sum() + db.sum() == pytest.approx(0, abs=1e-14)
    assert objective.d_loss(a + 3, b + 3)[0] == pytest.approx(loss, rel=1e-12)


@each_objective
def test_the_players_have_one_loss_with_real_and_fake_exchanged(objective: RaGAN) -> None:
    a, b = scores()
    loss, db, _ = objective.d_loss(b, a)
    found, g_db = objective.joint_g_loss(a, b)
    assert found == loss
    np.testing.assert_array_equal(g_db, db)


@each_objective
def test_a_batch_twice_counts_once(objective: RaGAN) -> None:
    a, b = scores()
    once, twice = everything(objective, a, b), everything(objective, np.tile(a, (2, 1)), np.tile(b, (2, 1)))
    np.testing.assert_allclose([twice[0], twice[3]], [once[0], once[3]], rtol=1e-12)
    np.testing.assert_allclose(twice[1], np.tile(once[1], (2, 1)) / 2, rtol=1e-11)


@each_objective
@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_extreme_scores_of_float32_bring_neither_warnings_nor_infinities(objective: RaGAN, size: float) -> None:
    a, b = np.full((2, 1), size, np.float32), np.full((3, 1), -size, np.float32)
    for value in (*everything(objective, a, b), *everything(objective, a, a)):
        assert np.isfinite(value).all()
        assert value.dtype == np.float32


@each_objective
def test_a_gpu_would_compute_the_same_without_waiting(objective: RaGAN) -> None:
    a, b = scores(dtype=np.float32)
    with strict.no_sync():
        away = everything(objective, strict.to_device(a), strict.to_device(b))
    for here, there in zip(everything(objective, a, b), away, strict=True):
        assert here.dtype == there.get().dtype == np.float32
        np.testing.assert_allclose(there.get(), here, rtol=1e-5, atol=1e-7)


def test_the_relativistic_generator_is_compared_with_real_samples() -> None:
    a, b = scores()
    objective = RaGAN()
    assert (objective.compares, objective.logit) == (True, False)
    with pytest.raises(TypeError, match="ragan compares generated with real samples"):
        objective.g_loss(b)
    assert objective.joint_g_loss(a, b)[0] != objective.joint_g_loss(a + 1, b)[0]


def test_rpgan_of_pairs_by_hand() -> None:
    a, b = np.array([[math.log(3)], [0.0]]), np.array([[0.0], [0.0]])  # σ(b - a) is 1/4 and 1/2
    loss, da, db = RpGAN(gamma=0).d_loss(a, b)
    assert loss == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-15)
    np.testing.assert_allclose(da, [[-1 / 8], [-1 / 4]], rtol=1e-15)
    np.testing.assert_allclose(db, -da, rtol=1e-15)
    loss, db = RpGAN(gamma=0).joint_g_loss(a, b)
    assert loss == pytest.approx((math.log(4) + math.log(2)) / 2, rel=1e-15)
    np.testing.assert_allclose(db, [[-3 / 8], [-1 / 4]], rtol=1e-15)


def test_rpgan_looks_at_differences_of_pairs_alone() -> None:
    a, b, level = (rng(seed).normal(size=(5, 1)) for seed in range(3))
    for shifted, plain in zip(RpGAN().d_loss(a + level, b + level), RpGAN().d_loss(a, b), strict=True):
        np.testing.assert_allclose(shifted, plain, rtol=1e-12)


def test_rpgan_refuses_batches_that_do_not_pair_and_a_loss_without_real_samples() -> None:
    with pytest.raises(ValueError, match="as many fake as real samples, got 2 and 3"):
        RpGAN().d_loss(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(TypeError, match="rpgan compares generated with real samples"):
        RpGAN().g_loss(np.zeros((2, 1)))


def test_the_penalty_of_rpgan_is_that_of_r1_on_both_sides() -> None:
    D, real, fake = curved(), rng(1).normal(size=(5, 3)), rng(2).normal(size=(5, 3))
    lazy = RpGAN(gamma=2.0, every=4)
    assert penalty(lazy, D, real, fake)[0] == penalty(R1(gamma=8.0, on="both"), D, real, fake)[0]
    lazy.after_d_update(D)
    assert penalty(lazy, D, real, fake)[0] == 0

"""The Cramér GAN: losses and gradients of three batches, and the penalty on the slope of f."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.checks import randomise
from minigan.gradcheck import Recorder, derivative_error, step_errors
from minigan.layers import BatchNorm, Conv2d, Flatten, LayerNorm, Linear, Network, Reshape, Tanh
from minigan.objectives.cramer import Cramer
from minigan.objectives.objective import Defaults
from minigan.optim import flatten
from minigan.training.steps import Outcome, discriminator_step, generator_step


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def features(m: int = 5, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return rng(1).normal(size=(m, d)), rng(2).normal(size=(2 * m, d))


def everything(a: Any, b: Any) -> dict[str, Any]:
    loss, da, db = Cramer().d_loss(a, b)
    g_loss, g_db = Cramer().joint_g_loss(a, b)
    return {"D": loss, "D da": da, "D db": db, "G": g_loss, "G db": g_db}


def test_losses_and_gradients_at_a_hand_picked_point() -> None:
    # h = (3, 4), h¹ = (0, 1), h² = (0, 0): ‖h‖ = ‖h - h²‖ = 5, ‖h¹‖ = ‖h¹ - h²‖ = 1, ‖h - h¹‖ = √18.
    # Every number is exact up to the 1e-12 under the root.
    h, h1, h2 = np.array([[3.0, 4]]), np.array([[0.0, 1]]), np.array([[0.0, 0]])
    found = everything(h, np.concatenate([h1, h2]))
    e, s = np.array([0.6, 0.8]), math.sqrt(0.5)
    assert found["D"] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found["D da"], np.zeros((1, 2)), atol=1e-12)
    np.testing.assert_allclose(found["D db"], [[0, 0], [0.6, -0.2]], atol=1e-12)
    assert found["G"] == pytest.approx(math.sqrt(18) + 5 - 1, rel=1e-12)
    np.testing.assert_allclose(found["G db"], [[-s, -s - 1], [-e[0], -e[1] + 1]], rtol=1e-10)


def test_d_is_content_where_real_features_are_farther_from_the_anchor_than_from_zero() -> None:
    # f = ‖t - h²‖ - ‖t‖ at t = h = (-3): 4 - 3; at t = h¹ = (1): 0 - 1. D's loss is f(h¹) - f(h).
    h, b = np.array([[-3.0]]), np.array([[1.0], [1.0]])
    loss, da, db = Cramer().d_loss(h, b)
    assert loss == pytest.approx(-2, rel=1e-5)
    np.testing.assert_allclose(da, [[0]], atol=1e-9)
    np.testing.assert_allclose(db, [[-1], [-1]], atol=1e-9)


def test_every_gradient_is_the_derivative_of_its_loss() -> None:
    a, b = features()
    found = everything(a, b)
    for key, moved in (("D da", a), ("D db", b), ("G db", b)):
        assert derivative_error(lambda key=key: everything(a, b)[key[0]], moved, found[key], rng()) < 1e-8, key


def test_moving_all_features_alike_changes_the_generators_loss_by_nothing() -> None:
    a, b = features()
    h, h1, h2 = a, b[:5], b[5:]

    def e(v: np.ndarray) -> np.ndarray:
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    dh = (e(h - h1) + e(h - h2)) / 5
    _, db = Cramer().joint_g_loss(a, b)
    np.testing.assert_allclose(dh.sum(axis=0) + db.sum(axis=0), np.zeros(3), atol=1e-11)
    np.testing.assert_allclose(Cramer().joint_g_loss(a + 7, b + 7)[0], Cramer().joint_g_loss(a, b)[0], rtol=1e-12)


def test_the_triples_twice_are_the_same_objective() -> None:
    a, b = features()
    once, twice = everything(a, b), everything(np.tile(a, (2, 1)), np.concatenate([b[:5], b[:5], b[5:], b[5:]]))
    np.testing.assert_allclose([twice["D"], twice["G"]], [once["D"], once["G"]], rtol=1e-12)
    np.testing.assert_allclose(twice["D da"], np.tile(once["D da"], (2, 1)) / 2, rtol=1e-12)


def test_float32_stays_float32_and_coinciding_features_bring_no_warning() -> None:
    a, b = (x.astype(np.float32) for x in features())
    exact = everything(*features())
    for key, value in everything(a, b).items():
        assert (value.dtype, value.shape) == (np.float32, exact[key].shape), key
        np.testing.assert_allclose(value, exact[key], rtol=1e-4, atol=1e-6, err_msg=key)
    zeros = np.zeros((6, 3), np.float32)
    for key, value in everything(zeros[:3], zeros).items():
        assert (value == 0).all() or abs(value).max() < 1e-5, key


def test_a_gpu_would_compute_the_same_without_waiting() -> None:
    a, b = (x.astype(np.float32) for x in features())
    with strict.no_sync():
        away = everything(strict.to_device(a), strict.to_device(b))
    for key, value in everything(a, b).items():
        assert away[key].get().dtype == np.float32, key
        np.testing.assert_allclose(away[key].get(), value, rtol=1e-6, atol=1e-7, err_msg=key)


def test_every_real_sample_meets_two_fakes() -> None:
    a, b = features()
    assert Cramer.fakes == 2
    for wrong in (b[:5], b[:9], np.tile(b, (2, 1))):
        for ask in (Cramer().d_loss, Cramer().joint_g_loss):
            with pytest.raises(ValueError, match=r"cramer needs two fakes for every real sample, got shapes \(5, 3\)"):
                ask(a, wrong)


def test_the_page_describes_its_step() -> None:
    objective = Cramer()
    assert Cramer.defaults == Defaults("adam", 1e-4, (0.5, 0.9), 5, 64)
    assert (objective.weight, objective.features, Cramer.critic_norm, objective.compares) == (10, 256, "layer", True)
    assert Cramer(features=8).critic() == {"output": "features", "features": 8}
    with pytest.raises(TypeError, match="cramer compares generated with real samples"):
        objective.g_loss(features()[1])


def test_wrong_hyper_parameters_are_refused() -> None:
    for weight in (-1, float("nan")):
        with pytest.raises(ValueError, match="weight of the gradient penalty must not be negative"):
            Cramer(weight=weight)
    with pytest.raises(ValueError, match="features is the number of D's outputs, at least 1, got 0"):
        Cramer(features=0)


# The penalty


def curved_critic(dtype: Any = np.float64) -> Network:
    """Samples (N, 4, 3, 1) to features (N, 3), with curvature everywhere."""
    D = Network(Conv2d(1, 2, 3, 1, 1, rng=rng()), LayerNorm((4, 3, 2)), Tanh(), Flatten(), Linear(24, 3, rng=rng()))
    randomise(D, rng(4))
    D.convert(lambda array: array.astype(dtype))
    return D


def samples(dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    return tuple(rng(6 + n).normal(size=(n, 4, 3, 1)).astype(dtype) for n in (4, 8))


def penalty(D: Any, real: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
    """R and its gradient, flat, always at the same points."""
    grads: dict[str, Any] = {}
    value = Cramer(rng=rng(8)).penalty(D, real, fake, grads)
    return value, flatten(grads)


def test_the_gradient_of_the_whole_penalty_is_its_derivative() -> None:
    D, (real, fake) = curved_critic(), samples()

    def step(optimizer: Recorder) -> np.ndarray:
        grads: dict[str, Any] = {}
        value = Cramer(rng=rng(8)).penalty(D, real, fake, grads)
        optimizer.step(grads)
        return value

    errors = step_errors(step, dict(D.named_params()), rng())
    assert errors.keys() == {"d0.weight", "d0.bias", "d1.weight", "d1.bias", "d4.weight", "d4.bias"}
    assert max(errors.values()) < 1e-6


def test_the_penalty_is_on_the_slope_of_f_between_real_samples_and_the_first_fakes() -> None:
    D, (real, fake) = curved_critic(), samples()
    eps = rng(8).random((4, 1, 1, 1))
    anchors = D.forward(fake[4:])[0]
    norms = []
    for x, h2 in zip(eps * real + (1 - eps) * fake[:4], anchors, strict=True):

        def f(x: np.ndarray, h2: np.ndarray = h2) -> float:
            t = D.forward(x[None])[0][0]
            return np.linalg.norm(t - h2) - np.linalg.norm(t)

        unit = np.eye(12).reshape(12, 4, 3, 1) * 1e-5
        norms.append(np.linalg.norm([(f(x + e) - f(x - e)) / 2e-5 for e in unit]))
    assert penalty(D, real, fake)[0] == pytest.approx(10 * np.mean((np.array(norms) - 1) ** 2), rel=1e-7)


def test_the_penalty_in_float32_and_on_a_gpu() -> None:
    exact, exact_grads = penalty(curved_critic(), *samples())
    D = curved_critic(np.float32)
    value, grads = penalty(D, *samples(np.float32))
    D.convert(strict.to_device)
    with strict.no_sync():
        away, away_grads = penalty(D, *map(strict.to_device, samples(np.float32)))
    assert grads.keys() == away_grads.keys() == exact_grads.keys()
    for found, found_grads in ((value, grads), (away.get(), {name: grad.get() for name, grad in away_grads.items()})):
        assert found.dtype == np.float32
        assert found == pytest.approx(exact, rel=1e-4)
        for name, grad in found_grads.items():
            assert grad.dtype == np.float32
            size = abs(exact_grads[name]).max()
            np.testing.assert_allclose(grad, exact_grads[name], rtol=0, atol=1e-4 * size + 1e-4, err_msg=name)


def test_the_penalty_leaves_running_statistics_alone() -> None:
    D = Network(Flatten(), Linear(12, 4, rng=rng()), BatchNorm(4), Tanh(), Linear(4, 3, rng=rng()))
    D.convert(lambda array: array.astype(np.float64))
    before = {name: buffer.copy() for name, buffer in D.named_buffers()}
    penalty(D, *samples())
    assert before
    for name, buffer in D.named_buffers():
        np.testing.assert_array_equal(buffer, before[name], err_msg=name)


def test_the_penalty_wants_a_generator_and_two_fakes() -> None:
    D, (real, fake) = curved_critic(), samples()
    with pytest.raises(ValueError, match="cramer draws random points"):
        Cramer().penalty(D, real, fake, {})
    with pytest.raises(ValueError, match="cramer needs two fakes for every real sample"):
        Cramer(rng=rng()).penalty(D, real, fake[:4], {})


def test_whole_steps_have_the_gradients_of_their_losses() -> None:
    D, (real, _), z = curved_critic(), samples(), rng(9).normal(size=(8, 2))
    G = Network(Linear(2, 12, rng=rng(3), dtype=np.float64), Tanh(), Reshape(4, 3, 1))

    def d_step(optimizer: Recorder) -> Outcome:
        return discriminator_step(D, G, Cramer(rng=rng(8)), optimizer, real, z)

    def g_step(optimizer: Recorder) -> Outcome:
        return generator_step(D, G, Cramer(), optimizer, z, real)

    assert max(step_errors(d_step, dict(D.named_params()), rng()).values()) < 1e-6
    assert max(step_errors(g_step, dict(G.named_params()), rng()).values()) < 1e-6

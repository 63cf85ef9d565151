"""The gradient penalty against closed forms, finite differences of ordinary sweeps, and its own contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.checks import randomise
from minigan.gradcheck import derivative_error
from minigan.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Network,
    Softplus,
    Tanh,
)
from minigan.optim import flatten
from minigan.penalties import gradient_penalty


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def linear_critic(*weight: float) -> Network:
    critic = Network(Linear(len(weight), 1, rng=rng(), dtype=np.float64))
    for name, param in critic.named_params():
        param[...] = np.reshape(weight, param.shape) if name == "0.weight" else 3
    return critic


def with_batch_norm() -> Network:
    return Network(Conv2d(2, 3, 4, 2, 1, rng=rng()), BatchNorm(3), Tanh(), Flatten(), Linear(18, 1, rng=rng()))


def with_layer_norm() -> Network:
    inner = Network(Conv2d(2, 3, 4, 2, 1, rng=rng()), LayerNorm((3, 2, 3)), Softplus())
    return Network(inner, ConvTranspose2d(3, 2, 3, rng=rng()), LeakyReLU(), Flatten(), Linear(40, 1, rng=rng()))


CURVED = pytest.mark.parametrize("make", [with_batch_norm, with_layer_norm])


def curved(make: Callable[[], Network]) -> tuple[Network, np.ndarray]:
    """The critic with random float64 weights, and points to ask it about."""
    critic = make()
    critic.convert(lambda array: array.astype(np.float64))
    randomise(critic, rng(1))
    return critic, rng(2).normal(size=(4, 6, 5, 2))


def penalty(critic: Layer, x: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    """R and its gradient, flat."""
    grads: dict[str, Any] = {}
    value = gradient_penalty(critic, x, grads, **({"weight": 10.0} | options))
    return value, flatten(grads)


@pytest.mark.parametrize("target", [1.0, 0.5])
def test_a_linear_critic_has_the_closed_form(target: float) -> None:
    critic = linear_critic(1, 2, -2)  # norm 3 at every point
    value, grads = penalty(critic, rng().normal(size=(7, 3)), target=target)
    assert value == pytest.approx(10 * (3 - target) ** 2, rel=1e-12)
    np.testing.assert_allclose(grads["0.weight"].ravel(), 20 * (3 - target) * np.array([1, 2, -2]) / 3, rtol=1e-12)
    assert not grads.get("0.bias", np.zeros(1)).any()


def test_a_linear_critic_of_unit_norm_costs_nothing_and_is_pushed_nowhere() -> None:
    value, grads = penalty(linear_critic(2 / 3, -1 / 3, 2 / 3), rng().normal(size=(7, 3)))
    assert value == pytest.approx(0, abs=1e-20)
    np.testing.assert_allclose(grads["0.weight"], np.zeros((3, 1)), atol=1e-10)


def test_one_sided_only_norms_above_the_target_cost_anything() -> None:
    x = rng().normal(size=(7, 3))
    for weight, cost in (((0.1, 0.2, -0.2), 0), ((1, 2, -2), 40)):
        value, grads = penalty(linear_critic(*weight), x, one_sided=True)
        assert value == pytest.approx(cost, rel=1e-12)
        assert grads["0.weight"].any() == (cost > 0)
    assert penalty(linear_critic(0.1, 0.2, -0.2), x)[0] == pytest.approx(10 * 0.7**2, rel=1e-10)


def test_norms_are_taken_sample_by_sample_over_all_entries() -> None:
    critic, x = curved(with_layer_norm)
    value, _ = penalty(critic, x)
    alone = [penalty(critic, x[i : i + 1])[0] for i in range(4)]
    assert value == pytest.approx(np.mean(alone), rel=1e-12)
    assert np.std(alone) > 0.01 * value


def test_a_critic_without_a_slope_brings_no_division_by_zero() -> None:
    value, grads = penalty(linear_critic(0, 0, 0), rng().normal(size=(7, 3)))
    assert value == pytest.approx(10, rel=1e-5)
    assert np.isfinite(grads["0.weight"]).all()


@CURVED
def test_the_gradient_is_the_derivative_of_the_value(make: Callable[[], Network]) -> None:
    critic, x = curved(make)
    _, grads = penalty(critic, x)
    for name, param in critic.named_params():
        stated = grads.get(name, np.zeros_like(param))
        assert derivative_error(lambda: penalty(critic, x)[0], param, stated, rng()) < 1e-6, name


@CURVED
def test_the_gradient_is_the_difference_of_two_ordinary_backward_passes(make: Callable[[], Network]) -> None:
    # Pearlmutter: with q = dR/dg held fixed, dR/dθ = d/dh [d/dθ Σ D(x + h q)] at h = 0.
    critic, x = curved(make)
    y, caches = critic.forward(x)
    g = critic.input_grad(np.ones_like(y), caches)
    r = np.sqrt((g * g).sum(axis=(1, 2, 3), keepdims=True) + 1e-12)
    q, h = 2 * 10 / 4 * (r - 1) * g / r, 1e-5
    shifted = []
    for sign in (1, -1):
        scores, cache = critic.forward(x + sign * h * q)
        shifted.append(flatten(critic.param_grads(np.ones_like(scores), cache)))
    grads = penalty(critic, x)[1]
    scale = max(np.abs(grad).max() for grad in grads.values())
    for name in shifted[0]:
        numeric = (shifted[0][name] - shifted[1][name]) / (2 * h)
        np.testing.assert_allclose(grads.get(name, 0 * numeric), numeric, rtol=0, atol=1e-6 * scale, err_msg=name)


def test_curved_layers_move_the_biases_below_them_too() -> None:
    critic, x = curved(with_layer_norm)
    grads = penalty(critic, x)[1]
    assert np.abs(grads["0.0.bias"]).max() > 1e-3
    assert np.abs(grads["0.1.bias"]).max() > 1e-3


@CURVED
def test_running_statistics_and_parameters_are_left_alone(make: Callable[[], Network]) -> None:
    critic, x = curved(make)
    arrays = (*critic.named_params(), *critic.named_buffers())
    before = {name: array.copy() for name, array in arrays}
    penalty(critic, x)
    for name, array in arrays:
        np.testing.assert_array_equal(array, before[name])


def test_batch_norm_normalises_by_the_batch_of_the_points() -> None:
    critic, x = curved(with_batch_norm)
    value = penalty(critic, x)[0]
    for _, buffer in critic.named_buffers():
        buffer[...] = 7
    assert penalty(critic, x)[0] == value


@CURVED
def test_gradients_are_added_to_those_that_are_there(make: Callable[[], Network]) -> None:
    critic, x = curved(make)
    y, caches = critic.forward(x)
    ordinary = flatten(critic.param_grads(np.ones_like(y), caches))
    grads = critic.param_grads(np.ones_like(y), caches)
    gradient_penalty(critic, x, grads, weight=10.0)
    alone = penalty(critic, x)[1]
    for name, grad in flatten(grads).items():
        np.testing.assert_allclose(grad, ordinary[name] + alone.get(name, 0), rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_critic_with_a_layer_that_has_no_second_derivative_states_which() -> None:
    class Square(Layer):
        """y = x², with one derivative only."""

        def forward(self, x: Any, train: bool = True) -> tuple[Any, Any]:
            return x * x, x

        def input_grad(self, dy: Any, x: Any) -> Any:
            return 2 * x * dy

    critic = Network(Linear(3, 4, rng=rng()), Square(), Linear(4, 1, rng=rng()))
    with pytest.raises(NotImplementedError, match=r"Square\(\) has no second derivative.*gradient penalty"):
        penalty(critic, np.ones((2, 3), np.float32))


@CURVED
def test_float32_stays_float32_and_a_gpu_would_compute_the_same_without_waiting(make: Callable[[], Network]) -> None:
    critic, x = curved(make)
    exact, exact_grads = penalty(critic, x)
    critic.convert(lambda array: array.astype(np.float32))
    value, grads = penalty(critic, x.astype(np.float32))
    critic.convert(strict.to_device)
    with strict.no_sync():
        away, away_grads = penalty(critic, strict.to_device(x.astype(np.float32)))
    for found, found_grads in ((value, grads), (away.get(), {name: grad.get() for name, grad in away_grads.items()})):
        assert found.dtype == np.float32
        assert found == pytest.approx(exact, rel=1e-4)
        for name, grad in found_grads.items():
            assert grad.dtype == np.float32
            size = np.abs(exact_grads[name]).max()
            np.testing.assert_allclose(grad, exact_grads[name], rtol=0, atol=1e-3 * size + 1e-4, err_msg=name)

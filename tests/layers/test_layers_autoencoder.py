"""Autoencoder: energies by hand, the sample's two ways, names, modes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import gradcheck
from minigan.checks import randomise
from minigan.device import Array
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    Network,
    ReLU,
    Reshape,
    Tanh,
)
from minigan.layers.autoencoder import ENERGIES
from minigan.optim import flatten
from minigan.penalties import Slope, towards

each = pytest.mark.parametrize("energy", ENERGIES)
IMAGE = (3, 4, 3, 2)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def float64(layer: Layer, seed: int = 1) -> Any:
    """The same layer with random weights, in float64."""
    layer.convert(lambda array: array.astype(np.float64))
    randomise(layer, rng(seed))
    return layer


def autoencoder(energy: str = "l2", encoder: Layer | None = None) -> Autoencoder:
    """Codes of 4 numbers for images (4, 3, 2), curved on both sides."""
    own = Network(Conv2d(2, 3, 2, 1, bias=False, rng=rng()), BatchNorm(3), Tanh(), Flatten(), Linear(18, 4, rng=rng()))
    decoder = Network(Linear(4, 24, rng=rng()), Reshape(4, 3, 2), Tanh())
    return float64(Autoencoder(encoder or own, decoder, energy))


def by_hand(energy: str) -> tuple[Autoencoder, np.ndarray]:
    """x = (1, 1), code 2 · 1 + 1 · 1 = 3, drawn as (3, 1) + (1, -4) = (4, -3): the residual is (3, -4)."""
    layer = Autoencoder(Linear(2, 1, rng=rng(), dtype=np.float64), Linear(1, 2, rng=rng(), dtype=np.float64), energy)
    arrays = dict(layer.named_params())
    arrays["encoder.weight"][...], arrays["encoder.bias"][...] = [[2], [1]], 0
    arrays["decoder.weight"][...], arrays["decoder.bias"][...] = [[1, 1 / 3]], (1, -4)
    return layer, np.ones((1, 2))


@pytest.mark.parametrize(
    ("energy", "e", "g"),
    [("l2", 5, (0.6, -0.8)), ("sse", 25, (6, -8)), ("mse", 12.5, (3, -4)), ("l1", 3.5, (0.5, -0.5))],
)
def test_an_energy_worked_by_hand(energy: str, e: float, g: tuple[float, float]) -> None:
    layer, x = by_hand(energy)
    y, cache = layer.forward(x)
    np.testing.assert_allclose(y, [[e, 3]], rtol=1e-12)
    w, dS = 0.5, 7.0
    grads: dict[str, Any] = {}
    dx = layer.backward(np.array([[w, dS]]), cache, grads)
    u = w * np.array(g)
    dcode = u[0] + u[1] / 3 + dS
    np.testing.assert_allclose(dx, [[2 * dcode - u[0], dcode - u[1]]], rtol=1e-12)
    np.testing.assert_allclose(grads["decoder"]["bias"], u, rtol=1e-12)
    np.testing.assert_allclose(grads["decoder"]["weight"], [3 * u], rtol=1e-12)
    np.testing.assert_allclose(grads["encoder"]["weight"], [[dcode], [dcode]], rtol=1e-12)


@each
def test_every_derivative_is_right_in_both_modes(energy: str) -> None:
    for train in (True, False):
        errors = gradcheck.layer_errors(autoencoder(energy), rng(2).normal(size=IMAGE), rng(3), train)
        assert max(errors.values()) < 1e-7, errors


@each
def test_every_derivative_is_right_where_the_parts_contribute_nothing_themselves(energy: str) -> None:
    layer = float64(Autoencoder(Linear(6, 3, rng=rng()), Network(Linear(3, 6, rng=rng()), ReLU()), energy))
    errors = gradcheck.layer_errors(layer, rng(2).normal(size=(4, 6)), rng(3))
    assert max(errors.values()) < 1e-7, errors


@each
def test_samples_do_not_meet_where_the_parts_keep_them_apart(energy: str) -> None:
    layer = float64(Autoencoder(Network(Flatten(), Linear(6, 3, rng=rng())), Linear(3, 6, rng=rng()), energy))
    with pytest.raises(ValueError, match="the decoder returns"):
        layer.forward(np.ones((4, 3, 2)))
    x = rng(1).normal(size=(4, 6))
    y, cache = layer.forward(x)
    dy, ddx = rng(2).normal(size=y.shape), rng(3).normal(size=x.shape)
    together = layer.double_backward(ddx, dy, cache)
    for i in range(4):
        one = slice(i, i + 1)
        alone, cache_of_one = layer.forward(x[one])
        np.testing.assert_allclose(alone, y[one], rtol=1e-12)
        ddy, dx, _ = layer.double_backward(ddx[one], dy[one], cache_of_one)
        np.testing.assert_allclose(ddy, together[0][one], rtol=1e-10)
        np.testing.assert_allclose(dx, together[1][one], rtol=1e-10, atol=1e-12)


def test_a_decoder_that_draws_always_the_same_leaves_the_samples_own_way() -> None:
    layer = float64(Autoencoder(Linear(5, 2, rng=rng()), Linear(2, 5, rng=rng()), "sse"))
    layer.decoder.weight[...] = 0
    x = rng(1).normal(size=(3, 5))
    y, cache = layer.forward(x)
    w = np.array([[1.0], [2], [-3]])
    dx = layer.input_grad(np.concatenate([w, np.zeros((3, 2))], axis=1), cache)
    np.testing.assert_allclose(dx, 2 * w * (x - layer.decoder.bias), rtol=1e-12)
    np.testing.assert_allclose(y[:, 0], ((x - layer.decoder.bias) ** 2).sum(axis=1), rtol=1e-12)


@each
def test_a_perfect_drawing_costs_nothing_and_pulls_nowhere(energy: str) -> None:
    layer = Autoencoder(Linear(3, 3, rng=rng(), dtype=np.float64), Linear(3, 3, rng=rng(), dtype=np.float64), energy)
    layer.encoder.weight[...] = layer.decoder.weight[...] = np.eye(3)  # type: ignore[attr-defined]
    x = rng(1).normal(size=(4, 3))
    y, cache = layer.forward(x)
    np.testing.assert_allclose(y[:, 0], np.full(4, 1e-6 if energy == "l2" else 0.0), atol=1e-18)
    dy = rng(2).normal(size=(4, 4))
    np.testing.assert_array_equal(layer.input_grad(dy, cache), dy[:, 1:])
    assert np.isfinite(layer.double_backward(x, dy, cache)[1]).all()


class Watched(Linear):
    """A linear layer that refuses to compute its contribution."""

    def input_grad(self, dy: Array, x: Any) -> Array:
        raise AssertionError("the input gradient was asked for")


def test_without_need_of_dx_the_encoders_input_gradient_is_not_computed() -> None:
    layer = float64(Autoencoder(Watched(5, 2, rng=rng()), Linear(2, 5, rng=rng())))
    y, cache = layer.forward(np.ones((3, 5)))
    grads: dict[str, Any] = {}
    assert layer.backward(np.ones_like(y), cache, grads, need_dx=False) is None
    assert flatten(grads).keys() == dict(layer.named_params()).keys()
    with pytest.raises(AssertionError, match="was asked for"):
        layer.backward(np.ones_like(y), cache)


def test_names_nest_and_lead_to_the_arrays_themselves() -> None:
    layer = autoencoder()
    params, buffers = dict(layer.named_params()), dict(layer.named_buffers())
    encoder = ["encoder.0.weight", "encoder.1.weight", "encoder.1.bias", "encoder.4.weight", "encoder.4.bias"]
    assert list(params) == [*encoder, "decoder.0.weight", "decoder.0.bias"]
    assert list(buffers) == ["encoder.1.running_mean", "encoder.1.running_var"]
    assert params["encoder.4.bias"] is layer.encoder.layers[4].bias  # type: ignore[attr-defined]
    _, cache = layer.forward(rng().normal(size=IMAGE))
    grads = layer.param_grads(np.ones((3, 5)), cache)
    assert {name: grad.shape for name, grad in flatten(grads).items()} == {n: p.shape for n, p in params.items()}


def test_convert_reaches_both_parts_and_float32_stays_float32() -> None:
    layer = autoencoder()
    layer.convert(lambda array: array.astype(np.float32))
    x = rng().normal(size=IMAGE).astype(np.float32)
    y, cache = layer.forward(x)
    ddy, dx, grads = layer.double_backward(x, y, cache)
    arrays = [y, layer.input_grad(y, cache), ddy, dx, *flatten(layer.param_grads(y, cache)).values()]
    arrays += [*flatten(grads).values(), *(array for _, array in (*layer.named_params(), *layer.named_buffers()))]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def penalty_on_energy(critic: Layer, x: np.ndarray) -> Callable[[gradcheck.Recorder], Any]:
    """A step whose loss pulls the slope of the first output towards 1."""

    def energies(h: Array) -> Array:
        seed = np.zeros_like(h)
        seed[:, 0] = 1
        return seed

    def step(optimizer: gradcheck.Recorder) -> Any:
        grads: dict[str, Any] = {}
        slope = Slope(critic, x, energies)
        value, ddx = towards(slope.g, weight=10.0)
        slope.backward(ddx, grads)
        optimizer.step(grads)
        return value

    return step


@each
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a network"])
def test_a_penalty_on_the_energys_slope_reaches_every_parameter(energy: str, alone: bool) -> None:
    critic: Layer = autoencoder(energy)
    critic = critic if alone else Network(Tanh(), critic)
    step = penalty_on_energy(critic, rng(4).normal(size=IMAGE))
    errors = gradcheck.step_errors(step, dict(critic.named_params()), rng(5))
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Autoencoder(Linear(2, 1, rng=rng()), Linear(1, 2, rng=rng()), "rmse"), "unknown energy 'rmse'"),
        (lambda: Autoencoder(Linear(2, 1, rng=rng()), Tanh), "of Autoencoder must be layers, got <"),  # type: ignore[arg-type]
        (lambda: autoencoder().forward(np.ones((3, 4, 3, 2), np.float32)), "x is float32, expected float64"),
        (lambda: autoencoder().forward(np.ones(3)), r"has shape \(3,\), expected \(N, ...\)"),
        (lambda: autoencoder(encoder=Tanh()).forward(np.ones(IMAGE)), r"the code of 3 samples .* expected \(3, d\)"),
        (
            lambda: Autoencoder(Linear(6, 4, rng=rng()), Linear(4, 5, rng=rng())).forward(np.ones((2, 6), np.float32)),
            r"the decoder returns \(2, 5\) for x of shape \(2, 6\)",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_an_autoencoder_shows_its_parts() -> None:
    layer = Autoencoder(Linear(6, 2, rng=rng()), Linear(2, 6, rng=rng()), "mse")
    assert repr(layer) == "Autoencoder(Linear(6, 2), Linear(2, 6), energy='mse')"

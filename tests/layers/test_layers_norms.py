"""BatchNorm and LayerNorm: cases worked by hand, statistics, modes, and numbers far from zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_answers import assert_same

from minigan.checks import randomise
from minigan.layers import BatchNorm, Layer, LayerNorm


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def gradients(layer: Layer, x: np.ndarray, dy: np.ndarray, train: bool = True) -> dict[str, Any]:
    """y and all first derivatives."""
    y, cache = layer.forward(x, train)
    grads: dict[str, Any] = {}
    return {"y": y, "dx": layer.backward(dy, cache, grads)} | grads


def test_batch_norm_worked_by_hand() -> None:
    # Channel 0: 1 and 3, mean 2, deviation 1. Channel 1: 0 and 4, mean 2, deviation 2. Two values: dx is zero.
    layer = BatchNorm(2, eps=1e-300, dtype=np.float64)
    layer.weight[...], layer.bias[...] = (2, 3), (10, 20)
    found = gradients(layer, np.array([[1.0, 0], [3, 4]]), np.array([[1.0, 1], [0, 5]]))
    np.testing.assert_allclose(found["y"], [[8, 17], [12, 23]], rtol=1e-15)
    np.testing.assert_allclose(found["weight"], [-1, 4], rtol=1e-15)
    np.testing.assert_array_equal(found["bias"], [1, 6])
    np.testing.assert_allclose(found["dx"], np.zeros((2, 2)), atol=1e-15)


def test_layer_norm_worked_by_hand() -> None:
    # Samples (1, 3) and (0, 4): x̂ = (-1, 1) for both, rstd 1 and 1/2.
    layer = LayerNorm(2, eps=1e-300, dtype=np.float64)
    layer.weight[...], layer.bias[...] = (2, 3), (10, 20)
    found = gradients(layer, np.array([[1.0, 3], [0, 4]]), np.array([[1.0, 1], [0, 5]]))
    np.testing.assert_allclose(found["y"], [[8, 23], [8, 23]], rtol=1e-15)
    np.testing.assert_allclose(found["weight"], [-1, 6], rtol=1e-15)
    np.testing.assert_array_equal(found["bias"], [1, 6])
    np.testing.assert_allclose(found["dx"], np.zeros((2, 2)), atol=1e-15)


@pytest.mark.parametrize("shape", [(50, 3), (8, 5, 4, 3)])
def test_batch_norm_gives_every_channel_mean_zero_and_variance_one(shape: tuple[int, ...]) -> None:
    layer = BatchNorm(3, eps=1e-12, dtype=np.float64)
    y, _ = layer.forward(5 + 3 * rng().normal(size=shape))
    batch = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(y.mean(axis=batch), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose(y.var(axis=batch), np.ones(3), rtol=1e-10)


def test_running_statistics_move_by_momentum_towards_mean_and_unbiased_variance() -> None:
    layer = BatchNorm(3, momentum=0.3, dtype=np.float64)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = seed + rng(seed).normal(size=(6, 2, 3))
        layer.forward(x)
        mean = 0.7 * mean + 0.3 * x.mean(axis=(0, 1))
        var = 0.7 * var + 0.3 * x.var(axis=(0, 1), ddof=1)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)


def test_eval_mode_uses_the_running_statistics_sample_by_sample() -> None:
    layer = BatchNorm(3, dtype=np.float64)
    randomise(layer, rng())
    x = rng(1).normal(size=(4, 3))
    y, _ = layer.forward(x, train=False)
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5) * layer.weight + layer.bias
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    alone = np.concatenate([layer.forward(x[i : i + 1], train=False)[0] for i in range(4)])
    np.testing.assert_allclose(alone, y, rtol=1e-14)


def test_a_batch_of_one_or_no_value_per_channel_is_refused_and_changes_nothing() -> None:
    layer = BatchNorm(3)
    for shape in ((1, 3), (1, 1, 1, 3), (0, 3)):
        with pytest.raises(ValueError, match=r"BatchNorm\(3\): a batch of [01] values per channel .* train=False"):
            layer.forward(np.full(shape, 7, np.float32))
    assert (layer.running_mean == 0).all()
    assert layer.forward(np.ones((1, 3), np.float32), train=False)[0].shape == (1, 3)
    assert layer.forward(np.ones((1, 2, 1, 3), np.float32))[0].shape == (1, 2, 1, 3)


def test_a_cache_of_eval_mode_outlives_a_forward_pass_in_training() -> None:
    layer = BatchNorm(3, dtype=np.float64)
    randomise(layer, rng())
    x, dy = rng(1).normal(size=(2, 5, 3))
    _, cache = layer.forward(x, train=False)
    expected = layer.param_grads(dy, cache) | {"dx": layer.input_grad(dy, cache)}
    layer.forward(10 * x, train=True)
    assert_same(layer.param_grads(dy, cache) | {"dx": layer.input_grad(dy, cache)}, expected)


@pytest.mark.parametrize("make", [lambda: BatchNorm(3), lambda: LayerNorm((40, 3))], ids=["batch", "layer"])
def test_float32_far_from_zero_is_right(make: Callable[[], Layer]) -> None:
    layer = make()
    x = (100 + 0.1 * rng().normal(size=(60, 40, 3))).astype(np.float32)
    dy = rng(1).normal(size=x.shape).astype(np.float32)
    randomise(layer, rng(2))
    found = gradients(layer, x, dy)
    layer.convert(lambda array: array.astype(np.float64))
    expected = gradients(layer, x.astype(np.float64), dy.astype(np.float64))
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    # A float32 near 100 is itself known to 4e-6, 4e-5 deviations.
    assert_same(found, expected, 2e-4)


def test_the_variance_of_float32_is_right_to_four_digits_at_mean_100_and_deviation_a_tenth() -> None:
    layer = BatchNorm(3, momentum=1.0)
    x = (100 + 0.1 * rng().normal(size=(64, 14, 14, 3))).astype(np.float32)
    layer.forward(x)
    np.testing.assert_allclose(layer.running_var, x.var(axis=(0, 1, 2), ddof=1, dtype=np.float64), rtol=1e-4)


class Doubled(BatchNorm):
    """One half of a batch whose other half is a mirror image: moments and means over both."""

    def _batch_moments(self, x: Any) -> tuple[Any, Any]:
        return super()._batch_moments(np.concatenate([x, -x]))

    def _means(self, sums: Any, x: Any) -> tuple[Any, Any]:
        a, b = super()._means(sums, x)
        return 0 * a, b


def test_a_subclass_may_take_moments_and_means_over_more_than_its_own_batch() -> None:
    # A mirrored dy too: Σ dy is 0 over both halves, Σ dy · x̂ twice that of one.
    half, whole = Doubled(3, dtype=np.float64), BatchNorm(3, dtype=np.float64)
    for layer in (half, whole):
        randomise(layer, rng())
    x, dy = rng(1).normal(size=(2, 6, 3))
    y, cache = half.forward(x)
    expected, whole_cache = whole.forward(np.concatenate([x, -x]))
    np.testing.assert_allclose(y, expected[:6], rtol=1e-12)
    np.testing.assert_allclose(half.running_var, whole.running_var, rtol=1e-14)
    dx = whole.input_grad(np.concatenate([dy, -dy]), whole_cache)[:6]
    np.testing.assert_allclose(half.backward(dy, cache), dx, rtol=1e-11)


def test_a_constant_channel_does_not_divide_by_zero() -> None:
    for layer, x in ((BatchNorm(2), np.full((4, 2), 5, np.float32)), (LayerNorm(2), np.full((4, 2), 5, np.float32))):
        found = gradients(layer, x, np.ones_like(x))
        np.testing.assert_array_equal(found["y"], np.zeros((4, 2)))
        np.testing.assert_allclose(found["dx"], np.zeros((4, 2)), atol=1e-4)


def test_layer_norm_gives_every_sample_mean_zero_and_variance_one() -> None:
    layer = LayerNorm((5, 4, 3), eps=1e-12, dtype=np.float64)
    y, _ = layer.forward(rng().normal(5, 3, size=(6, 5, 4, 3)) * rng(1).uniform(1, 9, size=(6, 1, 1, 1)))
    np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), np.zeros(6), atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(1, 2, 3)), np.ones(6), rtol=1e-10)


def test_samples_of_a_layer_norm_do_not_meet() -> None:
    layer = LayerNorm((5, 3), dtype=np.float64)
    randomise(layer, rng())
    x, dy, ddx = rng(1).normal(size=(3, 4, 5, 3))
    y, cache = layer.forward(x)
    dx, (ddy, contribution, _) = layer.input_grad(dy, cache), layer.double_backward(ddx, dy, cache)
    for i in range(4):
        one = slice(i, i + 1)
        alone, alone_cache = layer.forward(x[one])
        np.testing.assert_allclose(alone, y[one], rtol=1e-14)
        np.testing.assert_allclose(layer.input_grad(dy[one], alone_cache), dx[one], rtol=1e-12)
        alone_ddy, alone_contribution, _ = layer.double_backward(ddx[one], dy[one], alone_cache)
        np.testing.assert_allclose(alone_ddy, ddy[one], rtol=1e-12)
        np.testing.assert_allclose(alone_contribution, contribution[one], rtol=1e-10)


def test_layer_norm_over_the_last_axes_treats_the_others_as_samples() -> None:
    layer = LayerNorm(3, eps=1e-12, dtype=np.float64)
    y, _ = layer.forward(rng().normal(size=(2, 4, 3)))
    np.testing.assert_allclose(y.var(axis=-1), np.ones((2, 4)), rtol=1e-9)


def test_eps_adds_to_the_variance() -> None:
    x = np.array([[-1.0], [1.0]])
    assert BatchNorm(1, eps=3.0, dtype=np.float64).forward(x)[0][1, 0] == pytest.approx(1 / math.sqrt(4))
    assert LayerNorm(2, eps=3.0, dtype=np.float64).forward(x.T)[0][0, 1] == pytest.approx(1 / math.sqrt(4))

"""Activations at the numbers where they could go wrong, and the layers that only move numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minigan.layers import ELU, Flatten, Layer, LeakyReLU, ReLU, Reshape, Sigmoid, Softplus, Tanh

EXTREMES = np.array([-1000, -90, -20, -1e-30, 0, 1e-30, 20, 90, 1000], np.float32)


def derivatives(layer: Layer, x: np.ndarray) -> tuple[Any, Any, Any]:
    """f(x), f'(x) and f''(x), number by number; f'' is None for a piecewise linear layer."""
    y, cache = layer.forward(x)
    ones = np.ones_like(x)
    return y, layer.input_grad(ones, cache), layer.double_backward(ones, ones, cache)[1]


@pytest.mark.parametrize(
    ("layer", "slope"), [(ReLU(), 0), (LeakyReLU(), 0.2), (LeakyReLU(0.5), 0.5), (LeakyReLU(1), 1)]
)
def test_a_leaky_relu_has_its_negative_slope_at_zero_and_below(layer: Layer, slope: float) -> None:
    x = np.array([-2, -0.0, 0, 3], np.float32)
    y, dy, curvature = derivatives(layer, x)
    np.testing.assert_allclose(y, [-2 * slope, 0, 0, 3])
    np.testing.assert_allclose(dy, [slope, slope, slope, 1])
    assert curvature is None


@pytest.mark.parametrize("slope", [0, 0.2, 1])
def test_a_leaky_relu_keeps_its_output_and_no_other_array(slope: float) -> None:
    y, cache = LeakyReLU(slope).forward(np.array([-2, 0, 3], np.float32))
    assert cache is y


def test_relu_is_leaky_relu_without_a_leak() -> None:
    x = np.linspace(-3, 3, 31)
    for one, other in zip(derivatives(ReLU(), x), derivatives(LeakyReLU(0), x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_elu_and_its_derivatives_at_hand_picked_points() -> None:
    y, slope, curvature = derivatives(ELU(), np.array([-1.0, 0, 2]))
    np.testing.assert_allclose(y, [1 / math.e - 1, 0, 2], rtol=1e-15)
    np.testing.assert_allclose(slope, [1 / math.e, 1, 1], rtol=1e-15)
    np.testing.assert_allclose(curvature, [1 / math.e, 0, 0], rtol=1e-15)


def test_sigmoid_softplus_and_tanh_at_zero_and_at_log_three() -> None:
    x = np.array([0, math.log(3)])
    for layer, expected in (
        (Sigmoid(), ([1 / 2, 3 / 4], [1 / 4, 3 / 16], [0, -3 / 32])),
        (Softplus(), ([math.log(2), math.log(4)], [1 / 2, 3 / 4], [1 / 4, 3 / 16])),
        (Tanh(), ([0, 4 / 5], [1, 9 / 25], [0, -72 / 125])),
    ):
        for found, number in zip(derivatives(layer, x), expected, strict=True):
            np.testing.assert_allclose(found, number, rtol=1e-14, atol=1e-16, err_msg=repr(layer))


@pytest.mark.parametrize("layer", [Sigmoid(), Softplus(), Tanh(), ELU(), ReLU(), LeakyReLU()], ids=repr)
def test_extreme_numbers_of_float32_bring_neither_warnings_nor_infinities(layer: Layer) -> None:
    for found in derivatives(layer, EXTREMES):
        assert found is None or (np.isfinite(found).all() and found.dtype == np.float32)


def test_extreme_numbers_of_float32_reach_their_limits() -> None:
    x = EXTREMES[[0, 2, 6, 8]]  # -1000, -20, 20, 1000
    y, slope, _ = derivatives(Sigmoid(), x)
    np.testing.assert_allclose(y, [0, math.exp(-20), 1, 1], rtol=1e-6)
    np.testing.assert_allclose(slope, [0, math.exp(-20), 0, 0], rtol=1e-6, atol=3e-9)
    y, slope, curvature = derivatives(Softplus(), x)
    np.testing.assert_allclose(y, [0, math.exp(-20), 20, 1000], rtol=1e-6)
    np.testing.assert_allclose(slope, [0, math.exp(-20), 1, 1], rtol=1e-6)
    np.testing.assert_allclose(curvature, [0, math.exp(-20), 0, 0], rtol=1e-6, atol=3e-9)
    np.testing.assert_allclose(derivatives(ELU(), x)[0], [-1, -1, 20, 1000], rtol=1e-6)
    np.testing.assert_allclose(derivatives(Tanh(), x)[0], [-1, -1, 1, 1], rtol=1e-6)


def test_elu_keeps_the_digits_of_small_numbers() -> None:
    np.testing.assert_allclose(ELU().forward(np.array([-1e-30], np.float32))[0], [-1e-30], rtol=1e-6)


def test_flatten_writes_channels_fastest_and_reshape_reads_them_back() -> None:
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    flat, shape = Flatten().forward(x)
    np.testing.assert_array_equal(flat, np.arange(24.0).reshape(2, 12))
    back, _ = Reshape(2, 3, 2).forward(flat)
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(Flatten().input_grad(10 * flat, shape), 10 * x)


def test_flatten_and_reshape_take_a_batch_of_none() -> None:
    assert Flatten().forward(np.zeros((0, 2, 3), np.float32))[0].shape == (0, 6)
    assert Reshape(3, 2).forward(np.zeros((0, 6), np.float32))[0].shape == (0, 3, 2)

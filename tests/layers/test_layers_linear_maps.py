"""Linear, Conv2d and ConvTranspose2d: cases worked by hand, sizes, and the second-order pass of a linear map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minigan import init
from minigan.checks import randomise
from minigan.layers import Conv2d, ConvTranspose2d, Layer, Linear

ONE_TO_FOUR = np.arange(1.0, 5)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_params(layer: Layer, **values: Any) -> Layer:
    """The layer in float64 with these parameters."""
    layer.convert(lambda array: array.astype(np.float64))
    for name, array in layer.named_params():
        array[...] = np.reshape(values[name], array.shape)
    return layer


def image(*pixels: list[float]) -> np.ndarray:
    """One picture with one channel."""
    return np.array(pixels, dtype=np.float64).reshape(1, len(pixels), len(pixels[0]), 1)


def test_linear_worked_by_hand() -> None:
    layer = with_params(Linear(2, 2, rng=rng()), weight=[[1, 2], [3, 4]], bias=[10, 20])
    y, cache = layer.forward(np.array([[1.0, -1], [2, 0]]))
    np.testing.assert_array_equal(y, [[8, 18], [12, 24]])
    dy = np.array([[1.0, 0], [2, -1]])
    np.testing.assert_array_equal(layer.input_grad(dy, cache), [[1, 3], [0, 2]])
    grads = layer.param_grads(dy, cache)
    np.testing.assert_array_equal(grads["weight"], [[5, -2], [-1, 0]])
    np.testing.assert_array_equal(grads["bias"], [3, -1])
    ddy, dx, twice = layer.double_backward(np.array([[1.0, 0], [0, 1]]), dy, cache)
    np.testing.assert_array_equal(ddy, [[1, 2], [3, 4]])
    assert dx is None
    np.testing.assert_array_equal(twice["weight"], dy)


def test_conv2d_worked_by_hand() -> None:
    layer = with_params(Conv2d(1, 1, 2, rng=rng()), weight=ONE_TO_FOUR, bias=[10])
    x = image([1, 0, 2], [0, 1, 0], [3, 0, 1])
    y, cache = layer.forward(x)
    # Windows [[1, 0], [0, 1]], [[0, 2], [1, 0]], [[0, 1], [3, 0]], [[1, 0], [0, 1]] with weights [[1, 2], [3, 4]].
    np.testing.assert_array_equal(y, image([15, 17], [21, 15]))
    dy = image([1, 0], [0, 2])
    np.testing.assert_array_equal(layer.input_grad(dy, cache), image([1, 2, 0], [3, 6, 4], [0, 6, 8]))
    grads = layer.param_grads(dy, cache)
    np.testing.assert_array_equal(grads["weight"][:, :, 0, 0], [[3, 0], [0, 3]])
    np.testing.assert_array_equal(grads["bias"], [3])


def test_conv_transpose2d_worked_by_hand() -> None:
    layer = with_params(ConvTranspose2d(1, 1, 2, rng=rng()), weight=ONE_TO_FOUR, bias=[10])
    y, cache = layer.forward(image([1, 0], [0, 2]))
    np.testing.assert_array_equal(y, 10 + image([1, 2, 0], [3, 6, 4], [0, 6, 8]))
    dy = image([1, 0, 2], [0, 1, 0], [3, 0, 1])
    np.testing.assert_array_equal(layer.input_grad(dy, cache), image([5, 7], [11, 5]))
    grads = layer.param_grads(dy, cache)
    np.testing.assert_array_equal(grads["weight"][:, :, 0, 0], [[3, 0], [0, 3]])
    np.testing.assert_array_equal(grads["bias"], [8])


def test_a_stride_of_two_writes_windows_that_do_not_overlap() -> None:
    layer = with_params(ConvTranspose2d(1, 1, 2, 2, rng=rng()), weight=ONE_TO_FOUR, bias=[0])
    y, _ = layer.forward(image([1, 0], [0, 2]))
    np.testing.assert_array_equal(y, image([1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 2, 4], [0, 0, 6, 8]))


def test_output_padding_adds_rows_and_columns_at_the_end() -> None:
    layer = with_params(ConvTranspose2d(1, 1, 2, 2, 0, 1, rng=rng()), weight=ONE_TO_FOUR, bias=[10])
    y, _ = layer.forward(image([1]))
    np.testing.assert_array_equal(y, 10 + image([1, 2, 0], [3, 4, 0], [0, 0, 0]))


def test_channels_are_the_last_axis_of_images_and_weights() -> None:
    weight = np.arange(6.0)  # (KH, KW, in, out) = (1, 1, 2, 3), and (KH, KW, out, in) = (1, 1, 3, 2)
    x = np.array([1.0, 10]).reshape(1, 1, 1, 2)
    conv = with_params(Conv2d(2, 3, 1, bias=False, rng=rng()), weight=weight)
    np.testing.assert_array_equal(conv.forward(x)[0].ravel(), [30, 41, 52])
    transposed = with_params(ConvTranspose2d(2, 3, 1, bias=False, rng=rng()), weight=weight)
    np.testing.assert_array_equal(transposed.forward(x)[0].ravel(), [10, 32, 54])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Linear(6, 5, rng=rng()), (4, 6)),
        (Conv2d(2, 3, (4, 3), (2, 1), (1, 2), rng=rng()), (3, 7, 6, 2)),
        (ConvTranspose2d(2, 9, 3, 2, 1, 1, rng=rng()), (3, 5, 4, 2)),
    ],
    ids=repr,
)
def test_the_second_order_pass_of_a_linear_map_is_its_forward_pass_without_bias(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    layer.convert(lambda array: array.astype(np.float64))
    randomise(layer, rng(1))
    x, ddx = rng(2).normal(size=(2, *shape))
    y, cache = layer.forward(x)
    dy = rng(3).normal(size=y.shape)
    ddy, dx, twice = layer.double_backward(ddx, dy, cache)
    moved, moved_cache = layer.forward(ddx)
    np.testing.assert_allclose(ddy, moved - dict(layer.named_params())["bias"], rtol=0, atol=1e-12)
    assert dx is None
    assert twice.keys() == {"weight"}
    np.testing.assert_allclose(twice["weight"], layer.param_grads(dy, moved_cache)["weight"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(4, 4), (7, 5), (1, 3)])
@pytest.mark.parametrize(
    "window", [(3, 1, 0, 0), (4, 2, 1, 0), (3, 2, 1, 1), (5, 3, 2, 2), (2, 3, 0, 1), ((4, 3), (2, 3), (1, 0), (0, 2))]
)
def test_a_conv2d_maps_the_output_size_of_conv_transpose2d_back(size: tuple[int, int], window: tuple) -> None:
    k, s, p, o = window
    up, down = ConvTranspose2d(2, 3, k, s, p, o, rng=rng()), Conv2d(3, 2, k, s, p, rng=rng())
    y, _ = up.forward(np.zeros((1, *size, 2), np.float32))
    rows = zip(size, *(np.broadcast_to(value, 2) for value in window), strict=True)
    assert y.shape == (1, *((n - 1) * stride - 2 * pad + kernel + extra for n, kernel, stride, pad, extra in rows), 3)
    assert up.output_size(size) == y.shape[1:3]
    assert down.output_size(y.shape[1:3]) == size
    assert down.forward(y)[0].shape == (1, *size, 2)


def test_the_output_of_conv2d_has_the_size_of_the_formula() -> None:
    layer = Conv2d(1, 2, (4, 3), (2, 3), (1, 0), rng=rng())
    assert layer.forward(np.zeros((5, 28, 11, 1), np.float32))[0].shape == (5, 14, 3, 2)
    assert layer.output_size((28, 11)) == (14, 3)


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (Linear(400, 300, rng=rng()), 400),
        (Conv2d(16, 64, (3, 5), rng=rng()), 16 * 15),
        (ConvTranspose2d(16, 64, 4, 2, 1, rng=rng()), 16 * 4),
    ],
    ids=repr,
)
def test_weights_start_within_one_over_the_root_of_the_fan_in_and_biases_at_zero(layer: Layer, fan_in: int) -> None:
    params = dict(layer.named_params())
    bound = 1 / math.sqrt(fan_in)
    assert 0.98 * bound < np.abs(params["weight"]).max() <= bound
    assert abs(params["weight"].mean()) < 0.03 * bound
    assert params["weight"].std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    assert (params["bias"] == 0).all()


def test_he_normal_keeps_the_scale_through_a_relu() -> None:
    weight = init.he_normal(rng(), (400, 300), 400)
    assert weight.std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert abs(weight.mean()) < 1e-3


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_without_bias_has_none_to_train(bias: bool) -> None:
    layers = (Linear(2, 3, bias, rng=rng()), Conv2d(2, 3, 1, 1, 0, bias, rng=rng()))
    for layer in (*layers, ConvTranspose2d(2, 3, 1, 1, 0, 0, bias, rng=rng())):
        assert [name for name, _ in layer.named_params()] == ["weight", *["bias"] * bias]


def test_one_seed_draws_the_same_weights_in_every_type() -> None:
    for make in (lambda **k: Linear(3, 4, **k), lambda **k: Conv2d(3, 4, 2, **k)):
        exact, short = make(rng=rng(), dtype=np.float64).weight, make(rng=rng()).weight
        assert (exact.dtype, short.dtype) == (np.float64, np.float32)
        np.testing.assert_array_equal(short, exact.astype(np.float32))

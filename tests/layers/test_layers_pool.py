"""MaxPool2d and AvgPool2d: cases worked by hand, ties, borders, NaN, and what is refused; Conv2d along one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_answers import arrays_in

from minigan import checks, gradcheck
from minigan.layers import AvgPool2d, Conv2d, Layer, MaxPool2d

NAN = float("nan")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def image(*pixels: list[float]) -> np.ndarray:
    """One picture with one channel."""
    return np.array(pixels, dtype=np.float64).reshape(1, len(pixels), len(pixels[0]), 1)


X = image([1, 5, 2, 0], [3, 4, 8, 6], [7, 0, 1, 2], [6, 9, 4, 3])


def test_max_pooling_worked_by_hand() -> None:
    layer = MaxPool2d(2)
    y, cache = layer.forward(X)
    np.testing.assert_array_equal(y, image([5, 8], [9, 4]))
    dx = layer.input_grad(image([10, 20], [30, 40]), cache)
    np.testing.assert_array_equal(dx, image([0, 10, 0, 0], [0, 0, 20, 0], [0, 0, 0, 0], [0, 30, 40, 0]))
    ddy, contribution, grads = layer.double_backward(X * 10, image([1, 1], [1, 1]), cache)
    np.testing.assert_array_equal(ddy, image([50, 80], [90, 40]))
    assert contribution is None
    assert grads == {}


def test_a_pixel_that_wins_several_windows_gets_the_gradients_of_all() -> None:
    layer = MaxPool2d(3, 1)
    y, cache = layer.forward(X)
    np.testing.assert_array_equal(y, image([8, 8], [9, 9]))
    dx = layer.input_grad(image([1, 2], [4, 8]), cache)
    np.testing.assert_array_equal(dx, image([0, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 0], [0, 12, 0, 0]))


def test_average_pooling_worked_by_hand() -> None:
    layer = AvgPool2d(2)
    y, cache = layer.forward(X)
    np.testing.assert_array_equal(y, image([13 / 4, 4], [22 / 4, 10 / 4]))
    dx = layer.input_grad(image([4, 8], [12, 16]), cache)
    np.testing.assert_array_equal(dx, image([1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]))


def test_the_second_order_pass_of_average_pooling_is_its_forward_pass() -> None:
    layer = AvgPool2d(3, 2, 1, count_include_pad=False)
    x, ddx = rng().normal(size=(2, 2, 5, 6, 3))
    y, cache = layer.forward(x)
    ddy, contribution, grads = layer.double_backward(ddx, np.ones_like(y), cache)
    np.testing.assert_array_equal(ddy, layer.forward(ddx)[0])
    assert contribution is None
    assert grads == {}


def test_windows_that_would_hang_over_the_end_are_left_out() -> None:
    x = np.arange(1.0, 16).reshape(1, 3, 5, 1)
    np.testing.assert_array_equal(MaxPool2d(2).forward(x)[0], image([7, 9]))
    np.testing.assert_array_equal(AvgPool2d(2).forward(x)[0], image([4, 6]))
    _, cache = MaxPool2d(2).forward(x)
    assert (MaxPool2d(2).input_grad(image([1, 1]), cache)[0, 2] == 0).all()


def test_of_equal_numbers_the_first_gets_the_whole_gradient_and_alone() -> None:
    layer = MaxPool2d(2)
    x = image([3, 3, 0, 1], [3, 3, 7, 7], [1, 2, 5, 0], [2, 2, 5, 5])
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, image([3, 7], [2, 5]))
    dx = layer.input_grad(image([1, 2], [4, 8]), cache)
    np.testing.assert_array_equal(dx, image([1, 0, 0, 0], [0, 0, 2, 0], [0, 4, 8, 0], [0, 0, 0, 0]))


def test_every_average_of_a_border_counts_its_real_pixels() -> None:
    sums = image([4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4])
    ones = np.ones((1, 4, 4, 1))
    np.testing.assert_array_equal(AvgPool2d(3, 1, 1, count_include_pad=False).forward(ones)[0], ones)
    np.testing.assert_array_equal(AvgPool2d(3, 1, 1).forward(ones)[0], sums / 9)
    layer = AvgPool2d(3, 1, 1, count_include_pad=False)
    n = layer.forward(X)[1][0]
    np.testing.assert_array_equal(n, sums)
    np.testing.assert_allclose(layer.forward(X)[0] * sums, AvgPool2d(3, 1, 1).forward(X)[0] * 9, rtol=1e-14)


def test_padding_is_never_the_largest() -> None:
    y, _ = MaxPool2d(3, 1, 1).forward(X - 100)
    assert (y < -90).all()
    np.testing.assert_array_equal(y[0, 0, :, 0], np.array([5, 8, 8, 8]) - 100.0)


@pytest.mark.parametrize("make", [MaxPool2d, AvgPool2d])
def test_a_nan_shows_in_the_windows_that_see_it(make: Callable[[int], Layer]) -> None:
    for place in range(4):
        x = X.copy()
        x[0, place // 2, 2 + place % 2, 0] = NAN
        np.testing.assert_array_equal(np.isnan(make(2).forward(x)[0]), image([0, 1], [0, 0]))


@pytest.mark.parametrize(
    "layer",
    [
        MaxPool2d(2),
        MaxPool2d(3, 2),
        MaxPool2d(3, 1, 1),
        AvgPool2d(3, 2, 1),
        AvgPool2d(3, 1, 1, count_include_pad=False),
    ],
    ids=str,
)
def test_the_backward_pass_is_the_transpose_of_the_derivative(layer: Layer) -> None:
    x, v = rng().normal(size=(2, 2, 7, 6, 3))
    y, cache = layer.forward(x)
    u = rng(1).normal(size=y.shape)
    derivative, _, _ = layer.double_backward(v, u, cache)
    h = 1e-6
    moved = (layer.forward(x + h * v)[0] - layer.forward(x - h * v)[0]) / (2 * h)
    np.testing.assert_allclose(derivative, moved, atol=1e-8)
    assert (derivative * u).sum() == pytest.approx((v * layer.input_grad(u, cache)).sum(), rel=1e-12)


@pytest.mark.parametrize(
    "layer", [MaxPool2d(3, 2), AvgPool2d(3, 2), AvgPool2d(3, 1, 1, count_include_pad=False)], ids=str
)
def test_float32_stays_float32(layer: Layer) -> None:
    x = rng().normal(size=(2, 7, 6, 3)).astype(np.float32)
    y, cache = layer.forward(x)
    ddy, _, _ = layer.double_backward(x, y, cache)
    assert {y.dtype, layer.input_grad(y, cache).dtype, ddy.dtype} == {np.dtype(np.float32)}


def test_the_cache_of_max_pooling_is_one_byte_for_every_window() -> None:
    y, cache = MaxPool2d(2).forward(X)
    (winner,) = arrays_in(cache)
    assert (winner.dtype, winner.shape) == (np.uint8, y.shape)
    np.testing.assert_array_equal(winner, image([1, 2], [3, 2]))


def test_the_gradient_check_stays_away_from_ties() -> None:
    cases = [case for case in checks.layer_cases() if isinstance(case.layer, MaxPool2d)]
    assert len(cases) >= 5
    for case in cases:
        x = case.input()
        shaken = x + 100 * gradcheck.STEP * rng().uniform(-1, 1, size=x.shape)
        winner, other = (case.layer.forward(each)[1][0] for each in (x, shaken))
        np.testing.assert_array_equal(winner, other)


@pytest.mark.parametrize(
    ("layer", "size", "expected"),
    [
        (MaxPool2d(2), (28, 27), (14, 13)),
        (MaxPool2d(3, 2), (147, 147), (73, 73)),
        (AvgPool2d(3, 1, 1), (35, 17), (35, 17)),
        (AvgPool2d((2, 3), (1, 2), (1, 0)), (5, 9), (6, 4)),
        (AvgPool2d(8), (8, 8), (1, 1)),
    ],
    ids=str,
)
def test_sizes_are_those_of_the_formula(layer: Any, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert layer.output_size(size) == expected
    assert layer.forward(np.zeros((2, *size, 3), np.float32))[0].shape == (2, *expected, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaxPool2d(0), "kernel_size of MaxPool2d must be an integer of at least 1, or two of them, got 0"),
        (lambda: MaxPool2d(2, 0), "stride of MaxPool2d must be an integer of at least 1"),
        (lambda: AvgPool2d((2, 2, 2)), "kernel_size of AvgPool2d must be"),  # type: ignore[arg-type]
        (lambda: AvgPool2d(2, 2, -1), "padding of AvgPool2d must be an integer of at least 0"),
        (lambda: MaxPool2d(3, 1, 2), "padding of MaxPool2d must be at most half of kernel_size, got padding 2 .* 3$"),
        (lambda: AvgPool2d((4, 3), 1, (2, 2)), r"at most half of kernel_size, got padding \(2, 2\) .* \(4, 3\)$"),
    ],
)
def test_windows_that_cannot_be_are_refused(make: Callable[[], Layer], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("layer", [MaxPool2d(3, 2), AvgPool2d(3, 2)], ids=str)
def test_images_that_do_not_fit_are_refused(layer: Layer) -> None:
    for shape, words in (
        ((2, 5, 2, 3), "too small, the output would be empty"),
        ((5, 5, 3), r"expected \(N, H, W, C\)"),
    ):
        with pytest.raises(ValueError, match=rf"Pool2d\(kernel_size=3, stride=2\): x .*{words}"):
            layer.forward(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="x is uint8, expected floating point"):
        layer.forward(np.zeros((2, 5, 5, 3), np.uint8))


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (MaxPool2d(2), "MaxPool2d(kernel_size=2)"),
        (MaxPool2d(2, 2), "MaxPool2d(kernel_size=2)"),
        (MaxPool2d((2, 3)), "MaxPool2d(kernel_size=(2, 3))"),
        (MaxPool2d(3, 1, 1), "MaxPool2d(kernel_size=3, stride=1, padding=1)"),
        (AvgPool2d(4, (2, 1), (0, 2)), "AvgPool2d(kernel_size=4, stride=(2, 1), padding=(0, 2))"),
        (AvgPool2d(2, count_include_pad=False), "AvgPool2d(kernel_size=2, count_include_pad=False)"),
    ],
)
def test_a_pooling_shows_its_windows(layer: Layer, shown: str) -> None:
    assert repr(layer) == shown


@pytest.mark.parametrize("axis", [1, 2])
def test_a_convolution_of_one_row_or_one_column_correlates_along_it_and_keeps_the_size(axis: int) -> None:
    kernel, padding = ((1, 7), (0, 3)) if axis == 2 else ((7, 1), (3, 0))
    layer = Conv2d(1, 1, kernel, 1, padding, bias=False, rng=rng(), dtype=np.float64)
    x = rng().normal(size=(2, 9, 8, 1))
    expected = np.apply_along_axis(lambda line: np.correlate(line, layer.weight.ravel(), "same"), axis, x)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=0, atol=1e-14)

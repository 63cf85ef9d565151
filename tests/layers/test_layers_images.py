"""The layers of networks from images to images: worked by hand, transposes, permutations, errors."""

from __future__ import annotations

import numpy as np
import pytest

from minigan import init
from minigan.checks.steps import small_pair
from minigan.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    InstanceNorm,
    Layer,
    Linear,
    Network,
    Patches,
    PixelShuffle,
    PReLU,
    ReflectionPad2d,
    Residual,
    Tanh,
    UpsampleNearest2d,
)
from minigan.objectives import LSGAN

TWO_BY_TWO = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
LINEAR: list[tuple[Layer, tuple[int, ...]]] = [
    (PixelShuffle(2), (2, 3, 5, 12)),
    (PixelShuffle(3), (2, 2, 3, 18)),
    (ReflectionPad2d(2), (2, 3, 5, 4)),
    (ReflectionPad2d((4, 3)), (2, 5, 4, 3)),
    (ReflectionPad2d(0), (2, 5, 4, 3)),
    (UpsampleNearest2d(2), (2, 3, 5, 4)),
    (Patches(), (2, 3, 5, 4)),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("layer", "shape"), LINEAR, ids=str)
def test_the_backward_pass_is_the_transpose(layer: Layer, shape: tuple[int, ...]) -> None:
    x = rng().normal(size=shape)
    y, cache = layer.forward(x)
    dy = rng(1).normal(size=y.shape)
    forwards, backwards = (y * dy).sum(), (x * layer.input_grad(dy, cache)).sum()
    assert abs(forwards - backwards) <= 1e-14 * np.abs(y * dy).sum()


def test_pixel_shuffle_puts_four_channels_into_four_pixels() -> None:
    x = np.arange(8.0).reshape(1, 1, 1, 8)  # two channels of y, four pixels each
    y, _ = PixelShuffle(2).forward(x)
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(y[0, :, :, 1], [[4, 5], [6, 7]])


def test_shuffled_and_back_is_the_same_bit_for_bit() -> None:
    layer, x = PixelShuffle(3), rng().normal(size=(2, 4, 5, 18))
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(layer.input_grad(y, cache), x)


def test_a_mirror_does_not_repeat_the_edge() -> None:
    y, cache = ReflectionPad2d(1).forward(TWO_BY_TWO)
    np.testing.assert_array_equal(y[0, :, :, 0], [[4, 3, 4, 3], [2, 1, 2, 1], [4, 3, 4, 3], [2, 1, 2, 1]])
    np.testing.assert_array_equal(ReflectionPad2d(1).input_grad(np.ones_like(y), cache)[0, :, :, 0], [[4, 4], [4, 4]])


@pytest.mark.parametrize("padding", [(0, 0), (1, 2), (5, 3), (2, 6)])
def test_mirrors_are_those_of_numpy(padding: tuple[int, int]) -> None:
    x, (p, q) = rng().normal(size=(2, 6, 7, 3)), padding
    expected = np.pad(x, ((0, 0), (p, p), (q, q), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ReflectionPad2d(padding).forward(x)[0], expected)


def test_nearest_neighbours_worked_by_hand() -> None:
    y, cache = UpsampleNearest2d(2).forward(TWO_BY_TWO)
    np.testing.assert_array_equal(y[0, :, :, 0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    dx = UpsampleNearest2d(2).input_grad(np.arange(16.0).reshape(1, 4, 4, 1), cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[10, 18], [42, 50]])


def test_prelu_worked_by_hand_with_a_negative_slope() -> None:
    layer = PReLU(2, dtype=np.float64)
    layer.weight[...] = (-0.5, 3)
    y, x = layer.forward(np.array([[-2.0, -1], [4, 5]]))
    np.testing.assert_array_equal(y, [[1, -3], [4, 5]])
    dy = np.array([[1.0, 10], [100, 1000]])
    np.testing.assert_array_equal(layer.input_grad(dy, x), [[-0.5, 30], [100, 1000]])
    np.testing.assert_array_equal(layer.param_grads(dy, x)["weight"], [-2, -10])


def test_one_slope_has_the_gradients_of_all_channels() -> None:
    one, many = PReLU(1, init=0.3), PReLU(3, init=0.3)
    x, dy = rng().normal(size=(2, 5, 4, 3)).astype(np.float32), rng(1).normal(size=(2, 5, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(one.forward(x)[0], many.forward(x)[0])
    total = one.param_grads(dy, x)["weight"]
    assert total.shape == (1,)
    np.testing.assert_allclose(total, many.param_grads(dy, x)["weight"].sum(), rtol=1e-5)


def test_instance_norm_is_batch_norm_of_each_sample() -> None:
    instance, batch = InstanceNorm(3, dtype=np.float64), BatchNorm(3, dtype=np.float64)
    for layer in (instance, batch):
        layer.weight[...], layer.bias[...] = (2, -1, 0.5), (1, 0, 3)
    x = 5 + 2 * rng().normal(size=(4, 6, 5, 3))
    expected = np.concatenate([batch.forward(x[n : n + 1])[0] for n in range(4)])
    for train in (True, False):
        np.testing.assert_allclose(instance.forward(x, train)[0], expected, atol=1e-12)


def test_without_affine_numbers_instance_norm_has_no_parameters() -> None:
    layer, x = InstanceNorm(3, affine=False, dtype=np.float64), rng().normal(size=(2, 4, 5, 3))
    y, cache = layer.forward(x)
    assert dict(layer.named_params()) == layer.param_grads(x, cache) == layer.double_backward(x, x, cache)[2] == {}
    np.testing.assert_allclose(y, InstanceNorm(3, dtype=np.float64).forward(x)[0], atol=1e-14)


def test_residual_of_linear_adds_the_identity_to_its_matrix() -> None:
    inner = Linear(3, 3, bias=False, rng=rng(), dtype=np.float64)
    layer, x = Residual(inner), rng(1).normal(size=(4, 3))
    y, caches = layer.forward(x)
    matrix = inner.weight + np.eye(3)
    np.testing.assert_allclose(y, x @ matrix, atol=1e-14)
    np.testing.assert_allclose(layer.input_grad(x, caches), x @ matrix.T, atol=1e-14)
    np.testing.assert_allclose(layer.double_backward(x, x, caches)[0], x @ matrix, atol=1e-14)


def test_a_sum_of_different_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the layers give shape \(2, 5, 4, 1\) for x of shape \(2, 5, 4, 3\)"):
        Residual(Conv2d(3, 1, 1, rng=rng())).forward(np.zeros((2, 5, 4, 3), np.float32))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: ReflectionPad2d(3).forward(np.zeros((2, 3, 3, 1))),
            r"padding \(3, 3\) needs 4 x 4 pixels or more, got 3 x 3",
        ),
        (lambda: InstanceNorm(3).forward(np.zeros((2, 1, 1, 3), np.float32)), "one pixel has no variance"),
        (lambda: PixelShuffle(2).forward(np.zeros((2, 3, 3, 6))), "C a multiple of 4"),
        (lambda: PReLU(2).forward(np.zeros((2, 3), np.float32)), r"expected \(N, ..., 2\)"),
        (lambda: PReLU(0), "num_parameters >= 1"),
        (lambda: InstanceNorm(3, eps=0), "eps > 0"),
        (lambda: UpsampleNearest2d(0), "must be >= 1, got 0"),
        (lambda: init.icnr(init.normal(), 2)(rng(), (3, 3, 2, 6), 18), "6 output channels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_sizes_are_refused(act, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        act()


def test_icnr_begins_as_nearest_neighbours() -> None:
    conv = Conv2d(2, 12, 3, 1, 1, rng=rng(), init=init.icnr(init.uniform_fan_in, 2))
    y, _ = Network(conv, PixelShuffle(2)).forward(rng(1).normal(size=(1, 4, 5, 2)).astype(np.float32))
    np.testing.assert_array_equal(y, UpsampleNearest2d(2).forward(y[:, ::2, ::2])[0])
    assert y.std() > 0.1


def test_an_objective_takes_a_score_for_every_patch() -> None:
    D = Network(Conv2d(1, 1, 4, 2, 1, rng=rng()), Patches())
    x = np.zeros((3, 6, 8, 1), np.float32)
    assert D.forward(x)[0].shape == (36, 1)
    LSGAN().check(D, x)
    with pytest.raises(ValueError, match="lsgan"):
        LSGAN().check(Network(Conv2d(1, 2, 4, 2, 1, rng=rng()), Patches()), x)
    _, one_score = small_pair(rng())
    LSGAN().check(one_score, np.zeros((2, 6, 6, 1)))
    with pytest.raises(ValueError, match="lsgan"):  # a map that nobody made samples of
        LSGAN().check(Network(Conv2d(1, 3, 4, 2, 1, rng=rng()), Flatten(), Tanh()), x)

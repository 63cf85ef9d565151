"""Every kernel: fast and readable agree, types stay, nothing is written to, results belong to the caller."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import kernels
from minigan.kernels import general
from minigan.kernels.cpu import products

Call = Callable[[Any], Any]  # of the module that computes
HELPERS = {"Array", "Moves", "Pair", "Workers", "conv_size", "conv_transpose_size", "fusible", "pair"}
DRAWN = {"draw_normal", "draw_rows", "draw_uniform", "normal", "take", "tick", "uniform"}  # test_kernels_random.py
UPDATES = {"adam", "adamax", "follow", "rmsprop", "sgd"}  # test_kernels_update.py
TOLERANCE: dict[Any, float] = {np.float32: 2e-5, np.float64: 1e-12}


def calls(dtype: type, seed: int = 0, move: Callable[[np.ndarray], Any] = np.asarray) -> dict[str, Call]:
    """A call of every kernel with random arrays; `move` takes each array to where it shall be."""
    rng = np.random.default_rng(seed)

    def a(*shape: int) -> Any:
        return move(rng.normal(size=shape).astype(dtype))

    image, dy, w, y = a(3, 5, 4, 6), a(3, 5, 4, 6), a(3, 2, 6, 9), a(3, 3, 2, 9)
    mean, rstd, weight, bias = (a(6) for _ in range(4))
    left, right = a(4, 7), a(7, 5)
    labels = move(np.array([3, 0, 3, 1]))
    size, kernel, stride, padding = (5, 4), (3, 2), (2, 2), (1, 0)
    windows, pooled = (kernel, stride, padding), y[..., :6]
    return {
        "matmul": lambda m: m.matmul(left, right),
        "matrix_vector": lambda m: m.matrix_vector(left, right[:, 0]),
        "vector_matrix": lambda m: m.vector_matrix(left[:, 0], left),
        "correlate": lambda m: m.correlate(image, w, stride, padding),
        "spread": lambda m: m.spread(y, w, size, stride, padding),
        "match": lambda m: m.match(image, y, kernel, stride, padding),
        "scatter": lambda m: m.scatter(labels, left, 5),
        "channel_sum": lambda m: m.channel_sum(image),
        "moments": lambda m: m.moments(image),
        "batchnorm": lambda m: tuple(m.batchnorm(image, mean, rstd, weight, bias, slope) for slope in (0, 0.2, 1)),
        "batchnorm_sums": lambda m: m.batchnorm_sums(dy, image, mean, rstd),
        "batchnorm_grad": lambda m: m.batchnorm_grad(dy, image, mean, rstd, weight, bias, mean),
        "leaky_relu": lambda m: m.leaky_relu(image, 0.2),
        "leaky_relu_grad": lambda m: m.leaky_relu_grad(dy, image, 0.2),
        "max_pool": lambda m: m.max_pool(image, *windows)[0],  # of the winners, test_kernels_pool.py takes care
        "max_pool_grad": lambda m: m.max_pool_grad(pooled, m.max_pool(image, *windows)[1], size, *windows),
        "max_pool_pick": lambda m: m.max_pool_pick(dy, m.max_pool(image, *windows)[1], *windows),
        "sum_pool": lambda m: m.sum_pool(image, *windows),
        "sum_pool_grad": lambda m: m.sum_pool_grad(pooled, size, *windows),
        "resample": lambda m: (
            m.resample(image, (0.5, 2, 3, 1), 1, 1, 1, size),
            m.resample(image, (0.5, 2, 3, 1), 2, 1, 2, (2 * size[0], 2 * size[1] - 1)),
            m.resample(image, (0.5, 2, 3, 1), 1, 2, 1, (size[0] // 2, size[1] // 2)),
        ),
        "dropout_mask": lambda m: m.dropout_mask(image, 0.3, np.random.default_rng(seed)),
    }


KERNELS = list(calls(np.float64))
each = pytest.mark.parametrize("name", KERNELS)
both_types = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)


def outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def assert_equal(found: Any, expected: Any, dtype: type, tolerance: float) -> None:
    for one, other in zip(outputs(found), outputs(expected), strict=True):
        assert (one.shape, one.dtype) == (other.shape, np.dtype(dtype))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(other).max()))


def frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def transposed(array: np.ndarray) -> np.ndarray:
    return np.asfortranarray(array)


def test_every_public_kernel_is_checked() -> None:
    assert set(KERNELS) == set(kernels.__all__) - HELPERS - DRAWN - UPDATES


@each
@both_types
def test_the_fast_one_equals_the_readable_one(name: str, dtype: type) -> None:
    call = calls(dtype)[name]
    assert_equal(call(kernels), call(general), dtype, TOLERANCE[dtype])


@each
@pytest.mark.parametrize("arrive", [frozen, transposed])
def test_arrays_may_be_read_only_and_lie_any_way_in_memory(name: str, arrive: Callable[..., Any]) -> None:
    expected = calls(np.float64)[name](general)
    assert_equal(calls(np.float64, move=arrive)[name](kernels), expected, np.float64, 1e-12)


@each
@both_types
def test_other_arrays_take_the_readable_one_without_waiting(name: str, dtype: type) -> None:
    away = calls(dtype, move=strict.to_device)[name]
    with strict.no_sync():
        found = outputs(away(kernels))
    expected = calls(dtype)[name](kernels)
    assert_equal(tuple(map(strict.to_host, found)), tuple(outputs(expected)), dtype, TOLERANCE[dtype])


@each
def test_a_result_is_not_touched_by_the_next_call(name: str) -> None:
    first = outputs(calls(np.float64, seed=0)[name](kernels))
    before = [array.copy() for array in first]
    for other in calls(np.float64, seed=1).values():
        other(kernels)
    assert all(np.array_equal(array, copy) for array, copy in zip(first, before, strict=True))
    assert all(array.flags.writeable for array in first)


def test_threads_do_not_disturb_each_other() -> None:
    expected = {seed: [call(kernels) for call in calls(np.float64, seed).values()] for seed in range(4)}

    def work(seed: int) -> list[Any]:
        return [call(kernels) for _ in range(20) for call in calls(np.float64, seed).values()]

    with ThreadPoolExecutor(4) as threads:
        for seed, found in zip(range(4), threads.map(work, range(4)), strict=True):
            for one, other in zip(found, expected[seed] * 20, strict=True):
                assert_equal(one, other, np.float64, 1e-14)


@pytest.mark.parametrize(
    "shape", [(4, 70_000), (3001, 67), (200_003, 1), (131_072, 2), (7, 100, 100, 3), (1, 5), (1, 1)]
)
def test_sums_and_maps_of_every_size_are_worked_off_whole(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=shape), rng.normal(size=shape)
    mean, rstd, weight, bias = rng.normal(size=(4, shape[-1]))
    for call in (
        lambda m: m.channel_sum(x),
        lambda m: m.moments(x),
        lambda m: tuple(m.batchnorm(x, mean, rstd, weight, bias, slope) for slope in (0, 0.2, 1)),
        lambda m: m.batchnorm_sums(dy, x, mean, rstd),
        lambda m: m.batchnorm_grad(dy, x, mean, rstd, weight, bias, mean),
        lambda m: m.leaky_relu(x, 0.2),
        lambda m: m.leaky_relu_grad(dy, x, 0.2),
    ):
        assert_equal(call(kernels), call(general), np.float64, 1e-12)


@pytest.mark.parametrize("shape", [(0, 3), (0, 4, 4, 3)])
def test_no_values_give_no_values_and_sums_of_zero(shape: tuple[int, ...]) -> None:
    x, v = np.ones(shape), np.ones(3)
    for found in (
        kernels.batchnorm(x, v, v, v, v),
        kernels.batchnorm(x, v, v, v, v, 0.2),
        kernels.batchnorm_grad(x, x, v, v, v, v, v),
        kernels.leaky_relu(x, 0.2),
        kernels.leaky_relu_grad(x, x, 0.2),
    ):
        assert found.shape == shape
    for found in (kernels.channel_sum(x), *kernels.batchnorm_sums(x, x, v, v)):
        np.testing.assert_array_equal(found, np.zeros(3))


@pytest.mark.parametrize("slope", [0, 0.2, 1])
def test_leaky_relu_passes_the_positive_and_scales_the_rest(slope: float) -> None:
    x = np.array([-1000, -2, -0.0, 0, 0.5, 1000], np.float32)
    for machine in (kernels, general):
        np.testing.assert_allclose(machine.leaky_relu(x, slope), [-1000 * slope, -2 * slope, 0, 0, 0.5, 1000])
        ones = machine.leaky_relu_grad(np.ones_like(x), x, slope)
        np.testing.assert_allclose(ones, [slope, slope, slope, slope, 1, 1])


@pytest.mark.parametrize("shape", [(4096, 1), (300_000, 1), (5000, 64), (16, 28, 28, 64)])
@pytest.mark.parametrize("machine", [kernels, general], ids=["fast", "readable"])
def test_the_variance_of_float32_does_not_cancel(machine: Any, shape: tuple[int, ...]) -> None:
    x = (100 + 0.1 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    mean, var = machine.moments(x)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(mean, x.mean(axis=axes, dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(var, x.var(axis=axes, dtype=np.float64), rtol=1e-4)


def test_the_variance_does_not_cancel_where_the_first_rows_lie_apart() -> None:
    x = np.full((300_000, 1), 1000.0)
    x[:70_000] = 0
    np.testing.assert_allclose(kernels.moments(x)[1], x.var(), rtol=1e-12)


def test_the_dropout_mask_drops_a_share_of_p_and_scales_up_the_rest() -> None:
    n, p = 200_000, 0.3
    mask = kernels.dropout_mask(np.empty(n, np.float32), p, np.random.default_rng(0))
    dropped = (mask == 0).mean()
    assert abs(dropped - p) < 4 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(mask[mask > 0], 1 / (1 - p), rtol=1e-4)


def test_one_seed_drops_the_same_on_every_machine_and_in_every_type() -> None:
    masks = [calls(dtype)["dropout_mask"](kernels) for dtype in TOLERANCE]
    masks.append(strict.to_host(calls(np.float32, move=strict.to_device)["dropout_mask"](kernels)))
    for mask in masks:
        np.testing.assert_array_equal(mask == 0, masks[0] == 0)
        assert set(np.unique(mask)) == {0, mask.dtype.type(1 / (1 - round(0.3 * 2**16) / 2**16))}


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("M", [1, 100, 160, 999])
def test_a_tall_product_in_pieces_is_the_product(small: bool, M: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "HAS_SMALL", small)
    monkeypatch.setattr(products, "SMALL", 64 * 50 * 16)  # pieces of 64 rows
    rng = np.random.default_rng(0)
    a, b, out = rng.normal(size=(M, 50)), rng.normal(size=(50, 16)), np.full((M, 16), np.nan)
    products.tall(a, b, out)
    np.testing.assert_allclose(out, np.einsum("mk,kn->mn", a, b), rtol=0, atol=1e-12)

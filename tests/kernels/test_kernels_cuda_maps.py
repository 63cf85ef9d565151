"""The GPU's sums and maps, run on the CPU by their own text: right whatever the sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fake_cuda as fake
from support import strict
from support.shim import Shim

from minigan import kernels
from minigan.kernels import general
from minigan.kernels.cuda import launch
from minigan.kernels.cuda.shape import THREADS, column_threads, row_slices

SHAPES = [(1, 1), (2, 3), (33, 1), (257, 2), (5, 33), (1000, 31), (9001, 5), (3, 7, 11, 37), (600, 64), (4, 1025)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
OWN = {
    "channel_sum": ["column_sums"],
    "moments": ["column_moments"],
    "batchnorm": ["batchnorm"] * 3,
    "batchnorm_sums": ["batchnorm_sums"],
    "batchnorm_grad": ["batchnorm_grad"],
    "leaky_relu": ["leaky_relu"] * 3,
    "leaky_relu_grad": ["leaky_relu_grad"] * 2,
}


def calls(shape: tuple[int, ...], move: Callable[[np.ndarray], Any], dtype: Any = np.float32) -> dict[str, Any]:
    """A call of every kernel with random arrays, the same for every `move` and rounded to float32 in every type."""
    rng = np.random.default_rng(0)

    def a(*size: int) -> Any:
        return move((rng.normal(size=size) + 0.5).astype(np.float32).astype(dtype))

    x, dy, C = a(*shape), a(*shape), shape[-1]
    mean, rstd, weight, bias = (a(C) for _ in range(4))
    slopes = tuple(float(np.float32(slope)) for slope in (0, 0.2, 1))
    return {
        "channel_sum": lambda m: m.channel_sum(x),
        "moments": lambda m: m.moments(x),
        "batchnorm": lambda m: tuple(m.batchnorm(x, mean, rstd, weight, bias, slope) for slope in slopes),
        "batchnorm_sums": lambda m: m.batchnorm_sums(dy, x, mean, rstd),
        "batchnorm_grad": lambda m: m.batchnorm_grad(dy, x, mean, rstd, weight, bias, mean),
        "leaky_relu": lambda m: tuple(m.leaky_relu(x, slope) for slope in slopes),
        "leaky_relu_grad": lambda m: tuple(m.leaky_relu_grad(dy, x, slope) for slope in slopes[:2]),
    }


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def exact(name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return outputs(calls(shape, np.asarray, np.float64)[name](general))


def found(name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    with strict.no_sync():
        answers = outputs(calls(shape, fake.to_device)[name](kernels))
    return tuple(answer.get() for answer in answers)


def close(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...], tolerance: float = 3e-6) -> bool:
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))
        for a, b in zip(one, other, strict=True)
    )


@each_shape
@pytest.mark.parametrize("name", OWN)
def test_a_kernel_is_its_formula(fake_cuda: Shim, name: str, shape: tuple[int, ...]) -> None:
    answers = found(name, shape)
    assert {answer.dtype for answer in answers} == {np.dtype(np.float32)}
    assert close(answers, exact(name, shape))
    assert fake_cuda.ran[: len(OWN[name])] == OWN[name]
    assert set(fake_cuda.ran[len(OWN[name]) :]) <= {"column_sums", "merged_moments"}


@pytest.mark.parametrize("name", OWN)
def test_what_is_not_contiguous_float32_takes_the_formula(fake_cuda: Shim, name: str) -> None:
    def doubled(x: np.ndarray) -> Any:
        return fake.to_device(x.astype(np.float64))

    def scattered(x: np.ndarray) -> Any:
        return fake.to_device(np.repeat(x, 2, axis=-1))[..., ::2]

    for move in (doubled, scattered):
        answers = outputs(calls((6, 5, 3), move)[name](kernels))
        assert close(tuple(answer.get() for answer in answers), exact(name, (6, 5, 3)))
    assert fake_cuda.ran == []


@pytest.mark.parametrize("name", OWN)
def test_results_are_the_same_bits_whatever_the_order_of_threads(fake_cuda: Shim, name: str) -> None:
    first, second = (found(name, (9001, 5)) for _ in range(2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("shape", [(64, 3), (9000, 1), (2000, 33)], ids=str)
def test_the_variance_does_not_cancel(fake_cuda: Shim, shape: tuple[int, ...]) -> None:
    x = (100 + 0.1 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    mean, var = (answer.get() for answer in kernels.moments(fake.to_device(x)))
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var, x.var(axis=0, dtype=np.float64), rtol=1e-4)


def test_the_variance_does_not_cancel_where_rows_lie_apart(fake_cuda: Shim) -> None:
    x = np.full((9000, 1), 1000, np.float32)
    x[:2100] = 0
    x[8999] = -1e4
    np.testing.assert_allclose(kernels.moments(fake.to_device(x))[1].get(), x.var(dtype=np.float64), rtol=1e-5)
    constant = np.full((9000, 3), 0.1, np.float32)
    np.testing.assert_array_equal(kernels.moments(fake.to_device(constant))[1].get(), np.zeros(3))


def test_not_a_number_is_not_hidden(fake_cuda: Shim) -> None:
    x = np.ones((700, 3), np.float32)
    x[350, 1] = np.nan
    ones = fake.to_device(np.ones(3, np.float32))
    on_device = fake.to_device(x)
    for answer in (*kernels.moments(on_device), kernels.channel_sum(on_device)):
        np.testing.assert_array_equal(np.isnan(answer.get()), [False, True, False])
    assert np.isnan(kernels.moments(on_device[350:351])[1].get()).tolist() == [False, True, False]
    for slope in (0, 0.2):
        for y in (kernels.leaky_relu(on_device, slope), kernels.batchnorm(on_device, *[ones] * 4, slope)):
            np.testing.assert_array_equal(np.isnan(y.get()), np.isnan(x))


def test_leaky_relu_takes_infinities(fake_cuda: Shim) -> None:
    x = fake.to_device(np.array([-np.inf, -2, -0.0, 0, np.inf], np.float32))
    np.testing.assert_array_equal(kernels.leaky_relu(x, 0).get(), [0, 0, 0, 0, np.inf])
    np.testing.assert_array_equal(kernels.leaky_relu(x, 0.5).get(), [-np.inf, -1, 0, 0, np.inf])


def test_the_gradient_at_zero_is_the_slope(fake_cuda: Shim) -> None:
    y, dy = (fake.to_device(np.array(x, np.float32)) for x in ([-1, -0.0, 0, 1], [3] * 4))
    np.testing.assert_array_equal(kernels.leaky_relu_grad(dy, y, 0.5).get(), [1.5, 1.5, 1.5, 3])


def test_batchnorm_grad_may_write_over_dy(fake_cuda: Shim) -> None:
    x, dy, *vectors = (
        fake.to_device(np.random.default_rng(i).normal(size=size).astype(np.float32))
        for i, size in enumerate([(50, 33)] * 2 + [33] * 5)
    )
    expected = kernels.batchnorm_grad(dy, x, *vectors).get()
    assert kernels.batchnorm_grad(dy, x, *vectors, out=dy) is dy
    np.testing.assert_array_equal(dy.get(), expected)


def test_no_values_give_sums_of_zero(fake_cuda: Shim) -> None:
    x, v = fake.to_device(np.ones((0, 3), np.float32)), fake.to_device(np.ones(3, np.float32))
    for answer in (kernels.channel_sum(x), *kernels.batchnorm_sums(x, x, v, v)):
        np.testing.assert_array_equal(answer.get(), np.zeros(3))
    assert kernels.leaky_relu(x, 0.2).shape == kernels.batchnorm(x, v, v, v, v).shape == (0, 3)


@pytest.mark.parametrize("rows", [1, 7, 256, 257, 8192, 8193, 100_001, 1_605_632])
@pytest.mark.parametrize("columns", [1, 2, 3, 31, 32, 33, 64, 1025])
def test_slices_cover_all_rows_and_none_is_empty(rows: int, columns: int) -> None:
    across, down = column_threads(columns)
    assert across * down == THREADS
    assert across == 32 or columns <= across < 2 * columns
    slices = row_slices(rows, columns)
    size = -(-rows // slices)
    assert (slices - 1) * size < rows <= slices * size
    assert slices < 2**16


@pytest.mark.parametrize(("barrier", "shown_by"), [(0, ["channel_sum", "batchnorm_sums"]), (1, ["moments"])])
def test_a_missing_barrier_shows(shim_folder: Path, barrier: int, shown_by: list[str]) -> None:
    def without(text: str) -> str:
        parts = text.split("__syncthreads();")
        assert len(parts) == 3
        parts[barrier : barrier + 2] = [parts[barrier] + parts[barrier + 1]]
        return "__syncthreads();".join(parts)

    token, shape = launch.backend.set(Shim(shim_folder, without)), (600, 64)
    try:
        sums = ["channel_sum", "moments", "batchnorm_sums"]
        assert [name for name in sums if not close(found(name, shape), exact(name, shape))] == shown_by
    finally:
        launch.backend.reset(token)

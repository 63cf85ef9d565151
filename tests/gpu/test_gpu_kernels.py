"""Every kernel on CuPy arrays, float32, beside its formula in float64 on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import kernels
from minigan.device import Array, Device, to_host
from minigan.kernels import general

pytestmark = pytest.mark.gpu
RNG = np.random.default_rng(0)
Case = Callable[[Any, Callable[[np.ndarray], Array]], Any]


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


A, B = normal(70, 130), normal(130, 66)
MAPS = normal(5, 9, 8, 16)
X, DY = normal(6, 7, 5, 48), normal(6, 7, 5, 48)
MEAN, WEIGHT, BIAS, SUM = normal(4, 48)
RSTD = np.abs(normal(48)) + np.float32(0.1)
WINNER = general.max_pool(MAPS, (3, 2), (2, 2), (1, 0))[1]
POOLED = normal(*WINNER.shape)


def convolutions() -> dict[str, Case]:
    """All three views of the map, at few and many channels, odd sizes, and the strides of the models."""
    cases: dict[str, Case] = {}
    for C, O, kernel, stride, padding, size in (
        (1, 64, (4, 4), (2, 2), (1, 1), (28, 28)),
        (64, 128, (4, 4), (2, 2), (1, 1), (14, 14)),
        (3, 5, (3, 2), (2, 1), (1, 2), (9, 7)),
        (16, 32, (3, 3), (1, 1), (1, 1), (8, 8)),
        (32, 16, (5, 5), (1, 1), (2, 2), (7, 9)),
        (20, 12, (1, 1), (1, 1), (0, 0), (5, 6)),
        (4, 8, (2, 2), (3, 3), (0, 0), (8, 9)),
    ):
        x, w = normal(4, *size, C), normal(*kernel, C, O)
        y = normal(4, *kernels.conv_size(size, kernel, stride, padding), O)
        rest = (stride, padding)
        title = f"{size} {C} to {O}, {kernel} by {stride}"
        cases[f"correlate {title}"] = lambda k, put, x=x, w=w, rest=rest: k.correlate(put(x), put(w), *rest)
        cases[f"spread {title}"] = lambda k, put, y=y, w=w, s=size, rest=rest: k.spread(put(y), put(w), s, *rest)
        cases[f"match {title}"] = lambda k, put, x=x, y=y, n=kernel, rest=rest: k.match(put(x), put(y), n, *rest)
    return cases


CASES: dict[str, Case] = {
    "matmul": lambda k, put: k.matmul(put(A), put(B)),
    "matmul, transposed": lambda k, put: k.matmul(put(B).T, put(A).T),
    "matmul of slices": lambda k, put: k.matmul(put(A)[3:, 5:77], put(B)[5:77, ::2]),
    "matmul, one row": lambda k, put: k.matmul(put(A)[:1], put(B)),
    "matmul, one column": lambda k, put: k.matmul(put(A), put(B)[:, :1]),
    "channel_sum": lambda k, put: k.channel_sum(put(X)),
    "channel_sum of rows": lambda k, put: k.channel_sum(put(A)),
    "moments": lambda k, put: k.moments(put(X)),
    "moments far from zero": lambda k, put: k.moments(put(X) + 100),
    "batchnorm": lambda k, put: k.batchnorm(*map(put, (X, MEAN, RSTD, WEIGHT, BIAS))),
    "batchnorm and ReLU": lambda k, put: k.batchnorm(*map(put, (X, MEAN, RSTD, WEIGHT, BIAS)), 0.2),
    "batchnorm_sums": lambda k, put: k.batchnorm_sums(*map(put, (DY, X, MEAN, RSTD))),
    "batchnorm_grad": lambda k, put: k.batchnorm_grad(*map(put, (DY, X, MEAN, RSTD, WEIGHT, BIAS, SUM))),
    "leaky_relu": lambda k, put: k.leaky_relu(put(X), 0.2),
    "relu": lambda k, put: k.leaky_relu(put(X), 0),
    "leaky_relu_grad": lambda k, put: k.leaky_relu_grad(put(DY), put(X), 0.2),
    "leaky_relu of a slice": lambda k, put: k.leaky_relu(put(X)[:, 1:, ::2], 0.2),
    "max_pool": lambda k, put: k.max_pool(put(MAPS), (3, 2), (2, 2), (1, 0)),
    "max_pool_grad": lambda k, put: k.max_pool_grad(put(POOLED), put(WINNER), (9, 8), (3, 2), (2, 2), (1, 0)),
    "max_pool_pick": lambda k, put: k.max_pool_pick(put(MAPS), put(WINNER), (3, 2), (2, 2), (1, 0)),
    "sum_pool": lambda k, put: k.sum_pool(put(MAPS), (3, 2), (2, 2), (1, 0)),
    "sum_pool_grad": lambda k, put: k.sum_pool_grad(put(POOLED), (9, 8), (3, 2), (2, 2), (1, 0)),
    "resample": lambda k, put: k.resample(put(MAPS), (0.5, 2, 3, 1), 2, 1, 2, (18, 16)),
} | convolutions()


def arrays(found: Any) -> list[np.ndarray]:
    return [to_host(array) for array in (found if isinstance(found, tuple) else (found,))]


def exact(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, by the size of what is expected; not a number where there is none."""
    return float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_gives_the_numbers_of_its_formula(name: str, gpu: Device) -> None:
    found, expected = arrays(CASES[name](kernels, gpu.asarray)), arrays(CASES[name](general, exact))
    assert [array.shape for array in found] == [array.shape for array in expected]
    for ours, formula in zip(found, expected, strict=True):
        assert ours.dtype == (np.float32 if formula.dtype.kind == "f" else formula.dtype)
        assert error(ours, formula) < 1e-5  # false for a NaN that was left where nobody wrote


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_gives_the_same_bits_twice(name: str, gpu: Device) -> None:
    for first, second in zip(*(arrays(CASES[name](kernels, gpu.asarray)) for _ in range(2)), strict=True):
        assert first.tobytes() == second.tobytes()


def test_products_of_lower_precision_are_near_and_asked_for(gpu: Device) -> None:
    from minigan.kernels.cuda.precision import using

    a, b = normal(256, 1024), normal(1024, 256)
    formula = a.astype(np.float64) @ b.astype(np.float64)
    strict = error(to_host(kernels.matmul(gpu.asarray(a), gpu.asarray(b))), formula)
    with using("tf32"):
        rounded = error(to_host(kernels.matmul(gpu.asarray(a), gpu.asarray(b))), formula)
    assert strict < 1e-6 < rounded < 2e-3


def count(gpu: Device, n: int) -> tuple[np.ndarray, Array]:
    """The number of a step, on the CPU and on the GPU."""
    return np.array([n], np.uint64), gpu.asarray(np.array([n], np.uint64))


@pytest.mark.parametrize("step", [0, 1, 2**32 - 1, 2**40 + 3])
def test_random_numbers_are_those_of_the_cpu(step: int, gpu: Device) -> None:
    key = (3, 2**63 + 5)
    for draw, tolerance in ((kernels.draw_uniform, 0.0), (kernels.draw_normal, 1e-5)):
        here, there = np.empty((33, 7), np.float32), gpu.asarray(np.empty((33, 7), np.float32))
        for out, counter in zip((here, there), count(gpu, step), strict=True):
            draw(out, key, counter, 2)
        assert np.abs(to_host(there) - here).max() <= tolerance
        assert here.std() > 0.2


@pytest.mark.parametrize("n", [1, 7, 64, 10_000])
def test_rows_are_those_of_the_cpu_and_every_epoch_holds_each_once(n: int, gpu: Device) -> None:
    key, batch = (3, 5), 16
    drawn = []
    for seen in range(-(-2 * n // batch)):
        here, there = np.empty(batch, np.int32), gpu.asarray(np.zeros(batch, np.int32))
        for rows, counter in zip((here, there), count(gpu, seen), strict=True):
            kernels.draw_rows(rows, n, key, counter)
        np.testing.assert_array_equal(to_host(there), here)
        drawn.append(here)
    assert sorted(np.concatenate(drawn)[:n]) == list(range(n))


def test_pictures_are_taken_and_steps_counted_on_the_gpu(gpu: Device) -> None:
    images = RNG.integers(0, 256, (10, 5, 4, 3), dtype=np.uint8)
    rows = np.array([9, 0, 3, 3], np.int32)
    here, there = kernels.take(images, rows), to_host(kernels.take(gpu.asarray(images), gpu.asarray(rows)))
    np.testing.assert_array_equal(there, here)
    assert there.dtype == np.float32 and np.abs(there).max() <= 1
    _, step = count(gpu, 2**32 - 1)
    kernels.tick(step)
    assert to_host(step).tolist() == [2**32]

"""Batch norm with the leaky ReLU after it, gradients written over what they came from, and memory that begins well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import kernels
from minigan.kernels import general
from minigan.kernels.cpu.pieces import LINE, empty

SLOPES = (0, 0.2, 1)
MACHINES = pytest.mark.parametrize("machine", [kernels, general], ids=["fast", "readable"])
# Several pieces and a rest, channels that divide nothing, more channels than a row of a sum has numbers, one of each.
SHAPES = pytest.mark.parametrize("shape", [(7, 100, 100, 3), (3001, 67), (131_072, 2), (5, 7, 1111), (1, 1)])
INF = np.inf


def setting(shape: tuple[int, ...], dtype: type = np.float32) -> tuple[np.ndarray, ...]:
    """x, dy, mean, rstd, weight and bias, the weight of both signs."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *shape)).astype(dtype)
    mean, weight, bias = rng.normal(size=(3, shape[-1])).astype(dtype)
    return x, dy, mean, rng.uniform(0.5, 2, shape[-1]).astype(dtype), weight, bias


def as_it_is(array: np.ndarray) -> np.ndarray:
    return array


def with_gaps(array: np.ndarray) -> np.ndarray:
    """The same numbers, every other one in memory."""
    return np.repeat(array, 2, axis=0)[::2]


@MACHINES
@SHAPES
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arrive", [as_it_is, with_gaps, np.asfortranarray])
def test_a_pair_is_to_the_last_bit_the_leaky_relu_of_the_batch_norm(
    machine: Any, shape: tuple[int, ...], slope: float, dtype: type, arrive: Callable[[np.ndarray], np.ndarray]
) -> None:
    x, _, *constants = setting(shape, dtype)
    found = machine.batchnorm(arrive(x), *constants, slope)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, machine.leaky_relu(machine.batchnorm(x, *constants), slope))


@MACHINES
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_output_of_a_leaky_relu_determines_its_gradient_as_the_input_does(
    machine: Any, slope: float, dtype: type
) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([-INF, -3, -tiny, -0.0, 0, tiny, 3, INF, np.nan], dtype)
    y, ones = machine.leaky_relu(x, slope), np.ones_like(x)
    expected = np.array([slope, slope, slope, slope, slope, 1, 1, 1, slope], dtype)
    np.testing.assert_array_equal(machine.leaky_relu_grad(ones, x, slope), expected)
    np.testing.assert_array_equal(machine.leaky_relu_grad(ones, y, slope), expected)


@MACHINES
def test_infinities_are_rectified_and_no_number_stays_none(machine: Any) -> None:
    x = np.array([-INF, INF, np.nan])
    np.testing.assert_array_equal(machine.leaky_relu(x, 0), [0, INF, np.nan])
    np.testing.assert_array_equal(machine.leaky_relu(x, 0.2), [-INF, INF, np.nan])


@MACHINES
@SHAPES
def test_dx_may_be_written_over_dy(machine: Any, shape: tuple[int, ...]) -> None:
    x, dy, mean, rstd, weight, bias = setting(shape)
    expected = machine.batchnorm_grad(dy, x, mean, rstd, weight, bias, mean)
    assert not np.shares_memory(expected, dy)
    found = machine.batchnorm_grad(dy, x, mean, rstd, weight, bias, mean, out=dy)
    assert found is dy
    np.testing.assert_array_equal(found, expected)


@MACHINES
@pytest.mark.parametrize("slope", SLOPES)
def test_normalised_values_of_float32_do_not_cancel_at_mean_100_and_deviation_a_tenth(
    machine: Any, slope: float
) -> None:
    x, dy, _, _, weight, bias = setting((64, 14, 14, 8))
    x = (100 + 0.1 * x).astype(np.float32)
    mean, var = machine.moments(x)
    rstd = 1 / np.sqrt(var)
    exact = [array.astype(np.float64) for array in (x, mean, rstd, weight, bias)]
    # With the same mean the differences are exact: what is left is the rounding of numbers of the size of one.
    np.testing.assert_allclose(
        machine.batchnorm(x, mean, rstd, weight, bias, slope), general.batchnorm(*exact, slope), atol=2e-6
    )
    found = machine.batchnorm_grad(dy, x, mean, rstd, weight, bias, weight)
    expected = general.batchnorm_grad(dy.astype(np.float64), *exact, exact[3])
    np.testing.assert_allclose(found, expected, atol=2e-6 * float(np.abs(expected).max()))


@pytest.mark.parametrize("shape", [(1000,), (7, 100, 100, 3), (0, 3), ()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_memory_begins_where_a_cache_line_begins(shape: tuple[int, ...], dtype: type) -> None:
    kept = [empty(shape, dtype) for _ in range(5)]
    for array in kept:
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.size == 0 or array.ctypes.data % LINE == 0
    assert not any(np.shares_memory(one, other) for one in kept for other in kept if one is not other)

"""The optimizers' updates: fast and readable agree, pieces, threads and averages change no bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import kernels
from minigan.kernels import Moves, general
from minigan.kernels.cpu.pieces import CHUNK

SHAPES: list[tuple[int, ...]] = [(7, 5), (), (2 * CHUNK + 13,), (0, 3), (CHUNK,)]
Call = Callable[[Any, Moves], None]  # of the module that computes
CALLS: dict[str, tuple[int, Call]] = {  # arrays per row
    "sgd": (3, lambda k, moves: k.sgd(moves, 0.1, 0.9)),
    "rmsprop": (3, lambda k, moves: k.rmsprop(moves, 0.1, 0.9, 1e-3)),
    "adam": (4, lambda k, moves: k.adam(moves, 0.1, (0.5, 0.99), 1e-3, 3)),
    "adamax": (4, lambda k, moves: k.adamax(moves, 0.1, (0.5, 0.99), 1e-3)),
    "follow": (1, lambda k, moves: k.follow(moves)),
}
each = pytest.mark.parametrize("name", CALLS)


class Threads:
    """Three threads as an optimizer uses them."""

    size = 3

    def run(self, job: Callable[[int], Any]) -> list[Any]:
        with ThreadPoolExecutor(self.size) as pool:
            return list(pool.map(job, range(self.size)))


def moves(name: str, dtype: type, move: Callable[[np.ndarray], Any] = np.asarray, **options: Any) -> Moves:
    """Rows of random arrays of every shape; every second one has an average."""
    rng = np.random.default_rng(0)

    def a(shape: tuple[int, ...]) -> Any:
        return move(np.asarray(np.abs(rng.normal(size=shape)), dtype))  # second moments are positive

    rows = [tuple(a(shape) for _ in range(CALLS[name][0])) for shape in SHAPES]
    return Moves(rows, [a(shape) if i % 2 == 0 else None for i, shape in enumerate(SHAPES)], 0.9, 4, **options)


def arrays(made: Moves) -> list[Any]:
    """Of each row p, the moments and the average."""
    found = []
    for (p, *rest), average in zip(made, made.averages, strict=True):
        found += [p, *rest[1:], *([] if average is None else [average])]
    return found


@each
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_the_fast_one_equals_the_readable_one(name: str, dtype: type, tolerance: float) -> None:
    fast, readable = moves(name, dtype), moves(name, dtype)
    CALLS[name][1](kernels, fast)
    CALLS[name][1](general, readable)
    for one, other in zip(arrays(fast), arrays(readable), strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@each
def test_threads_change_no_bit(name: str) -> None:
    alone, shared = moves(name, np.float32), moves(name, np.float32, workers=Threads())
    CALLS[name][1](kernels, alone)
    CALLS[name][1](kernels, shared)
    for one, other in zip(arrays(alone), arrays(shared), strict=True):
        np.testing.assert_array_equal(one, other)


@each
def test_gradients_are_not_written_to_and_may_lie_any_way_in_memory(name: str) -> None:
    plain = moves(name, np.float64)
    odd = moves(name, np.float64)
    turned = [tuple(np.asfortranarray(a) if i == 1 else a for i, a in enumerate(row)) for row in odd]
    for row in turned:
        for g in row[1:2]:
            g.setflags(write=False)
    odd = Moves(turned, odd.averages, odd.decay, odd.count)
    CALLS[name][1](kernels, plain)
    CALLS[name][1](kernels, odd)
    for one, other in zip(arrays(plain), arrays(odd), strict=True):
        np.testing.assert_array_equal(one, other)


@each
def test_other_arrays_take_the_readable_one_without_waiting(name: str) -> None:
    here, away = moves(name, np.float32), moves(name, np.float32, strict.to_device)
    CALLS[name][1](general, here)
    with strict.no_sync():
        CALLS[name][1](kernels, away)
    for one, other in zip(arrays(away), arrays(here), strict=True):
        np.testing.assert_allclose(strict.to_host(one), other, rtol=2e-7)


def one_by_one(name: str, p: Any, g: Any, m: Any, v: Any) -> list[Any]:
    """p and the moments after the call of CALLS, float32: each operation rounds, in the order of the fast kernels."""
    if name == "sgd":
        m = m * 0.9 + g
        return [p - m * 0.1, m]
    if name == "rmsprop":
        m = m * 0.9 + g * g * (1 - 0.9)
        return [p - g / (np.sqrt(m) + 1e-3) * 0.1, m]
    m = m * 0.5 + g * (1 - 0.5)
    if name == "adamax":
        v = np.maximum(v * 0.99 + 1e-3, np.abs(g))
        return [p - m / v * 0.1, m, v]
    v = v * 0.99 + g * g * (1 - 0.99)
    c = math.sqrt(1 - 0.99**3)
    return [p - m / (np.sqrt(v) + c * 1e-3) * (0.1 * c / (1 - 0.5**3)), m, v]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamax"])
def test_float32_is_that_of_the_operations_one_by_one_to_the_last_bit(name: str) -> None:
    before, after = moves(name, np.float32), moves(name, np.float32)
    CALLS[name][1](kernels, after)
    for row, average, moved, averaged in zip(before, before.averages, after, after.averages, strict=True):
        expected = one_by_one(name, *[*row, None][:4])
        for one, other in zip((moved[0], *moved[2:]), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        if average is not None:
            weight = 1 - min(0.9, 5 / 14)
            np.testing.assert_array_equal(averaged, average + (expected[0] - average) * weight)

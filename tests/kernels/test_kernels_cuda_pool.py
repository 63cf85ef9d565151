"""Pools by the kernels' own text: bit for bit what the formula gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import fake_cuda as gpu
from support import strict
from support.shim import Shim

from minigan.kernels import Pair, conv_size, general
from minigan.kernels.cuda import pool

Geometry = tuple[Pair, Pair, Pair, Pair]  # size, kernel, stride, padding
GEOMETRIES: list[Geometry] = [
    ((6, 4), (2, 2), (2, 2), (0, 0)),
    ((5, 7), (2, 2), (2, 2), (0, 0)),
    ((7, 9), (3, 3), (2, 2), (0, 0)),
    ((8, 7), (3, 3), (2, 2), (1, 1)),
    ((7, 5), (2, 2), (3, 3), (1, 1)),
    ((6, 9), (2, 3), (3, 2), (1, 0)),
    ((4, 5), (4, 5), (1, 1), (0, 0)),
    ((1, 6), (3, 1), (1, 4), (1, 0)),
    ((9, 8), (4, 3), (2, 1), (3, 2)),
]
each = pytest.mark.parametrize("g", GEOMETRIES, ids=str)
shim_stays = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    sides = []
    for _ in range(2):
        k, s, n = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 7))
        p = draw(st.integers(0, k - 1))
        sides.append((max(n, k - 2 * p), k, s, p))
    size, kernel, stride, padding = zip(*sides, strict=True)
    return size, kernel, stride, padding


def arrays(g: Geometry, N: int = 2, C: int = 3, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Random x (N, H, W, C) and dy (N, OH, OW, C) of float32; with ties, x has three values only."""
    rng = np.random.default_rng(seed)
    x, dy = (rng.normal(size=(N, *size, C)).astype(np.float32) for size in (g[0], conv_size(*g)))
    return np.sign(x) * (np.abs(x) > 0.5) if ties else x, dy


def between(x: np.ndarray) -> Any:
    """x on the device, between neighbours of NaN, or of the highest integer: whoever reads beside it is seen."""
    strange = np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).max
    with_neighbours = np.full((len(x) + 2, *x.shape[1:]), strange, x.dtype)
    with_neighbours[1:-1] = x
    return gpu.to_device(with_neighbours)[1:-1]


def answers(machine: Any, g: Geometry, x: Any, dy: Any, winner: Any) -> dict[str, Any]:
    """The results of all five kernels; `winner` is max_pool's result before."""
    size, *windows = g
    y, found = machine.max_pool(x, *windows)
    return {
        "max": y,
        "winner": found,
        "max grad": machine.max_pool_grad(dy, winner, size, *windows),
        "pick": machine.max_pool_pick(x, winner, *windows),
        "sum": machine.sum_pool(x, *windows),
        "sum grad": machine.sum_pool_grad(dy, size, *windows),
    }


def assert_as_the_formula(g: Geometry, x: np.ndarray, dy: np.ndarray) -> None:
    _, winner = general.max_pool(x, *g[1:])
    found = answers(pool, g, *map(between, (x, dy, winner)))
    for name, expected in answers(general, g, x, dy, winner).items():
        assert (found[name].dtype, found[name].flags.c_contiguous) == (expected.dtype, True), name
        np.testing.assert_array_equal(found[name].get(), expected, err_msg=name)


@each
@pytest.mark.parametrize("C", [1, 3])
def test_pools_are_the_formula_bit_for_bit(fake_cuda: Shim, g: Geometry, C: int) -> None:
    assert_as_the_formula(g, *arrays(g, C=C))
    assert_as_the_formula(g, *arrays(g, C=C, ties=True))
    assert fake_cuda.ran == ["max_pool", "pool_grad", "max_pool_pick", "sum_pool", "pool_grad"] * 2


@shim_stays
@given(g=geometries(), seed=st.integers(0, 99))
def test_windows_of_any_kind_are_pooled(fake_cuda: Shim, g: Geometry, seed: int) -> None:
    assert_as_the_formula(g, *arrays(g, seed=seed, ties=bool(seed % 2)))


@each
def test_gradients_are_adjoint_to_pools(fake_cuda: Shim, g: Geometry) -> None:
    size, *windows = g
    x, dy = arrays(g)
    dx_, ddy = gpu.to_device(x), gpu.to_device(dy)
    _, winner = pool.max_pool(dx_, *windows)
    pairs = [
        (pool.sum_pool(dx_, *windows), pool.sum_pool_grad(ddy, size, *windows)),
        (pool.max_pool_pick(dx_, winner, *windows), pool.max_pool_grad(ddy, winner, size, *windows)),
    ]
    for y, dx in pairs:
        one, other = (y.get().astype(float) * dy).sum(), (dx.get().astype(float) * x).sum()
        assert abs(one - other) <= 1e-5 * np.linalg.norm(dy) * np.linalg.norm(y.get())


@pytest.mark.parametrize("C", [300, 90])
def test_lines_longer_than_a_block_of_threads(fake_cuda: Shim, C: int) -> None:
    g = ((3, 9), (2, 2), (1, 2), (0, 1))
    assert_as_the_formula(g, *arrays(g, N=1, C=C))


@pytest.mark.parametrize("N", [0, 1])
def test_one_image_and_none(fake_cuda: Shim, N: int) -> None:
    assert_as_the_formula(GEOMETRIES[3], *arrays(GEOMETRIES[3], N=N))


def test_where_all_is_minus_infinity_the_first_inside_wins(fake_cuda: Shim) -> None:
    for g in GEOMETRIES:
        x, _ = arrays(g)
        x[:] = -np.inf
        for found, expected in zip(pool.max_pool(between(x), *g[1:]), general.max_pool(x, *g[1:]), strict=True):
            np.testing.assert_array_equal(found.get(), expected)


def test_no_number_stays_no_number(fake_cuda: Shim) -> None:
    g = GEOMETRIES[3]
    x, _ = arrays(g, N=8)
    x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    with np.errstate(invalid="ignore"):
        expected = general.max_pool(x, *g[1:])
    assert np.isnan(expected[0]).any() and not np.isnan(expected[0]).all()
    for one, other in zip(pool.max_pool(gpu.to_device(x), *g[1:]), expected, strict=True):
        np.testing.assert_array_equal(one.get(), other)


@pytest.mark.parametrize(("kernel", "dtype"), [((16, 16), np.uint8), ((16, 17), np.uint16)])
def test_a_winner_has_as_many_bytes_as_it_needs(fake_cuda: Shim, kernel: Pair, dtype: type) -> None:
    g = ((18, 19), kernel, (1, 2), (2, 1))
    x, dy = arrays(g, N=1, C=2)
    _, winner = general.max_pool(x, *g[1:])
    found = answers(pool, g, *map(gpu.to_device, (x, dy, winner)))
    assert found["winner"].dtype == dtype
    for name, expected in answers(general, g, x, dy, winner).items():
        np.testing.assert_array_equal(found[name].get(), expected, err_msg=name)
    assert ("max_pool" in fake_cuda.ran) == (dtype == np.uint8)


def test_windows_of_padding_alone_take_the_formula(fake_cuda: Shim) -> None:
    g = ((2, 2), (1, 1), (1, 1), (1, 1))
    x, _ = arrays(g)
    y, _ = pool.max_pool(gpu.to_device(x), *g[1:])
    np.testing.assert_array_equal(y.get(), general.max_pool(x, *g[1:])[0])
    assert fake_cuda.ran == []


def test_float64_takes_the_formula(fake_cuda: Shim) -> None:
    g = GEOMETRIES[3]
    x, dy = (a.astype(float) for a in arrays(g))
    _, winner = general.max_pool(x, *g[1:])
    found = answers(pool, g, *map(gpu.to_device, (x, dy, winner)))
    for name, expected in answers(general, g, x, dy, winner).items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name].get(), expected, err_msg=name)
    assert fake_cuda.ran == []


def test_views_are_taken_as_what_they_show_and_nothing_waits(fake_cuda: Shim) -> None:
    g = GEOMETRIES[3]
    x, dy = arrays(g)
    _, winner = general.max_pool(x, *g[1:])
    turned = (
        gpu.to_device(np.ascontiguousarray(a.transpose(3, 0, 1, 2))).transpose(1, 2, 3, 0) for a in (x, dy, winner)
    )
    with strict.no_sync():
        found = answers(pool, g, *turned)
    for name, expected in answers(general, g, x, dy, winner).items():
        assert found[name].flags.c_contiguous, name
        np.testing.assert_array_equal(found[name].get(), expected, err_msg=name)


def test_arrays_of_another_size_are_refused(fake_cuda: Shim) -> None:
    size, *windows = g = GEOMETRIES[0]
    x, dy = map(gpu.to_device, arrays(g))
    _, winner = pool.max_pool(x, *windows)
    with pytest.raises(ValueError, match=r"give an output of \(3, 2\), got \(2, 2\)"):
        pool.sum_pool_grad(dy[:, :2], size, *windows)
    with pytest.raises(ValueError, match=r"one winner for every number of dy \(2, 3, 2, 3\), got \(2, 2, 2, 3\)"):
        pool.max_pool_grad(dy, winner[:, :2], size, *windows)
    with pytest.raises(ValueError, match=r"expected winners of shape \(2, 3, 2, 3\)"):
        pool.max_pool_pick(x, winner[:1], *windows)

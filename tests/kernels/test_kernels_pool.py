"""Pooling: both machines against loops that follow the definition window by window, and against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import strict

from minigan import kernels
from minigan.kernels import Pair, conv_size, general

Windows = tuple[Pair, Pair, Pair]  # kernel, stride, padding
machines = pytest.mark.parametrize("machine", [kernels, general], ids=["fast", "readable"])


@dataclass(frozen=True)
class Geometry:
    """The height and width of an image, and the windows that look at it."""

    size: Pair
    windows: Windows

    @property
    def out(self) -> Pair:
        return conv_size(self.size, *self.windows)

    def places(self) -> Iterator[tuple[Pair, list[tuple[int, Pair]]]]:
        """Every window: its output pixel, and for each of its places inside the image k · KW + l and the pixel."""
        (KH, KW), (SH, SW), (PH, PW) = self.windows
        for i, j in itertools.product(range(self.out[0]), range(self.out[1])):
            pixels = [
                (k * KW + l, (SH * i + k - PH, SW * j + l - PW)) for k, l in itertools.product(range(KH), range(KW))
            ]
            yield (i, j), [(t, (a, b)) for t, (a, b) in pixels if 0 <= a < self.size[0] and 0 <= b < self.size[1]]


def square(size: Pair, k: int, s: int, p: int) -> Geometry:
    return Geometry(size, ((k, k), (s, s), (p, p)))


GEOMETRIES = [
    square((6, 4), 2, 2, 0),
    square((5, 7), 2, 2, 0),
    square((7, 9), 3, 2, 0),
    square((5, 4), 3, 1, 1),
    square((8, 7), 3, 2, 1),
    square((7, 5), 2, 3, 1),
    square((5, 1), 1, 1, 0),
    Geometry((6, 9), ((2, 3), (3, 2), (1, 0))),
    Geometry((4, 5), ((4, 5), (1, 1), (0, 0))),
    Geometry((1, 6), ((3, 1), (1, 4), (1, 0))),
]
each = pytest.mark.parametrize("g", GEOMETRIES, ids=str)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    sides = []
    for _ in range(2):
        k, s, n = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 7))
        p = draw(st.integers(0, k // 2))
        sides.append((max(n, k - 2 * p), k, s, p))
    size, kernel, stride, padding = zip(*sides, strict=True)
    return Geometry(size, (kernel, stride, padding))


def arrays(g: Geometry, dtype: type = np.float64, N: int = 2, C: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Random x (N, H, W, C) and dy (N, OH, OW, C)."""
    rng = np.random.default_rng(seed)
    x, dy = (rng.normal(size=(N, *size, C)).astype(dtype) for size in (g.size, g.out))
    return x, dy


def answers(machine: Any, g: Geometry, x: Any, dy: Any) -> dict[str, Any]:
    """The results of all five kernels."""
    y, winner = machine.max_pool(x, *g.windows)
    return {
        "max": y,
        "winner": winner,
        "max grad": machine.max_pool_grad(dy, winner, g.size, *g.windows),
        "pick": machine.max_pool_pick(x, winner, *g.windows),
        "sum": machine.sum_pool(x, *g.windows),
        "sum grad": machine.sum_pool_grad(dy, g.size, *g.windows),
    }


def by_loops(g: Geometry, x: np.ndarray, dy: np.ndarray) -> dict[str, np.ndarray]:
    """The same, window by window."""
    found = {name: np.zeros_like(dy) for name in ("max", "winner", "pick", "sum")}
    found |= {name: np.zeros_like(x) for name in ("max grad", "sum grad")}
    for (i, j), places in g.places():
        for n, c in itertools.product(range(len(x)), range(x.shape[3])):
            values = [x[n, a, b, c] for _, (a, b) in places]
            best = max(values)
            t, (a, b) = places[values.index(best)]
            found["max"][n, i, j, c] = found["pick"][n, i, j, c] = best
            found["winner"][n, i, j, c] = t
            found["sum"][n, i, j, c] = sum(values)
            found["max grad"][n, a, b, c] += dy[n, i, j, c]
            for _, (a, b) in places:
                found["sum grad"][n, a, b, c] += dy[n, i, j, c]
    return found


def assert_identical(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@machines
@settings(deadline=None, max_examples=60)
@given(g=geometries(), seed=st.integers(0, 99))
def test_both_machines_do_what_the_definition_states_among_many_ties(machine: Any, g: Geometry, seed: int) -> None:
    x, dy = (np.round(a) for a in arrays(g, N=1, C=2, seed=seed))  # whole numbers: ties, and sums without rounding
    expected = by_loops(g, x, dy)
    assert_identical(answers(machine, g, x, dy), expected | {"winner": expected["winner"].astype(np.uint8)})


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fast_ones_equal_the_readable_ones_bit_for_bit(g: Geometry, dtype: type) -> None:
    x, dy = arrays(g, dtype)
    found = answers(kernels, g, x, dy)
    assert_identical(found, answers(general, g, x, dy))
    assert {array.dtype for name, array in found.items() if name != "winner"} == {np.dtype(dtype)}


@each
@machines
def test_the_two_ends_of_a_pooling_are_adjoint(machine: Any, g: Geometry) -> None:
    x, dy = arrays(g)
    v, _ = arrays(g, seed=1)
    found, tangent = (
        answers(machine, g, x, dy),
        machine.max_pool_pick(v, kernels.max_pool(x, *g.windows)[1], *g.windows),
    )
    assert (tangent * dy).sum() == pytest.approx((v * found["max grad"]).sum(), rel=1e-12)
    assert (found["sum"] * dy).sum() == pytest.approx((x * found["sum grad"]).sum(), rel=1e-12)


@each
@machines
def test_the_winner_of_equal_numbers_is_the_first_pixel_and_never_padding(machine: Any, g: Geometry) -> None:
    for value in (0.0, -7.0, -np.inf):
        y, winner = machine.max_pool(np.full((1, *g.size, 1), value), *g.windows)
        np.testing.assert_array_equal(y, value)
        for (i, j), places in g.places():
            assert winner[0, i, j, 0] == places[0][0]


@each
@machines
def test_a_nan_shows_in_every_window_that_sees_it_and_in_no_other(machine: Any, g: Geometry) -> None:
    x, _ = arrays(g, N=1, C=2)
    x[0, g.size[0] // 2, g.size[1] // 2, 1] = np.nan
    y, winner = machine.max_pool(x, *g.windows)
    for (i, j), places in g.places():
        sees = any(pixel == (g.size[0] // 2, g.size[1] // 2) for _, pixel in places)
        assert np.isnan(y[0, i, j]).tolist() == [False, sees]
        assert all(t in [place for place, _ in places] for t in winner[0, i, j])


@each
def test_the_gradient_of_a_window_goes_to_one_pixel(g: Geometry) -> None:
    x = np.round(arrays(g)[0])
    _, winner = kernels.max_pool(x, *g.windows)
    for i, j in itertools.product(range(g.out[0]), range(g.out[1])):
        dy = np.zeros((2, *g.out, 3))
        dy[:, i, j] = 5
        dx = kernels.max_pool_grad(dy, winner, g.size, *g.windows)
        assert ((dx == 5).sum(axis=(1, 2)) == 1).all()
        assert (dx.sum(axis=(1, 2)) == 5).all()


@machines
def test_windows_of_more_places_than_a_byte_can_count(machine: Any) -> None:
    g = Geometry((17, 19), ((16, 17), (1, 2), (0, 0)))
    x, dy = (np.round(a) for a in arrays(g))
    x[:, 15, 16] = 9  # place 271 of the first window
    found = answers(machine, g, x, dy)
    expected = by_loops(g, x, dy)
    assert_identical(found, expected | {"winner": expected["winner"].astype(np.uint16)})
    assert found["winner"].max() > 255


@pytest.mark.parametrize("windows", [(2, 2, 0), (3, 2, 0), (3, 1, 1)])
def test_batches_larger_than_a_block_are_worked_off_whole(windows: tuple[int, int, int]) -> None:
    g = square((27, 20), *windows)
    x, dy = arrays(g, np.float32, N=101, C=16)
    assert_identical(answers(kernels, g, x, dy), answers(general, g, x, dy))


@each
def test_no_images_give_no_images(g: Geometry) -> None:
    x, dy = arrays(g, N=0)
    assert_identical(answers(kernels, g, x, dy), answers(general, g, x, dy))


@each
@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda a: np.flip(np.flip(a).copy())], ids=["columns", "flipped"]
)
def test_arrays_may_lie_in_memory_as_they_like_and_are_not_written_to(g: Geometry, layout: Callable[..., Any]) -> None:
    x, dy = arrays(g)
    odd = [layout(a) for a in (x, dy)]
    for a in odd:
        a.setflags(write=False)
    assert_identical(answers(kernels, g, *odd), answers(general, g, x, dy))


@each
def test_other_arrays_take_the_readable_ones_without_waiting(g: Geometry) -> None:
    x, dy = arrays(g, np.float32)
    with strict.no_sync():
        found = answers(kernels, g, strict.to_device(x), strict.to_device(dy))
    assert_identical({name: strict.to_host(a) for name, a in found.items()}, answers(kernels, g, x, dy))

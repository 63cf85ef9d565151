"""correlate, spread and match are one trilinear number, seen from three ends, on every machine."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from minigan import kernels
from minigan.kernels import Pair, conv_size, conv_transpose_size, general
from minigan.kernels.cpu import windows
from minigan.kernels.cpu.scratch import scratch

SIZES = ((5, 7), (6, 4))
CHANNELS = ((1, 3), (3, 1), (9, 2), (17, 12))  # x and y: few and many take different ways


@dataclass(frozen=True)
class Geometry:
    """One convolution: size, kernel, stride and padding, each (height, width)."""

    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    def out(self) -> Pair:
        return conv_size(self.size, self.kernel, self.stride, self.padding)


def geometries(k: int, s: int) -> Iterator[Geometry]:
    """Kernel k, stride s, paddings 0 to 2: square ones, and ones whose width is another than their height."""
    for size, p in itertools.product(SIZES, range(3)):
        for kernel, stride, padding in (((k, k), (s, s), (p, p)), ((k, 6 - k), (s, 4 - s), (p, 2 - p))):
            one = Geometry(size, kernel, stride, padding)
            if min(one.out) >= 1:
                yield one


def arrays(g: Geometry, C: int, O: int, dtype: type = np.float64, N: int = 2) -> tuple[np.ndarray, ...]:
    """Random x (N, H, W, C), w (KH, KW, C, O), y (N, OH, OW, O)."""
    rng = np.random.default_rng(0)
    shapes = ((N, *g.size, C), (*g.kernel, C, O), (N, *g.out, O))
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def three_ends(machine: Any, g: Geometry, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The three partial derivatives of T(x, w, y), with respect to y, x and w."""
    return [
        machine.correlate(x, w, g.stride, g.padding),
        machine.spread(y, w, g.size, g.stride, g.padding),
        machine.match(x, y, g.kernel, g.stride, g.padding),
    ]


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


grid = pytest.mark.parametrize(("k", "s"), [(k, s) for k in range(1, 6) for s in range(1, 4)])


@grid
def test_the_three_are_adjoint_to_one_another(k: int, s: int) -> None:
    for g, (C, O), machine in itertools.product(geometries(k, s), CHANNELS, (kernels, general)):
        x, w, y = arrays(g, C, O)
        dy, dx, dw = three_ends(machine, g, x, w, y)
        T = (dy * y).sum()
        size = np.linalg.norm(dy) * np.linalg.norm(y)
        assert abs(T - (dx * x).sum()) <= 1e-13 * size, (g, C, O)
        assert abs(T - (dw * w).sum()) <= 1e-13 * size, (g, C, O)


@grid
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_the_fast_ones_equal_the_readable_ones(k: int, s: int, dtype: type, tolerance: float) -> None:
    for g, (C, O) in itertools.product(geometries(k, s), CHANNELS):
        three = arrays(g, C, O, dtype)
        for fast, readable in zip(three_ends(kernels, g, *three), three_ends(general, g, *three), strict=True):
            assert_close(fast, readable, tolerance)


@pytest.mark.parametrize(("k", "s", "p"), [(1, 1, 0), (3, 1, 1), (4, 2, 1), (2, 3, 0), (5, 2, 2), (1, 2, 2)])
def test_correlate_is_the_sum_that_its_formula_states(k: int, s: int, p: int) -> None:
    g = Geometry((6, 5), (k, k), (s, s), (p, p))
    x, w, y = arrays(g, 2, 3)
    expected = np.zeros_like(y)
    for i, j, row, column in itertools.product(range(g.out[0]), range(g.out[1]), range(k), range(k)):
        h, v = s * i + row - p, s * j + column - p
        if 0 <= h < 6 and 0 <= v < 5:
            expected[:, i, j] += x[:, h, v] @ w[row, column]
    assert_close(kernels.correlate(x, w, g.stride, g.padding), expected, 1e-14)


@pytest.mark.parametrize(("s", "o"), [(s, o) for s in range(1, 4) for o in range(s)])
def test_output_padding_chooses_among_the_sizes_that_a_convolution_maps_to_one(s: int, o: int) -> None:
    for k, p, size in itertools.product(range(1, 6), range(3), SIZES):
        full = conv_transpose_size(size, (k, k), (s, s), (p, p), (o, o))
        if min(full) < 1:
            continue
        g = Geometry(full, (k, k), (s, s), (p, p))
        assert g.out == size
        x, w, y = arrays(g, 9, 2)
        dx = kernels.spread(y, w, full, g.stride, g.padding)
        assert_close(dx, general.spread(y, w, full, g.stride, g.padding), 1e-13)
        assert dx.shape == (2, *full, 9)


@pytest.mark.parametrize(
    ("g", "C", "O", "N"),
    [
        (Geometry((28, 28), (5, 5), (1, 1), (2, 2)), 16, 3, 6),
        (Geometry((28, 28), (3, 3), (1, 1), (1, 1)), 16, 12, 15),
        (Geometry((28, 28), (3, 3), (1, 1), (1, 1)), 64, 48, 4),
        (Geometry((28, 28), (4, 4), (2, 2), (1, 1)), 64, 16, 9),
        (Geometry((28, 28), (4, 4), (2, 2), (1, 1)), 1, 64, 33),
        (Geometry((7, 7), (7, 7), (1, 1), (0, 0)), 64, 40, 300),
        (Geometry((1, 1), (1, 1), (1, 1), (0, 0)), 2, 2, 5000),
    ],
    ids=str,
)
def test_batches_larger_than_a_block_are_worked_off_whole(g: Geometry, C: int, O: int, N: int) -> None:
    three = arrays(g, C, O, np.float64, N)
    for fast, readable in zip(three_ends(kernels, g, *three), three_ends(general, g, *three), strict=True):
        assert_close(fast, readable, 1e-12)


@grid
def test_one_image_at_a_time_gives_the_same(k: int, s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BLOCK", "LEAST_ROWS"):
        monkeypatch.setattr(windows, name, 1)
    for g, (C, O) in itertools.product(geometries(k, s), ((3, 2), (9, 2), (9, 9))):
        three = arrays(g, C, O, N=3)
        for found, expected in zip(three_ends(kernels, g, *three), three_ends(general, g, *three), strict=True):
            assert_close(found, expected, 1e-13)


def with_added_axes(a: np.ndarray) -> np.ndarray:
    """The same numbers; an axis of length 1 that NumPy added to an array has a stride of 0."""
    return a[..., 0][..., np.newaxis] if a.shape[-1] == 1 else a


def backwards(a: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(a).copy())


@grid
@pytest.mark.parametrize("layout", [with_added_axes, np.asfortranarray, backwards])
def test_arrays_may_lie_in_memory_as_they_like(k: int, s: int, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    for g, (C, O) in itertools.product(geometries(k, s), ((1, 1), (1, 9), (9, 1), (9, 2))):
        three = arrays(g, C, O)
        odd, plain = three_ends(kernels, g, *map(layout, three)), three_ends(general, g, *three)
        for found, expected in zip(odd, plain, strict=True):
            assert_close(found, expected, 1e-13)


@pytest.mark.parametrize(
    ("g", "C", "O", "N"),
    [
        (Geometry((14, 14), (4, 4), (2, 2), (1, 1)), 64, 32, 16),
        (Geometry((16, 16), (4, 4), (2, 2), (1, 1)), 64, 64, 16),
        (Geometry((28, 28), (4, 4), (2, 2), (1, 1)), 1, 64, 16),
    ],
    ids=["phases", "tiles", "one channel"],
)
def test_two_threads_at_once_compute_the_bits_of_one_after_the_other(g: Geometry, C: int, O: int, N: int) -> None:
    one = arrays(g, C, O, np.float32, N)
    sides = (one, tuple(a[::-1] for a in one))
    alone = [three_ends(kernels, g, *three) for three in sides]
    start = threading.Barrier(2)

    def run(three: tuple[np.ndarray, ...]) -> list[list[np.ndarray]]:
        start.wait(timeout=30)
        return [three_ends(kernels, g, *three) for _ in range(10)]

    with ThreadPoolExecutor(2) as pool:
        for expected, together in zip(alone, pool.map(run, sides), strict=True):
            for found in together:
                for a, b in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(a, b)


def test_scratch_begins_on_a_cache_line_and_is_reused() -> None:
    first = scratch("test", (3, 5), np.float32)
    again = scratch("test", (2, 2), np.float64)
    assert first.ctypes.data % 64 == 0
    assert again.ctypes.data == first.ctypes.data
    assert scratch("test", (1000, 7), np.float32).ctypes.data % 64 == 0


def test_no_images_give_no_images_and_a_weight_gradient_of_zero() -> None:
    g = Geometry((5, 7), (3, 3), (2, 2), (1, 1))
    for C in (3, 9):
        dy, dx, dw = three_ends(kernels, g, *arrays(g, C, 2, N=0))
        assert (dy.shape, dx.shape) == ((0, *g.out, 2), (0, *g.size, C))
        np.testing.assert_array_equal(dw, np.zeros((3, 3, C, 2)))


@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
def test_pixels_that_no_window_reaches_get_no_gradient(padding: Pair) -> None:
    g = Geometry((8, 8), (2, 2), (3, 3), padding)
    for C in (3, 9):
        x, w, y = arrays(g, C, 2)
        dx = kernels.spread(y, w, g.size, g.stride, g.padding)
        missed = [i for i in range(8) if (i + padding[0]) % 3 == 2]
        assert missed
        assert (dx[:, missed] == 0).all()
        assert (dx[:, :, missed] == 0).all()


@pytest.mark.parametrize(
    ("value", "least", "expected"), [(3, 1, (3, 3)), ((2, 5), 1, (2, 5)), (0, 0, (0, 0)), ([1, 2], 0, (1, 2))]
)
def test_a_pair_is_one_number_for_both_or_two(value: int | Pair, least: int, expected: Pair) -> None:
    assert kernels.pair(value, "stride", least) == expected


@pytest.mark.parametrize("value", [0, -1, (1, 0), 2.5, (1.0, 2), (1, 2, 3), (1,), "33", "3", None])
def test_what_is_not_a_pair_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match="kernel_size of Conv2d must be an integer of at least 1, or two"):
        kernels.pair(value, "kernel_size of Conv2d", 1)  # type: ignore[arg-type]


def test_sizes_are_those_of_the_formulas() -> None:
    assert conv_size((28, 27), (4, 3), (2, 1), (1, 0)) == (14, 25)
    assert conv_transpose_size((14, 25), (4, 3), (2, 1), (1, 0), (0, 0)) == (28, 27)
    assert conv_transpose_size((3, 3), (3, 3), (2, 3), (1, 1), (1, 2)) == (6, 9)

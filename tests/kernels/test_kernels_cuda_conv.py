"""The three ends of a convolution by the kernels' own text, against the formula in float64."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import fake_cublas, strict
from support import fake_cuda as gpu
from support.shim import Shim

from minigan.kernels import Pair, conv_size, general
from minigan.kernels.cuda import conv

Geometry = tuple[Pair, Pair, Pair, Pair]  # size, kernel, stride, padding
GEOMETRIES: list[Geometry] = [
    ((6, 4), (4, 4), (2, 2), (1, 1)),
    ((5, 7), (3, 3), (1, 1), (1, 1)),
    ((7, 6), (5, 2), (1, 3), (2, 0)),  # two columns of pixels that no window has
    ((4, 5), (4, 5), (1, 1), (0, 0)),
    ((4, 5), (4, 5), (2, 3), (0, 0)),
    ((4, 5), (4, 5), (2, 2), (1, 2)),
    ((5, 3), (1, 1), (1, 1), (0, 0)),
    ((5, 4), (1, 1), (2, 3), (0, 0)),
    ((5, 4), (1, 1), (1, 1), (1, 1)),
    ((1, 1), (3, 3), (1, 1), (1, 1)),
    ((2, 1), (5, 5), (3, 2), (4, 3)),
    ((1, 9), (1, 4), (1, 2), (0, 1)),
    ((9, 8), (2, 3), (4, 3), (0, 0)),  # gaps between the windows
]
CHANNELS = [(1, 3), (3, 1), (4, 5), (5, 2), (8, 1), (17, 12)]
each = pytest.mark.parametrize("g", GEOMETRIES, ids=str)


@pytest.fixture(autouse=True)
def fast_products(fake_cuda: Shim) -> Iterator[None]:
    """Products by the host's cuBLAS: the kernel for them has tests of its own."""
    with fake_cublas.in_use(fake_cublas.FakeCublas()):
        yield


def arrays(g: Geometry, C: int, O: int, N: int = 3) -> tuple[np.ndarray, ...]:
    """Random x (N, H, W, C), w (KH, KW, C, O), y (N, OH, OW, O) of float32."""
    rng = np.random.default_rng(0)
    shapes = ((N, *g[0], C), (*g[1], C, O), (N, *conv_size(*g), O))
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


def between(x: np.ndarray) -> Any:
    """x on the device, between neighbours of NaN: whoever reads beside it is seen."""
    with_neighbours = np.full((len(x) + 2, *x.shape[1:]), np.nan, x.dtype)
    with_neighbours[1:-1] = x
    return gpu.to_device(with_neighbours)[1:-1]


def three_ends(machine: Any, g: Geometry, x: Any, w: Any, y: Any) -> list[Any]:
    size, kernel, stride, padding = g
    return [
        machine.correlate(x, w, stride, padding),
        machine.spread(y, w, size, stride, padding),
        machine.match(x, y, kernel, stride, padding),
    ]


def assert_as_the_formula(g: Geometry, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
    found = three_ends(conv, g, *map(between, (x, w, y)))
    for one, expected in zip(found, three_ends(general, g, *(a.astype(float) for a in (x, w, y))), strict=True):
        assert (one.shape, one.dtype, one.flags.c_contiguous) == (expected.shape, np.float32, True)
        np.testing.assert_allclose(one.get(), expected, rtol=0, atol=2e-6 * max(1, np.abs(expected).max(initial=0)))


@each
@pytest.mark.parametrize(("C", "O"), CHANNELS)
def test_the_three_are_the_formula(g: Geometry, C: int, O: int) -> None:
    assert_as_the_formula(g, *arrays(g, C, O))


@each
def test_the_three_are_adjoint_to_one_another(g: Geometry) -> None:
    x, w, y = (a.astype(float) for a in arrays(g, 4, 5))
    found = three_ends(conv, g, *(between(a.astype(np.float32)) for a in (x, w, y)))
    dy, dx, dw = (one.get().astype(float) for one in found)
    T, size = (dy * y).sum(), np.linalg.norm(dy) * np.linalg.norm(y)
    assert abs(T - (dx * x).sum()) <= 1e-6 * size
    assert abs(T - (dw * w).sum()) <= 1e-6 * size


@pytest.mark.parametrize(("C", "O"), [(300, 2), (1100, 1), (299, 2), (20, 7), (19, 3), (16, 3)])
def test_windows_wider_and_narrower_than_a_block_of_threads(C: int, O: int) -> None:
    g = ((5, 6), (4, 4), (2, 2), (1, 1))
    assert_as_the_formula(g, *arrays(g, C, O, N=2))
    g = ((3, 40), (1, 3), (1, 1), (0, 1))
    assert_as_the_formula(g, *arrays(g, C, O, N=1))


def test_four_channels_go_together_where_the_memory_allows_it(fake_cuda: Shim) -> None:
    g = GEOMETRIES[1]
    for C, O, at, ending in ((8, 3, 0, "_by_4"), (8, 3, 1, ""), (6, 4, 0, "")):
        x, w, y = arrays(g, C, O)
        moved = gpu.to_device(np.append(np.full(at, np.nan, np.float32), x))[at:].reshape(*x.shape)
        found = three_ends(conv, g, moved, *map(gpu.to_device, (w, y)))
        expected = three_ends(general, g, *(a.astype(float) for a in (x, w, y)))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.get(), other, rtol=0, atol=2e-6 * np.abs(other).max())
        assert fake_cuda.ran[-3:] == ["im2col" + ending, "col2im" + ("_by_4" if C == 8 else ""), "im2col" + ending]


@pytest.mark.parametrize("N", [0, 1])
def test_one_image_and_none(N: int) -> None:
    for g in (GEOMETRIES[0], GEOMETRIES[3]):
        assert_as_the_formula(g, *arrays(g, 3, 2, N=N))


@pytest.mark.parametrize("images", [1, 2, 3])
def test_blocks_of_images_give_the_same(monkeypatch: pytest.MonkeyPatch, fake_cuda: Shim, images: int) -> None:
    g = GEOMETRIES[0]
    windows = 3 * 2 * 4 * 4 * 5  # numbers of one image's columns
    monkeypatch.setattr(conv, "BLOCK", images * windows + 1)
    assert_as_the_formula(g, *arrays(g, 5, 2, N=7))
    launches = -(-7 // images)
    assert sorted(fake_cuda.ran) == ["col2im"] * launches + ["im2col"] * 2 * launches


def test_an_image_larger_than_a_block_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "BLOCK", 1)
    assert_as_the_formula(GEOMETRIES[1], *arrays(GEOMETRIES[1], 3, 2))


def test_windows_that_are_the_image_need_no_columns(fake_cuda: Shim) -> None:
    for g in (GEOMETRIES[3], GEOMETRIES[4], GEOMETRIES[6]):
        three_ends(conv, g, *map(gpu.to_device, arrays(g, 3, 2)))
    assert fake_cuda.ran == []
    for g in (GEOMETRIES[5], GEOMETRIES[7], GEOMETRIES[8]):
        three_ends(conv, g, *map(gpu.to_device, arrays(g, 3, 2)))
    assert fake_cuda.ran == ["im2col", "col2im", "im2col"] * 3


def test_views_are_taken_as_what_they_show() -> None:
    g = GEOMETRIES[0]
    x, w, y = arrays(g, 4, 6)
    dx, dw, dy = (gpu.to_device(np.ascontiguousarray(a.transpose(3, 0, 1, 2))).transpose(1, 2, 3, 0) for a in (x, w, y))
    with strict.no_sync():
        found = three_ends(conv, g, dx, dw, dy)
    expected = three_ends(conv, g, *map(gpu.to_device, (x, w, y)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.get(), other.get())


def test_the_same_bits_every_time() -> None:
    g = GEOMETRIES[1]
    x, w, y = map(gpu.to_device, arrays(g, 7, 6))
    once, again = (three_ends(conv, g, x, w, y) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.get(), other.get())


def test_float64_takes_the_formula(fake_cuda: Shim) -> None:
    g = GEOMETRIES[0]
    x, w, y = (a.astype(float) for a in arrays(g, 3, 2))
    found = three_ends(conv, g, *map(gpu.to_device, (x, w, y)))
    for one, expected in zip(found, three_ends(general, g, x, w, y), strict=True):
        np.testing.assert_array_equal(one.get(), expected)
    assert fake_cuda.ran == []


def test_infinite_neighbours_stay_in_their_own_windows() -> None:
    g = ((1, 8), (1, 2), (1, 2), (0, 0))
    x, w, _ = arrays(g, 1, 1, N=1)
    x[0, 0, 3] = np.inf
    y = conv.correlate(gpu.to_device(x), gpu.to_device(w), *g[2:]).get()
    assert np.isfinite(y.ravel()).tolist() == [True, False, True, True]


def test_an_output_of_another_size_is_refused() -> None:
    size, kernel, stride, padding = g = GEOMETRIES[0]
    x, w, y = map(gpu.to_device, arrays(g, 3, 2))
    words = r"windows of \(4, 4\) on images of \(6, 4\) .* give an output of \(3, 2\), got \(2, 2\)"
    with pytest.raises(ValueError, match=words):
        conv.match(x, y[:, :2], kernel, stride, padding)
    with pytest.raises(ValueError, match=words):
        conv.spread(y[:, :2], w, size, stride, padding)


def test_a_transposed_convolution_may_choose_among_the_sizes_with_one_output() -> None:
    windows: tuple[Pair, Pair, Pair] = ((4, 4), (2, 2), (1, 1))
    for size in itertools.product((6, 7), (4, 5)):
        assert conv_size(size, *windows) == (3, 2)
        assert_as_the_formula((size, *windows), *arrays((size, *windows), 3, 2))

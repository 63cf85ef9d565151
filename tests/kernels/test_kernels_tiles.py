"""Winograd's tiles, and Toom and Cook's along the rows, give what the plain kernels give, where they pay."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from minigan import kernels
from minigan.kernels import Pair, general
from minigan.kernels.cpu import toom, winograd

KERNEL, STRIDE, PADDING = (4, 4), (2, 2), (1, 1)
CASES = [(winograd, size) for size in ((4, 4), (8, 4), (4, 12), (16, 8))]
CASES += [(toom, size) for size in ((4, 2), (6, 4), (10, 6), (14, 14), (16, 8))]
CHANNELS = ((1, 1), (3, 2), (9, 5), (16, 12))


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles for a single channel and a single tile too, and a few images per block."""
    for tiles, least in ((winograd, "LEAST_TILES"), (toom, "LEAST_OUTPUTS")):
        monkeypatch.setattr(tiles, "LEAST_CHANNELS", 1)
        monkeypatch.setattr(tiles, least, 1)
        monkeypatch.setattr(tiles, "ROWS", 7)


def arrays(size: Pair, C: int, O: int, N: int = 5, dtype: type = np.float64) -> tuple[np.ndarray, ...]:
    """Random x (N, *size, C), w (4, 4, C, O), y (N, *size / 2, O)."""
    rng = np.random.default_rng(0)
    shapes = ((N, *size, C), (4, 4, C, O), (N, size[0] // 2, size[1] // 2, O))
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def plain(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    return [
        general.correlate(x, w, STRIDE, PADDING),
        general.spread(y, w, x.shape[1:3], STRIDE, PADDING),
        general.match(x, y, KERNEL, STRIDE, PADDING),
    ]


def fast(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    return [
        kernels.correlate(x, w, STRIDE, PADDING),
        kernels.spread(y, w, x.shape[1:3], STRIDE, PADDING),
        kernels.match(x, y, KERNEL, STRIDE, PADDING),
    ]


def tiled(tiles: ModuleType, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    assert tiles.fits(x.shape, w.shape, STRIDE, PADDING)
    return [tiles.correlate(x, w), tiles.spread(y, w), tiles.match(x, y)]


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize(("tiles", "size"), CASES)
@pytest.mark.parametrize(("C", "O"), CHANNELS)
def test_the_three_are_adjoint_to_one_another(tiles: ModuleType, size: Pair, C: int, O: int) -> None:
    x, w, y = arrays(size, C, O)
    dy, dx, dw = tiled(tiles, x, w, y)
    T, scale = (dy * y).sum(), np.linalg.norm(dy) * np.linalg.norm(y)
    assert abs(T - (dx * x).sum()) <= 1e-13 * scale
    assert abs(T - (dw * w).sum()) <= 1e-13 * scale


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize(("tiles", "size"), CASES)
@pytest.mark.parametrize(("C", "O"), CHANNELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 5e-6)])
def test_they_equal_the_readable_ones(
    tiles: ModuleType, size: Pair, C: int, O: int, dtype: type, tolerance: float
) -> None:
    for N in (1, 5):
        three = arrays(size, C, O, N, dtype)
        for found, expected in zip(tiled(tiles, *three), plain(*three), strict=True):
            assert_close(found, expected, tolerance)


@pytest.mark.parametrize(("tiles", "bound"), [(winograd, 1e-6), (toom, 2e-6)])
def test_their_error_in_float32_is_of_the_size_of_its_precision(tiles: ModuleType, bound: float) -> None:
    exact = plain(*arrays((16, 16), 64, 64, 4))
    for found, expected in zip(tiled(tiles, *arrays((16, 16), 64, 64, 4, np.float32)), exact, strict=True):
        assert np.linalg.norm(found - expected) <= bound * np.linalg.norm(expected)


@pytest.mark.parametrize(("n", "products"), [(2, 3), (3, 4), (4, 5), (5, 7), (7, 9), (14, 18)])
def test_toom_and_cook_take_so_many_products_for_n_rows(n: int, products: int) -> None:
    assert len(toom.plan(n, np.float64).A) == products < 2 * n


def test_the_second_line_of_the_trilinear_number_equals_the_first() -> None:
    d0, d1, d2, g0, g1, y0, y1 = np.random.default_rng(0).normal(size=7)
    lowered, lifted = (d0 - d1, d1, d2 - d1), ((g0, g0 + g1, g1), (y0, y0 + y1, y1))
    first = d0 * g0 * y0 + d1 * (g0 * y1 + g1 * y0) + d2 * g1 * y1
    assert first == pytest.approx(sum(a * b * c for a, b, c in zip(lowered, *lifted, strict=True)), rel=1e-13)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: np.flip(np.flip(a).copy())])
@pytest.mark.parametrize("size", [(8, 4), (6, 4)])
def test_arrays_may_lie_in_memory_as_they_like(size: Pair, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    three = arrays(size, 3, 2)
    for found, expected in zip(fast(*map(layout, three)), plain(*three), strict=True):
        assert_close(found, expected, 1e-14)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tiled functions that the kernels call, each with its module's."""
    made: list[str] = []

    def noted(tiles: ModuleType, name: str) -> Callable[..., np.ndarray]:
        function, label = getattr(tiles, name), f"{tiles.__name__.rpartition('.')[2]}.{name}"
        return lambda *args: made.append(label) or function(*args)  # type: ignore[func-returns-value]

    for tiles in (winograd, toom):
        for name in ("correlate", "spread", "match"):
            monkeypatch.setattr(tiles, name, noted(tiles, name))
    return made


@pytest.mark.parametrize(
    ("size", "C", "O", "N", "tiles"),
    [
        ((16, 16), 64, 64, 4, "winograd"),
        ((16, 16), 64, 64, 3, None),
        ((14, 16), 64, 64, 5, "toom"),
        ((16, 18), 64, 64, 4, "toom"),
        ((16, 16), 63, 64, 4, None),
        ((16, 16), 64, 63, 4, None),
        ((14, 14), 64, 64, 1, None),
        ((2, 32), 64, 64, 8, None),
    ],
)
def test_the_kernels_take_tiles_where_channels_and_tiles_are_enough(
    size: Pair, C: int, O: int, N: int, tiles: str | None, calls: list[str]
) -> None:
    three = arrays(size, C, O, N)
    for found, expected in zip(fast(*three), plain(*three), strict=True):
        assert_close(found, expected, 1e-13)
    assert calls == ([f"{tiles}.{name}" for name in ("correlate", "spread", "match")] if tiles else [])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((4, 3), (2, 2), (1, 1)), ((4, 4), (1, 1), (1, 1)), ((4, 4), (2, 1), (1, 1)), ((4, 4), (2, 2), (1, 0))],
)
@pytest.mark.parametrize("tiles", [winograd, toom])
def test_tiles_are_made_for_one_kernel_stride_and_padding(
    tiles: ModuleType, kernel: Pair, stride: Pair, padding: Pair
) -> None:
    assert tiles.fits((64, 32, 32, 64), (4, 4, 64, 128), STRIDE, PADDING)
    assert not tiles.fits((64, 32, 32, 64), (*kernel, 64, 128), stride, padding)

"""The three convolutions of a 4 x 4 kernel with stride 2 and padding 1 by Winograd's tiles: 9 products for 16.

Stride 2 groups pixels to cells: pixel rows 2i - 1 and 2i are row i of the cells, columns likewise, so that a cell has
2 x 2 pixels or 4C numbers, and on cells the kernel is 2 x 2 with stride 1. Along one axis a tile of two outputs y sees
three cells d through two taps g, and the number that both ends share (see layers/conv.py) is

    T(d, g, y) = d0 · g0 · y0 + d1 · (g0 · y1 + g1 · y0) + d2 · g1 · y1
               = (d0 - d1) · g0 · y0 + d1 · (g0 + g1) · (y0 + y1) + (d2 - d1) · g1 · y1

The second line has three terms for four. It lowers d by B and lifts g and y by L, twice in two dimensions:

    T = Σ_t (Bd)_t · (Lg)_t · (Ly)_t    B(d0, d1, d2) = (d0 - d1, d1, d2 - d1)    L(a, b) = (a, a + b, b)

The three functions are its derivatives, so each is the adjoint of the others whatever the rounding of L and B:

    correlate   y = L*(Bd · Lg)      L*(m) = (m0 + m1, m1 + m2)
    match       g = L*(Bd · Ly)
    spread      d = B*(Ly · Lg)      B*(m) = (m0, m1 - m0 - m2, m2), added where two tiles share a cell

All factors are 1 and -1: float32 keeps an error of about 1e-6. The sums cost time too; below 64 channels, on few tiles
and on maps whose sides are not multiples of four they cost more than the products they save.

Source: Winograd 1980, Arithmetic Complexity of Computations; Lavin and Gray 2016, F(2 x 2, 2 x 2); the form above is
Karatsuba's (1962).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.geometry import Pair

LEAST_CHANNELS = 64  # on both sides
LEAST_TILES = 64  # in the whole batch: below, lifting the weights shows
ROWS = 512  # tiles per product


def fits(x: tuple[int, ...], w: tuple[int, ...], stride: Pair, padding: Pair) -> bool:
    """Whether tiles can and should be used for images and weights of these shapes."""
    (N, H, W, C), (KH, KW, _, O) = x, w
    can = (KH, KW, stride, padding) == (4, 4, (2, 2), (1, 1)) and H % 4 == W % 4 == 0
    return can and min(C, O) >= LEAST_CHANNELS and N * H * W >= 16 * LEAST_TILES


def correlate(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    (N, H, W, C), O = x.shape, w.shape[3]
    y = np.empty((N, H // 2, W // 2, O), x.dtype)
    g = _lifted(_taps(w), "weights").reshape(3, 3, 4 * C, O)
    for xs, ys in _blocks(x, y):
        out = _tiles(ys)
        m = scratch("product", (3, 3, *out.shape[2:]), x.dtype)
        for s, t, d in _lowered(xs):
            np.matmul(d, g[s, t], out=m[s, t].reshape(-1, O))
        _drop(m, out)
    return y


def match(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    C, O = x.shape[3], y.shape[3]
    m = scratch("weights", (3, 3, 4 * C, O), x.dtype)
    for i, (xs, ys) in enumerate(_blocks(x, y)):
        lifted = _lifted(_tiles(ys), "tiles").reshape(3, 3, -1, O)
        for s, t, d in _lowered(xs):
            product = np.matmul(d.T, lifted[s, t], out=m[s, t] if i == 0 else scratch("product", (4 * C, O), x.dtype))
            if i > 0:
                m[s, t] += product
    w = np.empty((4, 4, C, O), x.dtype)
    _drop(m.reshape(3, 3, 2, 2, C, O), _taps(w))
    return w


def spread(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    (N, OH, OW, O), C = y.shape, w.shape[2]
    x = np.empty((N, 2 * OH, 2 * OW, C), y.dtype)
    g = _lifted(_taps(w), "weights").reshape(3, 3, 4 * C, O)
    for xs, ys in _blocks(x, y):
        n, th, tw = len(ys), OH // 2, OW // 2
        lifted = _lifted(_tiles(ys), "tiles").reshape(3, 3, -1, O)
        m = scratch("product", (3, n, th, tw, 2, 2, C), y.dtype)
        rows = scratch("rows", (3, n, th, 2, tw, 4, C), y.dtype)
        for s in range(3):
            for t in range(3):
                np.matmul(lifted[s, t], g[s, t].T, out=m[t].reshape(-1, 4 * C))
            _raise(m.transpose(0, 3, 5, 1, 2, 4, 6), rows[s].transpose(3, 4, 0, 1, 2, 5))
        whole = rows.reshape(3, n, th, 2, 2 * OW * C).transpose(0, 2, 3, 1, 4)
        _raise(whole, xs.reshape(n, th, 4, 2 * OW * C).transpose(1, 2, 0, 3))
    return x


def _blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same few images of both, with about ROWS tiles."""
    step = -(-ROWS // (y.shape[1] * y.shape[2] // 4))
    for i in range(0, len(y), step):
        yield x[i : i + step], y[i : i + step]


def _taps(w: np.ndarray) -> np.ndarray:
    """The kernel on cells, a view: (2, 2) taps of (2, 2, C, O)."""
    return w.reshape(2, 2, 2, 2, *w.shape[2:]).transpose(0, 2, 1, 3, 4, 5)


def _tiles(y: np.ndarray) -> np.ndarray:
    """y in tiles, a view: (2, 2) outputs of (N, TH, TW, O)."""
    N, OH, OW, O = y.shape
    return y.reshape(N, OH // 2, 2, OW // 2, 2, O).transpose(2, 4, 0, 1, 3, 5)


def _lifted(g: np.ndarray, name: str) -> np.ndarray:
    """L along the two leading axes: (2, 2, ...) to (3, 3, ...), in scratch."""
    out = scratch(name, (3, 3, *g.shape[2:]), g.dtype)
    out[::2, ::2] = g
    np.add(out[::2, 0], out[::2, 2], out=out[::2, 1])
    np.add(out[0], out[2], out=out[1])
    return out


def _drop(m: np.ndarray, out: np.ndarray) -> None:
    """L* along the two leading axes: (3, 3, ...) to (2, 2, ...)."""
    half = np.add(m[:2], m[1:], out=scratch("half", (2, *m.shape[1:]), m.dtype))
    np.add(half[:, :2], half[:, 1:], out=out)


def _lowered(x: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """For the nine (s, t): row s and column t of B along both axes of x, (tiles, 4C), in scratch."""
    n, H, W, C = x.shape
    th, tw = H // 4, W // 4
    rows = scratch("rows", (n, th, 2, tw, 4, C), x.dtype)
    d = scratch("columns", (n, th, tw, 2, 2, C), x.dtype)
    for s in range(3):
        _lower(x.reshape(n, th, 4, W * C).transpose(1, 2, 0, 3), s, rows.reshape(n, th, 2, W * C).transpose(1, 2, 0, 3))
        for t in range(3):
            _lower(rows.transpose(3, 4, 0, 1, 2, 5), t, d.transpose(2, 4, 0, 1, 3, 5))
            yield s, t, d.reshape(-1, 4 * C)


def _lower(x: np.ndarray, s: int, out: np.ndarray) -> None:
    """B, its row s: pixels in fours (T, 4, ...) to cells (T, 2, ...).

    The cells of tile t are pixels (4t - 1, 4t), (4t + 1, 4t + 2) and (4t + 3, 4t + 4); there is nothing outside.
    """
    # Not np.negative: that of NumPy 2.4.6 takes numbers that lie four apart for neighbours.
    if s == 0:
        np.subtract(0, x[0, 1], out=out[0, 0])
        np.subtract(x[:-1, 3], x[1:, 1], out=out[1:, 0])
        np.subtract(x[:, 0], x[:, 2], out=out[:, 1])
    elif s == 1:
        np.copyto(out, x[:, 1:3])
    else:
        np.subtract(x[:, 3], x[:, 1], out=out[:, 0])
        np.subtract(x[1:, 0], x[:-1, 2], out=out[:-1, 1])
        np.subtract(0, x[-1, 2], out=out[-1, 1])


def _raise(m: np.ndarray, x: np.ndarray) -> None:
    """B*: cells (3, T, 2, ...) to pixels in fours (T, 4, ...)."""
    middle = x[:, 1:3]
    np.subtract(m[1], m[0], out=middle)
    np.subtract(middle, m[2], out=middle)
    np.copyto(x[0, 0], m[0, 0, 1])
    np.add(m[0, 1:, 1], m[2, :-1, 1], out=x[1:, 0])
    np.add(m[0, 1:, 0], m[2, :-1, 0], out=x[:-1, 3])
    np.copyto(x[-1, 3], m[2, -1, 0])

"""The three convolutions of a 4 x 4 kernel with stride 2 and padding 1 with fewer products along the rows: 9 for 14.

For maps that Winograd's square tiles do not fit (`winograd`): any even height and width. Pixel rows 2i - 1 and 2i make
row i of the cells, and on cells the kernel has two taps along the rows. n outputs y of one column see n + 1 cells d
through two taps g, and the number that both ends share is

    T(d, g, y) = Σ_k (Bd)_k · (Gg)_k · (Ay)_k        k = 0 ... n, a product for each

Toom and Cook choose n + 1 points p; Gg and Ay are the values at p of the polynomials with coefficients g and y, and B
is the transposed inverse of the matrix that takes a polynomial of n + 1 coefficients to its values. The point at
infinity gives the last coefficient. A map is cut into tiles of four rows and one of the rest: 7 outputs need 5 + 4
products in place of 14. Along the columns, im2col as in `conv`.

    correlate   y = Aᵀ(Bd · Gg)
    match       g = Gᵀ(Bd · Ay)
    spread      d = Bᵀ(Ay · Gg)

The same point in several tiles has the same Gg: one product for all of them. The maps lie rows first, so that B, A and
their transposes are one product each. float32 keeps an error of about 2e-6.

Source: Toom 1963; Lavin and Gray 2016.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import columns_of, rows_first, windows_of
from minigan.kernels.geometry import Pair

LEAST_CHANNELS = 64  # on both sides: below, B and A cost what the products save
LEAST_OUTPUTS = 256  # in the whole batch: below, lifting the weights shows
ROWS = 256  # rows of the largest product: the maps of a block stay in the cache

INFINITY = float("inf")
POINTS = (0.0, 1.0, -1.0, 2.0, INFINITY)
TILES = {1: (0.0, INFINITY), 2: (0.0, 1.0, INFINITY), 3: (0.0, 1.0, -1.0, INFINITY), 4: POINTS}


def fits(x: tuple[int, ...], w: tuple[int, ...], stride: Pair, padding: Pair) -> bool:
    """Whether this can and should be used for images and weights of these shapes."""
    (N, H, W, C), (KH, KW, _, O) = x, w
    can = (KH, KW, stride, padding) == (4, 4, (2, 2), (1, 1)) and H % 2 == W % 2 == 0 and H > 2
    return can and min(C, O) >= LEAST_CHANNELS and N * H * W >= 4 * LEAST_OUTPUTS


@dataclass(frozen=True)
class Plan:
    """The matrices for n outputs: B (P, n + 1), A (P, n), G (5, 2); and of each point, in G's order, its rows in A."""

    B: np.ndarray
    A: np.ndarray
    G: np.ndarray
    groups: tuple[tuple[int, slice], ...]


@functools.cache
def plan(n: int, dtype: DTypeLike) -> Plan:
    """For maps of n output rows."""
    rows = []
    for first in range(0, n, 4):
        size = min(4, n - first)
        A, whole = _values(TILES[size], size), _values(TILES[size], size + 1)
        B = np.linalg.inv(whole).T
        for i, point in enumerate(TILES[size]):
            row = np.zeros(n + 1), np.zeros(n)
            row[0][first : first + size + 1], row[1][first : first + size] = B[i], A[i]
            rows.append((POINTS.index(point), *row))
    rows.sort(key=lambda row: row[0])
    of = [row[0] for row in rows]
    groups = tuple((k, slice(of.index(k), of.index(k) + of.count(k))) for k in sorted(set(of)))
    B, A = (np.array([row[i] for row in rows], dtype) for i in (1, 2))
    return Plan(B, A, _values(POINTS, 2).astype(dtype), groups)


def _values(points: tuple[float, ...], n: int) -> np.ndarray:
    """The matrix from n coefficients to the values at the points."""
    top = np.eye(n)[-1]
    return np.array([top if p == INFINITY else [p**k for k in range(n)] for p in points])


def correlate(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    (N, H, W, C), O = x.shape, w.shape[3]
    use = plan(H // 2, x.dtype)
    g = _lifted(use.G, w).reshape(len(POINTS), 8 * C, O)
    y = np.empty((N, H // 2, W // 2, O), x.dtype)
    for xs, ys in _blocks(x, y):
        d = _apply(use.B, _cells(xs), "lowered")
        m = scratch("product", (len(d), len(xs), W // 2, O), x.dtype)
        for k, at in use.groups:
            np.matmul(_windows(d[at], W // 2), g[k], out=m[at].reshape(-1, O))
        np.copyto(ys, _apply(use.A.T, m, "raised").swapaxes(0, 1))
    return y


def match(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    (_, H, W, C), O = x.shape, y.shape[3]
    use = plan(H // 2, x.dtype)
    g = scratch("weights", (len(POINTS), 8 * C, O), x.dtype)
    g[...] = 0
    for xs, ys in _blocks(x, y):
        d = _apply(use.B, _cells(xs), "lowered")
        lifted = _apply(use.A, rows_first(ys, (0, 0), ys.shape[1:3]), "tiles")
        for k, at in use.groups:
            columns = _windows(d[at], W // 2)
            product = np.matmul(columns.T, lifted[at].reshape(-1, O), out=scratch("product", (8 * C, O), x.dtype))
            g[k] += product
    return np.matmul(use.G.T, g.reshape(len(POINTS), -1)).reshape(4, 4, C, O)


def spread(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    (N, OH, OW, O), C = y.shape, w.shape[2]
    use = plan(OH, y.dtype)
    g = _phases(_lifted(use.G, w).reshape(len(POINTS), 2, 4, C, O))
    x = np.empty((N, 2 * OH, OW, 2, C), y.dtype)
    for xs, ys in _blocks(x, y):
        n = len(ys)
        lifted = _apply(use.A, rows_first(ys, (0, 1), (OH, OW + 2)), "lowered")
        m = scratch("product", (len(lifted), n, OW, 2, 2 * C), y.dtype)
        for k, at in use.groups:
            for phase in range(2):
                columns = columns_of(windows_of(lifted[at], (n, OW), (1, 2), (1, 1), phase))
                product = np.matmul(columns, g[k, phase], out=scratch("phase", (len(columns), 2 * C), y.dtype))
                m[at, :, :, phase] = product.reshape(-1, n, OW, 2 * C)
        d = _apply(use.B.T, m, "raised").reshape(OH + 1, n, OW, 2, 2, C)
        xs[:, 1::2] = d[1:, :, :, :, 0].swapaxes(0, 1)
        xs[:, 0::2] = d[:-1, :, :, :, 1].swapaxes(0, 1)
    return x.reshape(N, 2 * OH, 2 * OW, C)


def _blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same few images of both: about ROWS rows of the largest product, which has two tiles' rows of every pixel."""
    step = -(-ROWS // (-(-y.shape[1] // 4) * y.shape[2]))
    for i in range(0, len(y), step):
        yield x[i : i + step], y[i : i + step]


def _lifted(G: np.ndarray, w: np.ndarray) -> np.ndarray:
    """G along the two taps on cells, which are kernel rows (0, 1) and (2, 3)."""
    return np.matmul(G, w.reshape(2, -1), out=scratch("weights", (len(G), w.size // 2), w.dtype))


def _apply(M: np.ndarray, x: np.ndarray, name: str) -> np.ndarray:
    """M along the first axis of x, in scratch."""
    out = scratch(name, (len(M), x[0].size), x.dtype)
    return np.matmul(M, x.reshape(len(x), -1), out=out).reshape(len(M), *x.shape[1:])


def _cells(x: np.ndarray) -> np.ndarray:
    """x as cells, rows first and framed with zeros: (H / 2 + 1, n, 2, W + 2, C), in scratch."""
    n, H, W, C = x.shape
    cells = scratch("rows", (H // 2 + 1, n, 2, W + 2, C), x.dtype)
    cells[0, :, 0] = 0
    cells[-1, :, 1] = 0
    cells[:, :, :, 0] = 0
    cells[:, :, :, -1] = 0
    cells[1:, :, 0, 1:-1] = x[:, 1::2].swapaxes(0, 1)
    cells[:-1, :, 1, 1:-1] = x[:, 0::2].swapaxes(0, 1)
    return cells


def _windows(cells: np.ndarray, OW: int) -> np.ndarray:
    """im2col along the columns, in scratch: cells (P, n, 2, W + 2, C) to (P · n · OW, 8C)."""
    P, n, _, _, C = cells.shape
    p, i, row, column, c = cells.strides
    view = as_strided(cells, (P, n, OW, 2, 4 * C), (p, i, 2 * column, row, c), writeable=False)
    columns = scratch("columns", view.shape, cells.dtype)
    np.copyto(columns, view)
    return columns.reshape(P * n * OW, 8 * C)


def _phases(g: np.ndarray) -> np.ndarray:
    """The lifted kernel (5, 2 rows of a cell, 4 columns, C, O) for `spread`, in scratch: (5, 2 phases, 2O, 2C).

    Even output columns meet kernel columns 3 and 1 of the inputs on their left and right, odd ones 2 and 0.
    """
    K, _, _, C, O = g.shape
    kernels = scratch("kernels", (K, 2, 2, O, 2, C), g.dtype)
    for phase, taps in enumerate(((3, 1), (2, 0))):
        for t, column in enumerate(taps):
            kernels[:, phase, t] = g[:, :, column].transpose(0, 3, 1, 2)
    return kernels.reshape(K, 2, 2 * O, 2 * C)

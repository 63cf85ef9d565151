"""Pooling for NumPy: place after place of the window, for all windows of a few images at once that stay in the cache.

Padding is neither read nor written: only the windows that have a pixel at a place take part there. The order of the
places, and so every rounding, is that of `general`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.general import first_inside
from minigan.kernels.geometry import Pair, conv_size

BLOCK = 512 * 1024  # numbers of all arrays at a time: they stay in the cache while the places are walked through

Index: TypeAlias = tuple[slice, ...]
Tap: TypeAlias = tuple[int, Index, Index]  # the place k · KW + l, where it lies in x, and in y which windows have it


def _blocks(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The same few images of each array, about one block of them."""
    N = len(arrays[0])
    step = max(1, BLOCK * N // max(1, sum(a.size for a in arrays)))
    for i in range(0, N, step):
        yield [a[i : i + step] for a in arrays]


def _reach(n: int, out: int, k: int, s: int, p: int) -> tuple[slice, slice]:
    """Along one axis: the pixels at tap k of the windows that have one there, and these windows."""
    first, stop = max(0, -((k - p) // s)), min(out, (n - 1 + p - k) // s + 1)
    start = s * first + k - p
    return slice(start, start + s * max(0, stop - first), s), slice(first, max(first, stop))


def _taps(size: Pair, out: Pair, kernel: Pair, stride: Pair, padding: Pair) -> list[Tap]:
    rows = [_reach(size[0], out[0], k, stride[0], padding[0]) for k in range(kernel[0])]
    columns = [_reach(size[1], out[1], l, stride[1], padding[1]) for l in range(kernel[1])]
    pairs = ((row, column) for row in rows for column in columns)
    return [(t, (slice(None), a, b), (slice(None), i, j)) for t, ((a, i), (b, j)) in enumerate(pairs)]


def max_pool(x: np.ndarray, kernel: Pair, stride: Pair, padding: Pair) -> tuple[np.ndarray, np.ndarray]:
    size = x.shape[1], x.shape[2]
    out = conv_size(size, kernel, stride, padding)
    taps, winner = _taps(size, out, kernel, stride, padding), first_inside(x, out, kernel, stride, padding)
    y = np.empty(winner.shape, x.dtype)
    whole = padding == (0, 0)  # every window has its first place: there is nothing yet to compare it with
    for xs, ys, ws in _blocks(x, y, winner):
        np.copyto(ys, xs[taps[0][1]] if whole else -np.inf)
        for t, at, windows in taps[whole:]:
            _challenge(xs[at], t, ys[windows], ws[windows])
    return y, winner


def _challenge(tap: np.ndarray, t: int, best: np.ndarray, winner: np.ndarray) -> None:
    """Where a tap is higher than the best so far, it is the best, and t the winner."""
    near = scratch("near", tap.shape, tap.dtype)
    np.copyto(near, tap)  # once: the two loops that read it are three times as fast on contiguous numbers
    higher = np.greater(near, best, out=scratch("higher", tap.shape, bool))
    np.maximum(best, near, out=best)
    places = np.multiply(higher, winner.dtype.type(t), out=scratch("places", tap.shape, winner.dtype))
    np.maximum(winner, places, out=winner)  # places come in order: the last to rise wins


def max_pool_grad(
    dy: np.ndarray, winner: np.ndarray, size: Pair, kernel: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    N, OH, OW, C = dy.shape
    taps, dx = _taps(size, (OH, OW), kernel, stride, padding), np.zeros((N, *size, C), dy.dtype)
    apart = kernel[0] <= stride[0] and kernel[1] <= stride[1]
    for dxs, dys, ws in _blocks(dx, dy, winner):
        for t, at, windows in taps:
            if apart:
                _won(dys[windows], t, ws[windows], out=dxs[at])
            else:
                dxs[at] += _won(dys[windows], t, ws[windows])
    return dx


def max_pool_pick(x: np.ndarray, winner: np.ndarray, kernel: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    size, out = (x.shape[1], x.shape[2]), (winner.shape[1], winner.shape[2])
    taps, y = _taps(size, out, kernel, stride, padding), np.zeros(winner.shape, x.dtype)
    for xs, ys, ws in _blocks(x, y, winner):
        for t, at, windows in taps:
            ys[windows] += _won(xs[at], t, ws[windows])
    return y


def _won(v: np.ndarray, t: int, winner: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """v where place t won, 0 elsewhere."""
    won = np.equal(winner, t, out=scratch("won", v.shape, bool))
    return np.multiply(v, won, out=scratch("product", v.shape, v.dtype) if out is None else out)


def sum_pool(x: np.ndarray, kernel: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    size = x.shape[1], x.shape[2]
    out = conv_size(size, kernel, stride, padding)
    taps, y = _taps(size, out, kernel, stride, padding), np.zeros((len(x), *out, x.shape[3]), x.dtype)
    for xs, ys in _blocks(x, y):
        for _, at, windows in taps:
            ys[windows] += xs[at]
    return y


def sum_pool_grad(dy: np.ndarray, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    N, OH, OW, C = dy.shape
    taps, dx = _taps(size, (OH, OW), kernel, stride, padding), np.zeros((N, *size, C), dy.dtype)
    for dxs, dys in _blocks(dx, dy):
        for _, at, windows in taps:
            dxs[at] += dys[windows]
    return dx

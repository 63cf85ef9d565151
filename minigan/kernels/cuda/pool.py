"""Pooling on a GPU: one kernel per function, every rounding that of `general`."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda.gemm import contiguous, is_float32
from minigan.kernels.cuda.windows import Windows
from minigan.kernels.geometry import Pair

MOST_PLACES = 256  # a winner has to fit into a byte


def max_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> tuple[Array, Array]:
    windows = _windows(x, kernel, stride, padding)
    if not _fits(x, windows):
        return general.max_pool(x, kernel, stride, padding)
    y = _empty(x, windows)
    winner = np.empty_like(y, dtype=np.uint8)
    _forward("max_pool", windows, contiguous(x), y, winner)
    return y, winner


def max_pool_grad(dy: Array, winner: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    windows = Windows(size, dy.shape[3], kernel, stride, padding)
    if not _fits(dy, windows):
        return general.max_pool_grad(dy, winner, size, kernel, stride, padding)
    if winner.shape != dy.shape:
        raise ValueError(f"expected one winner for every number of dy {dy.shape}, got {winner.shape}")
    return _grad(windows, dy, contiguous(winner))


def max_pool_pick(x: Array, winner: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    windows = _windows(x, kernel, stride, padding)
    if not _fits(x, windows):
        return general.max_pool_pick(x, winner, kernel, stride, padding)
    y = _empty(x, windows)
    if winner.shape != y.shape:
        raise ValueError(f"expected winners of shape {y.shape} for images {x.shape}, got {winner.shape}")
    _forward("max_pool_pick", windows, contiguous(x), y, contiguous(winner))
    return y


def sum_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    if not is_float32(x):
        return general.sum_pool(x, kernel, stride, padding)
    windows = _windows(x, kernel, stride, padding)
    y = _empty(x, windows)
    _forward("sum_pool", windows, contiguous(x), y)
    return y


def sum_pool_grad(dy: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    if not is_float32(dy):
        return general.sum_pool_grad(dy, size, kernel, stride, padding)
    return _grad(Windows(size, dy.shape[3], kernel, stride, padding), dy, None)


def _windows(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Windows:
    return Windows(x.shape[1:3], x.shape[3], kernel, stride, padding)


def _fits(x: Array, windows: Windows) -> bool:
    """Whether the kernels can do it: float32, a winner in a byte, and a pixel of the image in every window."""
    touches = all(p < k for p, k in zip(windows.padding, windows.kernel, strict=True))
    return is_float32(x) and windows.places <= MOST_PLACES and touches


def _empty(x: Array, windows: Windows) -> Array:
    return np.empty_like(x, shape=(len(x), *windows.out, windows.C), order="C")


def _forward(name: str, windows: Windows, x: Array, y: Array, *winner: Array) -> None:
    windows.launch(name, len(x) * windows.out[0], windows.out[1] * windows.C, x, y, *winner)


def _grad(windows: Windows, dy: Array, winner: Array | None) -> Array:
    """The gradient of the pixels from the dy of their windows: of all, or of the winners."""
    windows.expect(dy.shape[1:3])
    dx = np.empty_like(dy, shape=(len(dy), *windows.size, windows.C), order="C")
    windows.launch("pool_grad", len(dy) * windows.size[0], windows.size[1] * windows.C, contiguous(dy), winner, dx)
    return dx

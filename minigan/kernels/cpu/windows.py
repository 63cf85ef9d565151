"""Frames, blocks and windows of maps: what the convolutions for NumPy share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.geometry import Pair

BLOCK = 256 * 1024  # numbers of columns at a time: 1 MiB of float32, still in cache when the product reads them
LEAST_ROWS = 512  # rows per product: below, BLAS's reordering of the weights and the sum of partial results show


def blocks(N: int, rows: int, width: int) -> Iterator[slice]:
    """Consecutive images whose columns, `rows` per image and `width` wide, fill about one block."""
    step = max(BLOCK // (rows * width), -(-LEAST_ROWS // rows))
    for i in range(0, N, step):
        yield slice(i, min(i + step, N))


def frame(x: np.ndarray, padding: Pair) -> np.ndarray:
    """x with zeros around it: (N, H + 2 · PH, W + 2 · PW, C), in scratch."""
    (N, H, W, C), (PH, PW) = x.shape, padding
    if padding == (0, 0):
        return x
    framed = scratch("frame", (N, H + 2 * PH, W + 2 * PW, C), x.dtype)
    _place(x, padding, framed)
    return framed


def rows_first(x: np.ndarray, corner: Pair, size: Pair) -> np.ndarray:
    """x from `corner` on in zeros of this size, rows before images: (FH, N, FW, C), in scratch."""
    framed = scratch("frame", (size[0], len(x), size[1], x.shape[3]), x.dtype)
    _place(x, corner, framed.swapaxes(0, 1))
    return framed


def _place(x: np.ndarray, corner: Pair, framed: np.ndarray) -> None:
    """Write x into `framed`, (N, FH, FW, C), from `corner` on, and zeros around it."""
    (_, H, W, _), (top, left) = x.shape, corner
    framed[:, :top] = 0
    framed[:, top + H :] = 0
    inside = framed[:, top : top + H]
    inside[:, :, :left] = 0
    inside[:, :, left + W :] = 0
    inside[:, :, left : left + W] = x


def windows_of(framed: np.ndarray, size: Pair, kernel: Pair, stride: Pair, column: int = 0) -> np.ndarray:
    """The windows of all output pixels as a view, (N, OH, OW, KH, KW · C); the first begins at `column` of the map."""
    N, FH, FW, C = framed.shape
    (OH, OW), (KH, KW), (SH, SW) = size, kernel, stride
    d = framed.itemsize  # framed is contiguous; the stride of an axis of length one may say anything
    a, b, c = FH * FW * C * d, FW * C * d, C * d
    strides = (a, SH * b, SW * c, b, d)
    return np.ndarray((N, OH, OW, KH, KW * C), framed.dtype, framed, column * c, strides)


def columns_of(windows: np.ndarray) -> np.ndarray:
    """im2col: one window per row, in scratch. A row of a window is one run of KW · C numbers: all is one copy."""
    N, OH, OW, KH, KWC = windows.shape
    columns = scratch("columns", windows.shape, windows.dtype)
    copy_runs(windows, columns)
    return columns.reshape(N * OH * OW, KH * KWC)


def copy_runs(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, the last axis of both being contiguous: it moves as one item.

    NumPy starts an inner loop for every run of numbers, and for a short run the start is most of the time: images of
    one channel have runs of four, which take a quarter of the time so.
    """
    run = np.dtype((np.void, source.shape[-1] * source.itemsize))
    np.copyto(target.view(run), source.view(run))

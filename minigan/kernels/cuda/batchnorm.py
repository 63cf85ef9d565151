"""Batch norm's sums and maps, and the sum over a batch: as in `general`, with a kernel each for float32."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda.launch import launch
from minigan.kernels.cuda.shape import THREADS, blocks, column_threads, row_slices, takes


def channel_sum(x: Array) -> Array:
    if not takes(x):
        return general.channel_sum(x)
    C = x.shape[-1]
    return _column_sums(x, x.size // C, C)


def moments(x: Array) -> tuple[Array, Array]:
    if not takes(x):
        return general.moments(x)
    C = x.shape[-1]
    rows, across, threads = x.size // C, _blocks_across(C), column_threads(C)
    slices = row_slices(rows, C)
    merged = np.empty_like(x, shape=(2, slices, C))
    launch("column_moments", (across, slices), threads, x, merged, np.int32(rows), np.int32(C))
    if slices > 1:
        parts, merged = merged, np.empty_like(x, shape=(2, 1, C))
        sizes = (np.int32(n) for n in (slices, -(-rows // slices), rows, C))
        launch("merged_moments", across, threads, parts, merged, *sizes)
    return merged[0, 0], merged[1, 0]


def batchnorm(x: Array, mean: Array, rstd: Array, weight: Array, bias: Array, slope: float = 1) -> Array:
    if not takes(x, mean, rstd, weight, bias):
        return general.batchnorm(x, mean, rstd, weight, bias, slope)
    y = np.empty_like(x)
    sizes = np.int32(x.shape[-1]), np.int32(x.size)
    launch("batchnorm", blocks(x.size), THREADS, x, mean, rstd, weight, bias, y, np.float32(slope), *sizes)
    return y


def batchnorm_sums(dy: Array, x: Array, mean: Array, rstd: Array) -> tuple[Array, Array]:
    if not takes(dy, x, mean, rstd):
        return general.batchnorm_sums(dy, x, mean, rstd)
    C = x.shape[-1]
    rows = x.size // C
    slices = row_slices(rows, C)
    sums = np.empty_like(x, shape=(slices, 2 * C))
    grid = _blocks_across(C), slices
    launch("batchnorm_sums", grid, column_threads(C), dy, x, mean, rstd, sums, np.int32(rows), np.int32(C))
    total = _column_sums(sums, slices, 2 * C) if slices > 1 else sums[0]
    return total[:C], total[C:]


def batchnorm_grad(
    dy: Array, x: Array, mean: Array, rstd: Array, weight: Array, a: Array, b: Array, out: Array | None = None
) -> Array:
    dx = np.empty_like(dy) if out is None else out
    if not takes(dy, x, mean, rstd, weight, a, b, dx):
        return general.batchnorm_grad(dy, x, mean, rstd, weight, a, b, out)
    sizes = np.int32(x.shape[-1]), np.int32(x.size)
    launch("batchnorm_grad", blocks(x.size), THREADS, dy, x, mean, rstd, weight, a, b, dx, *sizes)
    return dx


def _blocks_across(columns: int) -> int:
    return -(-columns // column_threads(columns)[0])


def _column_sums(x: Array, rows: int, columns: int) -> Array:
    """The sums down the columns of a row-major matrix: of slices of its rows first, then of their sums."""
    slices = row_slices(rows, columns)
    sums = np.empty_like(x, shape=(slices, columns))
    grid = _blocks_across(columns), slices
    launch("column_sums", grid, column_threads(columns), x, sums, np.int32(rows), np.int32(columns))
    return _column_sums(sums, slices, columns) if slices > 1 else sums[0]

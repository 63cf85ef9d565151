"""The sums and maps of batch norm: sums by products with a row of ones, maps in one chain per cache-sized piece."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minigan.kernels.cpu.scratch import scratch

CHUNK = 64 * 1024  # numbers per piece: the chain of a piece runs inside the second-level cache
WIDE = 1024  # numbers per row: NumPy starts one inner loop per row, and 64 channels alone make too short a loop


def repeats(x: np.ndarray) -> int:
    """How many pixels side by side make one row of about WIDE numbers: they must divide the pixels of x."""
    C = x.shape[-1]
    return math.gcd(x.size // C, max(1, WIDE // C))


def rows(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The same rows of each array seen as a matrix (m / R, R · C), some at a time, from the first to the last."""
    width = arrays[0].shape[-1] * repeats(arrays[0])
    matrices = [a.reshape(-1, width) for a in arrays]
    step = max(1, CHUNK // width)
    for i in range(0, len(matrices[0]), step):
        yield [a[i : i + step] for a in matrices]


def fold(total: np.ndarray, C: int) -> np.ndarray:
    """The sums over the columns of a wide row, per channel."""
    return total.reshape(-1, C).sum(axis=0)


def channel_sum(x: np.ndarray) -> np.ndarray:
    total = np.zeros(x.shape[-1])  # float64: the sums of the pieces are added without loss
    for (xs,) in rows(x):
        total += fold(np.ones(len(xs), x.dtype) @ xs, len(total))
    return total.astype(x.dtype)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # One pass. The mean of E[x²] - E[x]² cancels where the mean is large; sums about the mean k of the first piece
    # do not, because k lies within a few deviations of the mean. Pieces are added up in float64.
    C, R = x.shape[-1], repeats(x)
    m = x.size // C
    total, squares, k = np.zeros(C), np.zeros(C), None
    for (xs,) in rows(x):
        ones = np.ones(len(xs), x.dtype)
        if k is None:
            k = (fold(ones @ xs, C) / (len(xs) * R)).astype(x.dtype)
            wide_k = np.tile(k, R)
        centred = np.subtract(xs, wide_k, out=scratch("batchnorm", xs.shape, x.dtype))
        total += fold(ones @ centred, C)
        squares += fold(np.einsum("ij,ij->j", centred, centred), C)
    shift = total / m
    mean, var = k + shift, squares / m - shift * shift
    return mean.astype(x.dtype), var.astype(x.dtype)


def batchnorm(x: np.ndarray, mean: np.ndarray, rstd: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    y = np.empty(x.shape, x.dtype)
    mean, scale, bias = (np.tile(v, repeats(x)) for v in (mean, weight * rstd, bias))
    for xs, ys in rows(x, y):
        np.subtract(xs, mean, out=ys)
        np.multiply(ys, scale, out=ys)
        np.add(ys, bias, out=ys)
    return y


def batchnorm_sums(dy: np.ndarray, x: np.ndarray, mean: np.ndarray, rstd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    C, wide_mean = x.shape[-1], np.tile(mean, repeats(x))
    total, products = np.zeros(C), np.zeros(C)
    for dys, xs in rows(dy, x):
        centred = np.subtract(xs, wide_mean, out=scratch("batchnorm", xs.shape, x.dtype))
        total += fold(np.ones(len(dys), dy.dtype) @ dys, C)
        products += fold(np.einsum("ij,ij->j", dys, centred), C)
    return total.astype(x.dtype), (products * rstd).astype(x.dtype)


def batchnorm_grad(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    rstd: np.ndarray,
    weight: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
) -> np.ndarray:
    # weight · rstd · (dy - a - x̂ · b) = A · dy + B · (x - mean) + C, with three constants per channel.
    A = weight * rstd
    mean, A, B, C = (np.tile(v, repeats(x)) for v in (mean, A, -A * rstd * b, -A * a))
    dx = np.empty(x.shape, x.dtype)
    for dys, xs, dxs in rows(dy, x, dx):
        curved = np.subtract(xs, mean, out=scratch("batchnorm", xs.shape, x.dtype))
        np.multiply(curved, B, out=curved)
        np.multiply(dys, A, out=dxs)
        np.add(dxs, C, out=dxs)
        np.add(dxs, curved, out=dxs)
    return dx

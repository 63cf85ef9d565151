"""The sums and maps of batch norm: sums by products with a row of ones, maps in one chain per cache-sized piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.kernels.cpu.scratch import scratch

CHUNK = 64 * 1024  # numbers per piece: the chain of a piece runs inside the second-level cache


def rows(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The same rows of each array seen as a matrix (m, C), some at a time, from the first to the last."""
    C = arrays[0].shape[-1]
    matrices = [a.reshape(-1, C) for a in arrays]
    step = max(1, CHUNK // C)
    for i in range(0, len(matrices[0]), step):
        yield [a[i : i + step] for a in matrices]


def channel_sum(x: np.ndarray) -> np.ndarray:
    total = np.zeros(x.shape[-1])  # float64: the sums of the pieces are added without loss
    for (xs,) in rows(x):
        total += np.ones(len(xs), x.dtype) @ xs
    return total.astype(x.dtype)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # One pass. The mean of E[x²] - E[x]² cancels where the mean is large; sums about the mean k of the first piece
    # do not, because k lies within a few deviations of the mean. Pieces are added up in float64.
    C, m = x.shape[-1], x.size // x.shape[-1]
    total, squares, k = np.zeros(C), np.zeros(C), None
    for (xs,) in rows(x):
        ones = np.ones(len(xs), x.dtype)
        k = ones @ xs / len(xs) if k is None else k
        centred = np.subtract(xs, k, out=scratch("batchnorm", xs.shape, x.dtype))
        total += ones @ centred
        squares += np.einsum("ij,ij->j", centred, centred)
    shift = total / m
    mean, var = k + shift, squares / m - shift * shift
    return mean.astype(x.dtype), var.astype(x.dtype)


def batchnorm(x: np.ndarray, mean: np.ndarray, rstd: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    y = np.empty(x.shape, x.dtype)
    scale = weight * rstd
    for xs, ys in rows(x, y):
        np.subtract(xs, mean, out=ys)
        np.multiply(ys, scale, out=ys)
        np.add(ys, bias, out=ys)
    return y


def batchnorm_sums(dy: np.ndarray, x: np.ndarray, mean: np.ndarray, rstd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total, products = np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for dys, xs in rows(dy, x):
        centred = np.subtract(xs, mean, out=scratch("batchnorm", xs.shape, x.dtype))
        total += np.ones(len(dys), dy.dtype) @ dys
        products += np.einsum("ij,ij->j", dys, centred)
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
    B, C = -A * rstd * b, -A * a
    dx = np.empty(x.shape, x.dtype)
    for dys, xs, dxs in rows(dy, x, dx):
        curved = np.subtract(xs, mean, out=scratch("batchnorm", xs.shape, x.dtype))
        np.multiply(curved, B, out=curved)
        np.multiply(dys, A, out=dxs)
        np.add(dxs, C, out=dxs)
        np.add(dxs, curved, out=dxs)
    return dx

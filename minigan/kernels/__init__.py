"""The engine room: what the pages ask of the machine, made fast here and nowhere else.

Each kernel is one formula. It has a version for NumPy arrays (`cpu/`, written for speed) and one for any array that
follows NumPy's protocols (`general.py`, written to be read; CuPy arrays take it). The type of the first argument
chooses. Images are (N, H, W, C), weights of convolutions (KH, KW, C, O), all arrays of one call share one data type.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from minigan.device import Array
from minigan.kernels import cpu, general
from minigan.kernels.geometry import Pair, conv_size, conv_transpose_size, pair

__all__ = [
    "Array",
    "Pair",
    "batchnorm",
    "batchnorm_grad",
    "batchnorm_sums",
    "channel_sum",
    "conv_size",
    "conv_transpose_size",
    "correlate",
    "dropout_mask",
    "leaky_relu",
    "leaky_relu_grad",
    "match",
    "matmul",
    "max_pool",
    "max_pool_grad",
    "max_pool_pick",
    "moments",
    "pair",
    "spread",
    "sum_pool",
    "sum_pool_grad",
]


def _for(x: Array) -> ModuleType:
    return cpu if isinstance(x, np.ndarray) else general


def matmul(a: Array, b: Array) -> Array:
    """y = a · b for matrices (M, K) and (K, N)."""
    return _for(a).matmul(a, b)


def correlate(x: Array, w: Array, stride: Pair, padding: Pair) -> Array:
    """y[n, i, j, o] = Σ_klc x[n, s·i + k - p, s·j + l - p, c] · w[k, l, c, o], x being 0 outside; (N, OH, OW, O)."""
    return _for(x).correlate(x, w, stride, padding)


def spread(y: Array, w: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    """The x of shape (N, *size, C) with <correlate(x', w), y> = <x', x> for every x': correlate from its other end."""
    return _for(y).spread(y, w, size, stride, padding)


def match(x: Array, y: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """The w of shape (*kernel, C, O) with <correlate(x, w'), y> = <w', w> for every w'."""
    return _for(x).match(x, y, kernel, stride, padding)


def channel_sum(x: Array) -> Array:
    """Σ x over all axes but the last, (C,)."""
    return _for(x).channel_sum(x)


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance over all axes but the last, both (C,); the variance is centred and does not cancel."""
    return _for(x).moments(x)


def batchnorm(x: Array, mean: Array, rstd: Array, weight: Array, bias: Array, slope: float = 1) -> Array:
    """y = max(t, slope · t) of t = weight · x̂ + bias with x̂ = (x - mean) · rstd; the four are (C,), 0 <= slope <= 1."""
    return _for(x).batchnorm(x, mean, rstd, weight, bias, slope)


def batchnorm_sums(dy: Array, x: Array, mean: Array, rstd: Array) -> tuple[Array, Array]:
    """Σ dy and Σ dy · x̂ over all axes but the last, both (C,)."""
    return _for(dy).batchnorm_sums(dy, x, mean, rstd)


def batchnorm_grad(
    dy: Array, x: Array, mean: Array, rstd: Array, weight: Array, a: Array, b: Array, out: Array | None = None
) -> Array:
    """dx = weight · rstd · (dy - a - x̂ · b); a = mean(dy) and b = mean(dy · x̂) are (C,).

    `out`, a contiguous array, takes the result; it may be dy itself.
    """
    return _for(dy).batchnorm_grad(dy, x, mean, rstd, weight, a, b, out)


def leaky_relu(x: Array, slope: float) -> Array:
    """y = max(x, slope · x), for 0 <= slope <= 1."""
    return _for(x).leaky_relu(x, slope)


def leaky_relu_grad(dy: Array, y: Array, slope: float) -> Array:
    """dx = dy where y > 0, slope · dy elsewhere. y = max(x, slope · x), or x itself: they are positive together."""
    return _for(dy).leaky_relu_grad(dy, y, slope)


def dropout_mask(x: Array, p: float, rng: np.random.Generator) -> Array:
    """An array like x: 0 with probability p, else 1 / (1 - p); p is rounded to a multiple of 2^-16."""
    return _for(x).dropout_mask(x, p, rng)


def max_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> tuple[Array, Array]:
    """y[n, i, j, c] = max_kl x[n, s·i + k - p, s·j + l - p, c] over the pixels inside, and the winner's k · KW + l.

    Of equal pixels the first wins. The winner is an unsigned integer, of one byte where KH · KW <= 256.
    """
    return _for(x).max_pool(x, kernel, stride, padding)


def max_pool_grad(dy: Array, winner: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """The x of shape (N, *size, C) with <max_pool_pick(x', winner), dy> = <x', x> for every x'."""
    return _for(dy).max_pool_grad(dy, winner, size, kernel, stride, padding)


def max_pool_pick(x: Array, winner: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """y[n, i, j, c] = x[n, s·i + k - p, s·j + l - p, c] with k · KW + l = winner[n, i, j, c]."""
    return _for(x).max_pool_pick(x, winner, kernel, stride, padding)


def sum_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """y[n, i, j, c] = Σ_kl x[n, s·i + k - p, s·j + l - p, c], x being 0 outside; (N, OH, OW, C)."""
    return _for(x).sum_pool(x, kernel, stride, padding)


def sum_pool_grad(dy: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """The x of shape (N, *size, C) with <sum_pool(x'), dy> = <x', x> for every x'."""
    return _for(dy).sum_pool_grad(dy, size, kernel, stride, padding)

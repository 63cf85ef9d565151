"""The engine room: what the pages ask of the machine, made fast here and nowhere else.

Each kernel is one formula. It has a version for NumPy arrays (`cpu/`, written for speed), one for arrays on a GPU
(`cuda/`, likewise) and one for any array that follows NumPy's protocols (`general.py`, written to be read). The type of
the first argument chooses. Images are (N, H, W, C), weights of convolutions (KH, KW, C, O), all arrays of one call
share one data type.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from minigan.device import Array, like
from minigan.kernels import cpu, cuda, general, random
from minigan.kernels.geometry import Pair, conv_size, conv_transpose_size, pair
from minigan.kernels.moves import Moves, Workers
from minigan.random import Counter, Random

__all__ = [
    "Array",
    "Moves",
    "Pair",
    "Workers",
    "adam",
    "adamax",
    "batchnorm",
    "batchnorm_grad",
    "batchnorm_sums",
    "channel_sum",
    "conv_size",
    "conv_transpose_size",
    "correlate",
    "draw_normal",
    "draw_rows",
    "draw_uniform",
    "dropout_mask",
    "follow",
    "fusible",
    "leaky_relu",
    "leaky_relu_grad",
    "match",
    "matmul",
    "matrix_vector",
    "max_pool",
    "max_pool_grad",
    "max_pool_pick",
    "moments",
    "normal",
    "pair",
    "resample",
    "rmsprop",
    "scatter",
    "sgd",
    "spread",
    "sum_pool",
    "sum_pool_grad",
    "take",
    "tick",
    "uniform",
    "vector_matrix",
]


def _for(x: Array) -> ModuleType:
    if isinstance(x, np.ndarray):
        return cpu
    return cuda if _on_gpu(x) else general


def _drawing_for(x: Array) -> ModuleType:
    return cuda if _on_gpu(x) else random


def _on_gpu(x: Array) -> bool:
    return hasattr(type(x), "__cuda_array_interface__")


def matmul(a: Array, b: Array) -> Array:
    """y = a · b for matrices (M, K) and (K, N)."""
    return _for(a).matmul(a, b)


def matrix_vector(a: Array, v: Array) -> Array:
    """y = a · v for a matrix (M, K) and a vector (K,)."""
    return _for(a).matrix_vector(a, v)


def vector_matrix(u: Array, a: Array) -> Array:
    """y = aᵀ · u for a vector (M,) and a matrix (M, K)."""
    return _for(a).vector_matrix(u, a)


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


def dropout_mask(x: Array, p: float, rng: Random) -> Array:
    """An array like x: 0 with probability p, else 1 / (1 - p); p is rounded to a multiple of 2^-16."""
    if isinstance(rng, Counter):
        threshold = round(p * 2**16) / 2**16
        return (uniform(x, x.shape, rng) >= threshold).astype(x.dtype) * x.dtype.type(1 / (1 - threshold))
    return _for(x).dropout_mask(x, p, rng)


def uniform(x: Array, shape: tuple[int, ...], rng: Random) -> Array:
    """Numbers in [0, 1) of this shape, of the data type of x and where x lives.

    A Generator draws them on the host, in float64; a Counter where they are to live, with 24 bits.
    """
    if not isinstance(rng, Counter):
        return like(rng.random(shape), x)
    drawn = np.empty_like(x, shape=shape, dtype=np.float32, order="C")
    draw_uniform(drawn, rng.key, rng.step, rng.part())
    return drawn.astype(x.dtype, copy=False)


def normal(x: Array, shape: tuple[int, ...], rng: Random) -> Array:
    """Standard normal numbers of this shape, of the data type of x and where x lives.

    A Generator draws them on the host, in float64; a Counter where they are to live, in float32.
    """
    if not isinstance(rng, Counter):
        return like(rng.standard_normal(shape), x)
    drawn = np.empty_like(x, shape=shape, dtype=np.float32, order="C")
    draw_normal(drawn, rng.key, rng.step, rng.part())
    return drawn.astype(x.dtype, copy=False)


def scatter(labels: Array, rows: Array, K: int) -> Array:
    """y[k] = Σ of the rows (M, d) whose label is k; labels (M,), integers in [0, K); y (K, d)."""
    return _for(rows).scatter(labels, rows, K)


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


def resample(x: Array, taps: Sequence[float], up: int, down: int, before: int, size: Pair) -> Array:
    """y[j] = Σ_t taps[t] · x[(down · j + t - before) / up] along rows and columns, over the t that give a pixel of x.

    y is (N, *size, C). With the taps in reverse, `up` and `down` exchanged, and len(taps) - 1 - before, it is the
    transposed map.
    """
    return _for(x).resample(x, taps, up, down, before, size)


def draw_uniform(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    """Fill `out`, float32, with multiples of 2^-24 from [0, 1) that follow from key, step and part alone.

    key: (seed, stream), two numbers below 2^64. step: an array of one uint64 where `out` is, read when the numbers are
    made, so that a recorded step draws anew at every replay. part: distinguishes the draws of one step, below 2^32.
    """
    _checked(out, np.float32, step)
    _drawing_for(out).draw_uniform(out, key, step, part)


def draw_normal(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    """Fill `out` with standard normal numbers as `draw_uniform` does with uniform ones; machines agree to a few ulp."""
    _checked(out, np.float32, step)
    _drawing_for(out).draw_normal(out, key, step, part)


def draw_rows(rows: Array, n: int, key: Sequence[int], seen: Array) -> None:
    """Fill `rows`, int32, with the rows of 0 ... n - 1 that make batch number `seen`: an array of one uint64.

    The batches cut an endless list of epochs, each of which is a permutation of all rows that follows from its number
    and the key: a batch may begin in one epoch and end in the next.
    """
    if not 0 < n < 2**31:
        raise ValueError(f"rows are drawn from 1 to 2^31 - 1 rows, not from {n}")
    _checked(rows, np.int32, seen)
    _drawing_for(rows).draw_rows(rows, n, key, seen)


def take(images: Array, rows: Array) -> Array:
    """images[rows], float32; of uint8 pixels p it is p / 127.5 - 1, in [-1, 1]. No row is checked."""
    return _drawing_for(images).take(images, rows)


def tick(step: Array) -> None:
    """step ← step + 1, where it is."""
    _drawing_for(step).tick(step)


def sgd(moves: Moves, lr: float, momentum: float) -> None:
    """v ← momentum · v + g        p ← p - lr · v

    For each row (p, g, v), in place. This and the next three also do what `follow` does.
    """
    _for(moves.rows[0][0]).sgd(moves, lr, momentum)


def rmsprop(moves: Moves, lr: float, alpha: float, eps: float) -> None:
    """s ← alpha · s + (1 - alpha) · g²        p ← p - lr · g / (√s + ε), for each row (p, g, s)."""
    _for(moves.rows[0][0]).rmsprop(moves, lr, alpha, eps)


def adam(moves: Moves, lr: float, betas: tuple[float, float], eps: float, t: int) -> None:
    """m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²        p ← p - lr · m̂ / (√v̂ + ε)

    For each row (p, g, m, v), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ); t is the number of this step, from 1.
    """
    _for(moves.rows[0][0]).adam(moves, lr, betas, eps, t)


def adamax(moves: Moves, lr: float, betas: tuple[float, float], eps: float) -> None:
    """m ← β₁ m + (1 - β₁) g        v ← max(β₂ v + ε, |g|)        p ← p - lr · m / v, for each row (p, g, m, v)."""
    _for(moves.rows[0][0]).adamax(moves, lr, betas, eps)


def follow(moves: Moves) -> None:
    """average ← average + (1 - d) · (p - average) with d = min(decay, (1 + count) / (10 + count)); rows (p, ...)."""
    _for(moves.rows[0][0]).follow(moves)


def fusible(*arrays: Array) -> bool:
    """Can one launch on a GPU update all of these arrays? Contiguous float32 on a GPU."""
    return all(_on_gpu(a) and cuda.fusible(a) for a in arrays)


def _checked(out: Array, dtype: type, count: Array) -> None:
    if out.dtype != dtype or not out.flags.c_contiguous:
        raise TypeError(f"draws fill contiguous arrays of {np.dtype(dtype)}, got {out.dtype} of shape {out.shape}")
    if count.dtype != np.uint64 or count.size != 1:
        raise TypeError(f"a count is an array of one uint64, got {count.dtype} of shape {count.shape}")

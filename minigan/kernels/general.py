"""Every kernel as its formula, for any array that follows NumPy's protocols: CuPy's, and the reference in tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from minigan.device import Array, like
from minigan.kernels.geometry import Pair, conv_size, resample_terms
from minigan.kernels.moves import Moves


def matmul(a: Array, b: Array) -> Array:
    return np.matmul(a, b)


def matrix_vector(a: Array, v: Array) -> Array:
    return (a * v).sum(axis=1)


def vector_matrix(u: Array, a: Array) -> Array:
    return (u[:, np.newaxis] * a).sum(axis=0)


def _columns(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """im2col: row (n, i, j) holds the window of x that output pixel (i, j) looks at, (N, OH, OW, KH, KW, C)."""
    (KH, KW), (SH, SW), (PH, PW) = kernel, stride, padding
    N, H, W, C = x.shape
    OH, OW = conv_size((H, W), kernel, stride, padding)
    framed = np.zeros_like(x, shape=(N, H + 2 * PH, W + 2 * PW, C))
    framed[:, PH : PH + H, PW : PW + W] = x
    columns = np.empty_like(x, shape=(N, OH, OW, KH, KW, C))
    for k in range(KH):
        for l in range(KW):
            columns[:, :, :, k, l] = framed[:, k : k + SH * (OH - 1) + 1 : SH, l : l + SW * (OW - 1) + 1 : SW]
    return columns


def correlate(x: Array, w: Array, stride: Pair, padding: Pair) -> Array:
    KH, KW, C, O = w.shape
    columns = _columns(x, (KH, KW), stride, padding)
    return matmul(columns.reshape(-1, KH * KW * C), w.reshape(-1, O)).reshape(*columns.shape[:3], O)


def spread(y: Array, w: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    (H, W), (SH, SW), (PH, PW) = size, stride, padding
    N, OH, OW, O = y.shape
    KH, KW, C, _ = w.shape
    columns = matmul(y.reshape(-1, O), w.reshape(-1, O).T).reshape(N, OH, OW, KH, KW, C)
    framed = np.zeros_like(y, shape=(N, H + 2 * PH, W + 2 * PW, C))
    for k in range(KH):
        for l in range(KW):
            framed[:, k : k + SH * (OH - 1) + 1 : SH, l : l + SW * (OW - 1) + 1 : SW] += columns[:, :, :, k, l]
    return framed[:, PH : PH + H, PW : PW + W]


def match(x: Array, y: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    columns = _columns(x, kernel, stride, padding)
    C, O = x.shape[-1], y.shape[-1]
    return matmul(columns.reshape(-1, kernel[0] * kernel[1] * C).T, y.reshape(-1, O)).reshape(*kernel, C, O)


def scatter(labels: Array, rows: Array, K: int) -> Array:
    # As a product: it always adds up in the same order, and CuPy has no add.at without atomics.
    return matmul(one_hot(labels, K, rows), rows)


def one_hot(labels: Array, K: int, rows: Array) -> Array:
    """(K, M), 1 in row k where the label is k, in the data type of `rows`."""
    numbers = np.ones_like(labels, shape=(K, 1)).cumsum(axis=0) - 1
    return (numbers == labels).astype(rows.dtype)


def channel_sum(x: Array) -> Array:
    return x.sum(axis=tuple(range(x.ndim - 1)))


def moments(x: Array) -> tuple[Array, Array]:
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    return mean, ((x - mean) ** 2).mean(axis=axes)


def batchnorm(x: Array, mean: Array, rstd: Array, weight: Array, bias: Array, slope: float = 1) -> Array:
    t = weight * ((x - mean) * rstd) + bias
    return t if slope == 1 else leaky_relu(t, slope)


def batchnorm_sums(dy: Array, x: Array, mean: Array, rstd: Array) -> tuple[Array, Array]:
    axes = tuple(range(dy.ndim - 1))
    return dy.sum(axis=axes), (dy * ((x - mean) * rstd)).sum(axis=axes)


def batchnorm_grad(
    dy: Array, x: Array, mean: Array, rstd: Array, weight: Array, a: Array, b: Array, out: Array | None = None
) -> Array:
    return np.multiply(weight * rstd, dy - a - (x - mean) * rstd * b, out=out)


def leaky_relu(x: Array, slope: float) -> Array:
    return np.maximum(x, slope * x if slope else 0)  # 0 · ∞ would be no number


def leaky_relu_grad(dy: Array, y: Array, slope: float) -> Array:
    return dy * np.maximum((y > 0).astype(y.dtype), slope)


def dropout_mask(x: Array, p: float, rng: np.random.Generator) -> Array:
    # Drawn on the host: one seed drops the same units on every machine.
    threshold = round(p * 2**16)
    kept = rng.integers(0, 2**16, size=x.shape, dtype=np.uint16) >= threshold
    return like(kept * x.dtype.type(1 / (1 - threshold / 2**16)), x)


def _framed(x: Array, padding: Pair, value: float) -> Array:
    """x with a frame of `value` around every map."""
    (N, H, W, C), (PH, PW) = x.shape, padding
    framed = np.full_like(x, value, shape=(N, H + 2 * PH, W + 2 * PW, C))
    framed[:, PH : PH + H, PW : PW + W] = x
    return framed


def _taps(framed: Array, size: Pair, kernel: Pair, stride: Pair) -> Iterator[tuple[int, Array]]:
    """For every place t = k · KW + l in a window: t, and the view (N, *size, C) of what the windows have there."""
    (OH, OW), (KH, KW), (SH, SW) = size, kernel, stride
    for k in range(KH):
        for l in range(KW):
            yield k * KW + l, framed[:, k : k + SH * (OH - 1) + 1 : SH, l : l + SW * (OW - 1) + 1 : SW]


def first_inside(x: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """The first place of every window that is not padding: it wins where all is -inf."""
    (KH, KW), N, C = kernel, len(x), x.shape[3]
    first = np.zeros_like(x, shape=(N, *size, C), dtype=np.min_scalar_type(KH * KW - 1))
    for i in range(min(size[0], -(-padding[0] // stride[0]))):
        first[:, i] += (padding[0] - stride[0] * i) * KW
    for j in range(min(size[1], -(-padding[1] // stride[1]))):
        first[:, :, j] += padding[1] - stride[1] * j
    return first


def max_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> tuple[Array, Array]:
    size = conv_size(x.shape[1:3], kernel, stride, padding)
    winner = first_inside(x, size, kernel, stride, padding)
    y = np.full_like(x, -np.inf, shape=winner.shape)
    for t, tap in _taps(_framed(x, padding, -np.inf), size, kernel, stride):
        winner = np.maximum(winner, (tap > y) * winner.dtype.type(t))  # places come in order: the last to rise wins
        y = np.maximum(y, tap)
    return y, winner


def max_pool_grad(dy: Array, winner: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    (H, W), (PH, PW), (N, OH, OW, C) = size, padding, dy.shape
    framed = np.zeros_like(dy, shape=(N, H + 2 * PH, W + 2 * PW, C))
    for t, tap in _taps(framed, (OH, OW), kernel, stride):
        tap += dy * (winner == t)
    return framed[:, PH : PH + H, PW : PW + W]


def max_pool_pick(x: Array, winner: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    y = np.zeros_like(x, shape=winner.shape)
    for t, tap in _taps(_framed(x, padding, 0), winner.shape[1:3], kernel, stride):
        y += tap * (winner == t)
    return y


def sum_pool(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    size = conv_size(x.shape[1:3], kernel, stride, padding)
    y = np.zeros_like(x, shape=(len(x), *size, x.shape[3]))
    for _, tap in _taps(_framed(x, padding, 0), size, kernel, stride):
        y += tap
    return y


def sum_pool_grad(dy: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    (H, W), (PH, PW), (N, OH, OW, C) = size, padding, dy.shape
    framed = np.zeros_like(dy, shape=(N, H + 2 * PH, W + 2 * PW, C))
    for _, tap in _taps(framed, (OH, OW), kernel, stride):
        tap += dy
    return framed[:, PH : PH + H, PW : PW + W]


def resample(x: Array, taps: Sequence[float], up: int, down: int, before: int, size: Pair) -> Array:
    (N, H, W, C), (OH, OW) = x.shape, size
    rows, y = np.zeros_like(x, shape=(N, OH, W, C)), np.zeros_like(x, shape=(N, OH, OW, C))
    for target, source, f in resample_terms(H, OH, taps, up, down, before):
        rows[:, target] += f * x[:, source]
    for target, source, f in resample_terms(W, OW, taps, up, down, before):
        y[:, :, target] += f * rows[:, :, source]
    return y


def sgd(moves: Moves, lr: float, momentum: float) -> None:
    for p, g, v in moves:
        v[...] = momentum * v + g
        p -= lr * v
    follow(moves)


def rmsprop(moves: Moves, lr: float, alpha: float, eps: float) -> None:
    for p, g, s in moves:
        s[...] = alpha * s + (1 - alpha) * g**2
        p -= lr * g / (np.sqrt(s) + eps)
    follow(moves)


def adam(moves: Moves, lr: float, betas: tuple[float, float], eps: float, t: int) -> None:
    b1, b2 = betas
    for p, g, m, v in moves:
        m[...] = b1 * m + (1 - b1) * g
        v[...] = b2 * v + (1 - b2) * g**2
        p -= lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    follow(moves)


def adamax(moves: Moves, lr: float, betas: tuple[float, float], eps: float) -> None:
    b1, b2 = betas
    for p, g, m, v in moves:
        m[...] = b1 * m + (1 - b1) * g
        v[...] = np.maximum(b2 * v + eps, np.abs(g))
        p -= lr * m / v
    follow(moves)


def follow(moves: Moves) -> None:
    for (p, *_), average in zip(moves, moves.averages, strict=True):
        if average is not None:
            average += moves.weight * (p - average)

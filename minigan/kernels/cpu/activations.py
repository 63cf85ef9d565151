"""Leaky ReLU in cache-sized pieces, without `np.where` or masks: those cost 4 to 6 ns per random element, these 0.5."""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu.pieces import empty, pieces


def leaky_relu(x: np.ndarray, slope: float) -> np.ndarray:
    y = empty(x.shape, x.dtype)
    for xs, ys in pieces(x, y):
        rectify(xs, slope, ys)
    return y


def leaky_relu_grad(dy: np.ndarray, y: np.ndarray, slope: float) -> np.ndarray:
    dx = empty(y.shape, y.dtype)
    for dys, ys, dxs in pieces(dy, y, dx):
        np.greater(ys, 0, out=dxs)
        if slope != 0:
            np.maximum(dxs, slope, out=dxs)
        np.multiply(dys, dxs, out=dxs)
    return dx


def rectify(x: np.ndarray, slope: float, out: np.ndarray) -> None:
    """out = max(x, slope · x), for one piece; out is not x."""
    if slope == 0:
        np.maximum(x, 0, out=out)
    else:
        np.multiply(x, slope, out=out)
        np.maximum(x, out, out=out)

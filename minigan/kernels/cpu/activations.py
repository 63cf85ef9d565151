"""Leaky ReLU in cache-sized pieces, without `np.where` or masks: those cost 4 to 6 ns per random element, these 0.5."""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu.pieces import pieces
from minigan.kernels.cpu.scratch import scratch


def leaky_relu(x: np.ndarray, slope: float) -> np.ndarray:
    y = np.empty(x.shape, x.dtype)
    for xs, ys in pieces(x, y):
        if slope == 0:
            np.maximum(xs, 0, out=ys)
        else:
            np.multiply(xs, slope, out=ys)
            np.maximum(xs, ys, out=ys)
    return y


def leaky_relu_grad(dy: np.ndarray, x: np.ndarray, slope: float) -> np.ndarray:
    dx = np.empty(x.shape, x.dtype)
    for dys, xs, dxs in pieces(dy, x, dx):
        factor = scratch("activation", xs.shape, x.dtype)
        np.greater(xs, 0, out=factor)
        if slope != 0:
            np.maximum(factor, slope, out=factor)
        np.multiply(dys, factor, out=dxs)
    return dx

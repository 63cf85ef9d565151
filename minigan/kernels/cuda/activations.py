"""Leaky ReLU and its gradient: as in `general`, with a kernel each for float32."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda.launch import launch
from minigan.kernels.cuda.shape import THREADS, blocks, takes


def leaky_relu(x: Array, slope: float) -> Array:
    if not takes(x):
        return general.leaky_relu(x, slope)
    y = np.empty_like(x)
    launch("leaky_relu", blocks(x.size), THREADS, x, y, np.float32(slope), np.int32(x.size))
    return y


def leaky_relu_grad(dy: Array, y: Array, slope: float) -> Array:
    if not takes(dy, y):
        return general.leaky_relu_grad(dy, y, slope)
    dx = np.empty_like(dy)
    launch("leaky_relu_grad", blocks(dy.size), THREADS, dy, y, dx, np.float32(slope), np.int32(dy.size))
    return dx

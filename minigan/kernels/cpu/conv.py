"""`correlate` and `match` for NumPy: im2col as one strided copy, then one product, in blocks that stay in cache.

Where they fit, Winograd's tiles (`winograd`) need 9 products for 16, and tiles along the rows (`toom`) 9 for 14. With
stride 1 there are ways with fewer copies (`unit_stride`).
"""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu import toom, unit_stride, winograd
from minigan.kernels.cpu.products import tall
from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import blocks, columns_of, frame, windows_of
from minigan.kernels.geometry import Pair, conv_size


def correlate(x: np.ndarray, w: np.ndarray, stride: Pair, padding: Pair) -> np.ndarray:
    N, H, W, C = x.shape
    KH, KW, _, O = w.shape
    OH, OW = conv_size((H, W), (KH, KW), stride, padding)
    x = np.ascontiguousarray(x)
    if winograd.fits(x.shape, w.shape, stride, padding):
        return winograd.correlate(x, w)
    if toom.fits(x.shape, w.shape, stride, padding):
        return toom.correlate(x, w)
    if unit_stride.fits(w.shape, stride, (OH, OW)):
        return unit_stride.correlate(x, w, padding)
    w = w.reshape(-1, O)
    y = np.empty((N, OH, OW, O), x.dtype)
    for part in blocks(N, OH * OW, len(w)):
        framed = frame(x[part], padding)
        columns = columns_of(windows_of(framed, (OH, OW), (KH, KW), stride))
        tall(columns, w, out=y[part].reshape(-1, O))
    return y


def match(x: np.ndarray, y: np.ndarray, kernel: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    N, _, _, C = x.shape
    _, OH, OW, O = y.shape
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    weights = (*kernel, C, O)
    if winograd.fits(x.shape, weights, stride, padding):
        return winograd.match(x, y)
    if toom.fits(x.shape, weights, stride, padding):
        return toom.match(x, y)
    if unit_stride.fits(weights, stride, (OH, OW)):
        return unit_stride.match(x, y, kernel, padding)
    K = kernel[0] * kernel[1] * C
    w = np.zeros((K, O), x.dtype)
    for part in blocks(N, OH * OW, K):
        framed = frame(x[part], padding)
        columns = columns_of(windows_of(framed, (OH, OW), kernel, stride))
        w += np.matmul(columns.T, y[part].reshape(-1, O), out=scratch("product", w.shape, x.dtype))
    return w.reshape(*kernel, C, O)

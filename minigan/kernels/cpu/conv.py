"""`correlate` and `match` for NumPy: im2col as one strided copy, then one product, in blocks that stay in cache.

Where they fit, Winograd's tiles (`winograd`) need 9 products for 16, and tiles along the rows (`toom`) 9 for 14.

With stride 1 and few outputs (an image has 1 or 3 channels) im2col would take longer than the product. Let the maps be
as wide as the padded input, FW. Then tap t = k · FW + l of the output at place m is at m + t, for all m:

    correlate   y[m] = Σ_t P_t[m + t]        P = wᵀ · xᵀ, one product with a row for each tap and output
    match       w_t = Σ_m y[m - t] · x[m]    the shifted y are the rows of one product

A row of y ends with KW - 1 places that are no outputs: `correlate` drops them, in `match` they are zero.
"""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu import toom, winograd
from minigan.kernels.cpu.products import tall
from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import blocks, columns_of, frame, windows_of
from minigan.kernels.geometry import Pair, conv_size

FEWER = 4  # so many times fewer outputs than inputs are few


def correlate(x: np.ndarray, w: np.ndarray, stride: Pair, padding: Pair) -> np.ndarray:
    N, H, W, C = x.shape
    KH, KW, _, O = w.shape
    OH, OW = conv_size((H, W), (KH, KW), stride, padding)
    x = np.ascontiguousarray(x)
    if winograd.fits(x.shape, w.shape, stride, padding):
        return winograd.correlate(x, w)
    if toom.fits(x.shape, w.shape, stride, padding):
        return toom.correlate(x, w)
    if _few_outputs(w.shape, stride, (OH, OW)):
        return _correlate_by_shifts(x, w, padding)
    w = w.reshape(-1, O)
    y = np.empty((N, OH, OW, O), x.dtype)
    for part in blocks(N, OH * OW, len(w)):
        framed = frame(x[part], padding)
        columns = columns_of(windows_of(framed, (OH, OW), (KH, KW), stride))
        tall(columns, w, out=y[part].reshape(-1, O))
    return y


def match(x: np.ndarray, y: np.ndarray, kernel: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    N, H, W, C = x.shape
    _, OH, OW, O = y.shape
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    weights = (*kernel, C, O)
    if winograd.fits(x.shape, weights, stride, padding):
        return winograd.match(x, y)
    if toom.fits(x.shape, weights, stride, padding):
        return toom.match(x, y)
    if _few_outputs(weights, stride, (OH, OW)):
        return _match_by_shifts(x, y, kernel, padding)
    K = kernel[0] * kernel[1] * C
    w = np.zeros((K, O), x.dtype)
    for part in blocks(N, OH * OW, K):
        framed = frame(x[part], padding)
        columns = columns_of(windows_of(framed, (OH, OW), kernel, stride))
        w += np.matmul(columns.T, y[part].reshape(-1, O), out=scratch("product", w.shape, x.dtype))
    return w.reshape(*kernel, C, O)


def _few_outputs(w: tuple[int, ...], stride: Pair, size: Pair) -> bool:
    """Are the outputs few, and their places at least half of the padded input's?"""
    (KH, KW, C, O), (OH, OW) = w, size
    return stride == (1, 1) and KH * KW > 1 and FEWER * O <= C and (OH + KH - 1) * (OW + KW - 1) <= 2 * OH * OW


def _correlate_by_shifts(x: np.ndarray, w: np.ndarray, padding: Pair) -> np.ndarray:
    (N, H, W, C), (KH, KW, _, O) = x.shape, w.shape
    FH, FW = H + 2 * padding[0], W + 2 * padding[1]
    OH, OW = FH - KH + 1, FW - KW + 1
    kernel = w.transpose(0, 1, 3, 2).reshape(-1, C)
    y = np.empty((N, OH, OW, O), x.dtype)
    for part in blocks(N, FH * FW, C + len(kernel)):
        framed = frame(x[part], padding).reshape(-1, C)
        M = len(framed)
        P = np.matmul(kernel, framed.T, out=scratch("product", (len(kernel), M), x.dtype)).reshape(KH, KW, O, M)
        total = P[0, 0]
        for k, l in [(k, l) for k in range(KH) for l in range(KW)][1:]:
            t = k * FW + l  # the last t places are no outputs
            total[:, : M - t] += P[k, l, :, t:]
        for o, map_ in enumerate(total.reshape(O, -1, FH, FW)):
            y[part, :, :, o] = map_[:, :OH, :OW]
    return y


def _match_by_shifts(x: np.ndarray, y: np.ndarray, kernel: Pair, padding: Pair) -> np.ndarray:
    (N, H, W, C), (_, OH, OW, O), (KH, KW) = x.shape, y.shape, kernel
    FH, FW = H + 2 * padding[0], W + 2 * padding[1]
    w = np.zeros((KH * KW * O, C), x.dtype)
    for part in blocks(N, FH * FW, C + len(w)):
        framed = frame(x[part], padding).reshape(-1, C)
        M = len(framed)
        shifted = scratch("columns", (KH, KW, O, M), x.dtype)
        places = shifted[0, 0].reshape(O, -1, FH, FW)
        places[:, :, OH:] = 0
        places[:, :, :OH, OW:] = 0
        for o in range(O):
            places[o, :, :OH, :OW] = y[part, :, :, o]
        for k, l in [(k, l) for k in range(KH) for l in range(KW)][1:]:
            t = k * FW + l
            shifted[k, l, :, :t] = 0
            shifted[k, l, :, t:] = shifted[0, 0, :, : M - t]
        w += np.matmul(shifted.reshape(-1, M), framed, out=scratch("product", w.shape, x.dtype))
    return np.ascontiguousarray(w.reshape(KH, KW, O, C).transpose(0, 1, 3, 2))

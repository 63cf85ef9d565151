"""`correlate` and `match` with stride 1, with fewer copies than im2col, which would take as long as the products.

**By rows.** Windows along the columns alone have KW · C numbers instead of KH · KW · C, and serve all kernel rows:

    correlate   y[i] = Σ_k windows(x)[i + k] · w[k]
    match       w[k] = Σ_i windows(x)[i + k]ᵀ · y[i]

Maps lie rows first, so that a row of all images is one matrix: a product for each row, small enough for BLAS to take
the factors as they lie.

**By shifts**, for few outputs (an image has 1 or 3 channels). Let the maps be as wide as the padded input, FW. Then tap
t = k · FW + l of the output at place m is at m + t, for all m:

    correlate   y[m] = Σ_t P_t[m + t]        P = wᵀ · xᵀ, one product with a row for each tap and output
    match       w_t = Σ_m y[m - t] · x[m]    the shifted y are the rows of one product

A row of y ends with KW - 1 places that are not outputs: `correlate` drops them, in `match` they are zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import blocks, columns_of, frame, rows_first, windows_of
from minigan.kernels.geometry import Pair

FEWER = 4  # so many times fewer outputs than inputs are few
THIN = 32 * 64  # inputs times outputs up to which products by rows, and their sums, are faster than copies


def fits(w: tuple[int, ...], stride: Pair, size: Pair) -> bool:
    """Whether this should be used for weights of this shape and `size` outputs: at least half of the padded input's."""
    (KH, KW, C, O), (OH, OW) = w, size
    can = stride == (1, 1) and KH > 1 and (OH + KH - 1) * (OW + KW - 1) <= 2 * OH * OW
    return can and (C * O <= THIN or _are_few(O, C))


def correlate(x: np.ndarray, w: np.ndarray, padding: Pair) -> np.ndarray:
    return (_correlate_by_shifts if _are_few(w.shape[3], w.shape[2]) else _correlate_by_rows)(x, w, padding)


def match(x: np.ndarray, y: np.ndarray, kernel: Pair, padding: Pair) -> np.ndarray:
    return (_match_by_shifts if _are_few(y.shape[3], x.shape[3]) else _match_by_rows)(x, y, kernel, padding)


def _are_few(outputs: int, inputs: int) -> bool:
    return FEWER * outputs <= inputs


def _correlate_by_rows(x: np.ndarray, w: np.ndarray, padding: Pair) -> np.ndarray:
    (N, H, W, C), (KH, KW, _, O) = x.shape, w.shape
    OH, OW = H + 2 * padding[0] - KH + 1, W + 2 * padding[1] - KW + 1
    w = w.reshape(KH, KW * C, O)
    y = np.empty((N, OH, OW, O), x.dtype)
    for part in blocks(N, OH * OW, KW * C + O):
        windows = _windows(x[part], (OH, OW), (KH, KW), padding)
        rows = np.matmul(windows[:OH], w[0], out=scratch("rows", (*windows[:OH].shape[:2], O), x.dtype))
        for k in range(1, KH):
            rows += np.matmul(windows[k:][:OH], w[k], out=scratch("product", rows.shape, x.dtype))
        y[part] = rows.reshape(OH, -1, OW, O).swapaxes(0, 1)
    return y


def _match_by_rows(x: np.ndarray, y: np.ndarray, kernel: Pair, padding: Pair) -> np.ndarray:
    (N, _, _, C), (_, OH, OW, O), (KH, KW) = x.shape, y.shape, kernel
    w = np.zeros((KH, KW * C, O), x.dtype)
    for part in blocks(N, OH * OW, KW * C + O):
        windows = _windows(x[part], (OH, OW), kernel, padding)
        rows = scratch("rows", (OH, windows.shape[1], O), x.dtype)
        rows.reshape(OH, -1, OW, O)[...] = y[part].swapaxes(0, 1)
        for k in range(KH):
            each = scratch("product", (OH, KW * C, O), x.dtype)
            w[k] += np.matmul(windows[k:][:OH].swapaxes(1, 2), rows, out=each).sum(axis=0)
    return w.reshape(KH, KW, C, O)


def _windows(x: np.ndarray, size: Pair, kernel: Pair, padding: Pair) -> np.ndarray:
    """The windows of `size` outputs along the columns, (rows, images · columns, KW · C), in scratch."""
    (N, _, _, C), (OH, OW), (KH, KW) = x.shape, size, kernel
    framed = rows_first(x, padding, (OH + KH - 1, OW + KW - 1))
    return columns_of(windows_of(framed, (N, OW), (1, KW), (1, 1))).reshape(len(framed), N * OW, KW * C)


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
        for k, l, t in _shifts((KH, KW), FW):
            total[:, : M - t] += P[k, l, :, t:]  # the last t places are not outputs
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
        for k, l, t in _shifts(kernel, FW):
            shifted[k, l, :, :t] = 0
            shifted[k, l, :, t:] = shifted[0, 0, :, : M - t]
        w += np.matmul(shifted.reshape(-1, M), framed, out=scratch("product", w.shape, x.dtype))
    return np.ascontiguousarray(w.reshape(KH, KW, O, C).transpose(0, 1, 3, 2))


def _shifts(kernel: Pair, width: int) -> Iterator[tuple[int, int, int]]:
    """The taps (k, l) after the first, and their distance t from it."""
    for k in range(kernel[0]):
        for l in range(kernel[1]):
            if k + l > 0:
                yield k, l, k * width + l

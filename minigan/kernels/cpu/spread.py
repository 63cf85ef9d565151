"""`spread` for NumPy: a transposed convolution as products, with few additions into overlapping windows.

Along the columns, the output pixels fall into s phases. In one phase (columns j with (j + p) mod s = r) only the kernel
columns r, r + s, ... ever meet, and they meet the input as a correlation of stride 1: its windows are copied once, and
serve all kernel rows. Each kernel row is one product, and its rows are added where they belong:

    x[i] = Σ_k windows(y)[(i + p - k) / s] · w[k]        over the k for which the division is exact

The first s kernel rows meet each output row once: they are written, and the others added. Maps lie rows first, so that
a row of all images is one piece of memory.

Where the output has few channels (an image has 1 or 3) those products are too thin; there one product makes all
contributions and they are added tap by tap. Winograd's tiles (`winograd`) and tiles along the rows (`toom`) need fewer
products where they fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minigan.kernels.cpu import toom, winograd
from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import blocks, columns_of, copy_runs, rows_first, windows_of
from minigan.kernels.geometry import Pair

FEW_CHANNELS = 8  # up to here the products of the rows would be so thin that adding tap by tap is faster


def spread(y: np.ndarray, w: np.ndarray, size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    y = np.ascontiguousarray(y)
    x = (len(y), *size, w.shape[2])
    if winograd.fits(x, w.shape, stride, padding):
        return winograd.spread(y, w)
    if toom.fits(x, w.shape, stride, padding):
        return toom.spread(y, w)
    few = w.shape[2] <= FEW_CHANNELS
    return (_spread_by_taps if few else _spread_by_rows)(y, w, size, stride, padding)


@dataclass(frozen=True)
class Phase:
    """The output columns first, first + s, ... (`count` of them): `taps` kernel columns from `residue` on meet them,
    and the window of the first begins at input column `start` (it may lie outside)."""

    residue: int
    first: int
    count: int
    taps: int
    start: int


def _phases(W: int, K: int, s: int, p: int) -> list[Phase]:
    phases = []
    for r in range(s):
        first, taps = (r - p) % s, len(range(r, K, s))
        phases.append(Phase(r, first, len(range(first, W, s)), taps, (first + p - r) // s - (taps - 1)))
    return [phase for phase in phases if phase.count > 0]


def _spread_by_rows(y: np.ndarray, w: np.ndarray, size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    N, OH, OW, O = y.shape
    (KH, KW, C, _), (SH, SW), (H, W) = w.shape, stride, size
    phases = _phases(W, KW, SW, padding[1])
    left = max(0, -min(q.start for q in phases))
    width = left + max(OW, *(q.start + q.count + q.taps - 1 for q in phases))
    # w's columns of each phase, in the order of its windows: (KH, taps · O, C)
    kernels = [w[:, q.residue :: SW][:, ::-1].transpose(0, 1, 3, 2).reshape(KH, q.taps * O, C) for q in phases]
    x = np.empty((N, H, W, C), y.dtype)
    for part in blocks(N, OH * OW, max(q.taps for q in phases) * O + C):
        n = part.stop - part.start
        framed = rows_first(y[part], (0, left), (OH, width))
        for q, kernel in zip(phases, kernels, strict=True):
            windows = windows_of(framed, (n, q.count), (1, q.taps), (1, 1), left + q.start)
            columns = columns_of(windows).reshape(OH, n * q.count, q.taps * O)
            rows = scratch("rows", (max(SH * OH + KH, padding[0] + H), n * q.count, C), y.dtype)
            rows[SH * OH if KH >= SH else 0 :] = 0
            for k in range(KH):
                met = rows[k::SH][:OH]
                if k < SH:
                    np.matmul(columns, kernel[k], out=met)
                else:
                    met += np.matmul(columns, kernel[k], out=scratch("product", met.shape, y.dtype))
            out = x[part, :, q.first :: SW].swapaxes(0, 1)
            copy_runs(rows[padding[0] :][:H].reshape(out.shape), out)
    return x


def _spread_by_taps(y: np.ndarray, w: np.ndarray, size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    # Channels come first here, and rows of pixels are the inner loops: a loop over 3 channels is none.
    N, OH, OW, O = y.shape
    (KH, KW, C, _), (SH, SW), (PH, PW), (H, W) = w.shape, stride, padding, size
    FH, FW = max(H + PH, SH * (OH - 1) + KH), max(W + PW, SW * (OW - 1) + KW)
    x = np.empty((N, H, W, C), y.dtype)
    kernel = w.reshape(-1, O).T
    for part in blocks(N, OH * OW, KH * KW * C):
        n = part.stop - part.start
        product = scratch("product", (n * OH * OW, KH * KW * C), y.dtype)
        taps = np.matmul(y[part].reshape(-1, O), kernel, out=product).T.reshape(KH, KW, C, n, OH, OW)
        framed = scratch("frame", (C, n, FH, FW), y.dtype)
        framed.fill(0)
        for k in range(KH):
            for l in range(KW):
                framed[:, :, k : k + SH * (OH - 1) + 1 : SH, l : l + SW * (OW - 1) + 1 : SW] += taps[k, l]
        for c in range(C):
            x[part, :, :, c] = framed[c, :, PH : PH + H, PW : PW + W]
    return x

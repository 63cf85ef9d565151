"""`spread` for NumPy: a transposed convolution without a single addition into overlapping windows.

With stride s the output pixels fall into s · s phases. Inside one phase (output rows i with (i + p) mod s = r) only
the kernel rows k = r, r + s, ... ever meet, and they meet the input as an ordinary correlation of stride 1:

    x[i] = Σ_t y[(i + p - r) / s - t] · w[r + s · t]

So each phase is im2col and one product, and every output is written once. Phases of as many taps look through the same
windows, one or a few pixels apart: along the rows they share their columns. Where the output has few channels (an image
has 1 or 3) those products are too thin; there one product makes all contributions and they are added tap by tap.

With stride 1, windows along the columns alone serve all kernel rows, and hold KW · O numbers instead of KH · KW · O:

    x[i] = Σ_k windows(y)[i + p - k] · w[k]

Maps lie rows first there, so that rows shifted by k are one piece of memory.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from minigan.kernels.cpu import toom, winograd
from minigan.kernels.cpu.products import tall
from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.cpu.windows import blocks, columns_of, copy_runs, frame, windows_of
from minigan.kernels.geometry import Pair

FEW_CHANNELS = 8  # up to here the products of the phases would be so thin that adding tap by tap is faster


def spread(y: np.ndarray, w: np.ndarray, size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    y = np.ascontiguousarray(y)
    x = (len(y), *size, w.shape[2])
    if winograd.fits(x, w.shape, stride, padding):
        return winograd.spread(y, w)
    if toom.fits(x, w.shape, stride, padding):
        return toom.spread(y, w)
    if w.shape[2] <= FEW_CHANNELS:
        return _spread_by_taps(y, w, size, stride, padding)
    if stride == (1, 1) and w.shape[0] > 1 and y.shape[3] > FEW_CHANNELS and padding[1] < w.shape[1]:
        return _spread_by_rows(y, w, size, padding)
    return _spread_by_phases(y, w, size, stride, padding)


@dataclass(frozen=True)
class Phase:
    """One residue r along one axis: outputs first, first + s, ... (`count` of them), `taps` kernel rows, and the
    input row `start` (it may lie outside) at which the window of the first output begins."""

    residue: int
    first: int
    count: int
    taps: int
    start: int


def _phases(H: int, K: int, s: int, p: int) -> list[Phase]:
    phases = []
    for r in range(s):
        first, taps = (r - p) % s, len(range(r, K, s))
        phases.append(Phase(r, first, len(range(first, H, s)), taps, (first + p - r) // s - (taps - 1)))
    return [phase for phase in phases if phase.count > 0]


def _margin(phases: list[Phase], n: int) -> tuple[int, int]:
    """Zeros needed before and in all (before + n + after) so that the windows of all phases lie inside."""
    before = max(0, -min(q.start for q in phases))
    end = max(q.start + q.count + q.taps - 1 for q in phases)
    return before, before + max(n, end)


def _spread_by_phases(y: np.ndarray, w: np.ndarray, size: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    N, OH, OW, O = y.shape
    KH, KW, C, _ = w.shape
    rows = _phases(size[0], KH, stride[0], padding[0])
    cols = _phases(size[1], KW, stride[1], padding[1])
    (top, FH), (left, FW) = _margin(rows, OH), _margin(cols, OW)
    kernels = {(a, b): _phase_kernel(w, stride, a, b) for a in rows for b in cols}
    alike = [[a for a in rows if a.taps == taps] for taps in {a.taps for a in rows}]
    x = np.empty((N, *size, C), y.dtype)
    for part in blocks(N, OH * OW, max(len(k) for k in kernels.values()) + 1):
        framed = frame(y[part], (top, left), (FH, FW))
        for group, b in itertools.product(alike, cols):
            K, start = len(kernels[group[0], b]), min(a.start for a in group)
            height = max(a.start + a.count for a in group) - start
            corner = (top + start, left + b.start)
            windows = windows_of(framed, (height, b.count), (group[0].taps, b.taps), (1, 1), corner)
            # Rows of pixels come first, then images: the windows of a phase are a run of the columns.
            columns = columns_of(windows.swapaxes(0, 1)).reshape(height, len(framed) * b.count, K)
            for a in group:
                out = x[part, a.first :: stride[0], b.first :: stride[1]].swapaxes(0, 1)
                mine = columns[a.start - start :][: a.count].reshape(out.size // C, K)
                product = scratch("product", (len(mine), C), y.dtype)
                tall(mine, kernels[a, b], out=product)
                copy_runs(product.reshape(out.shape), out)
    return x


def _phase_kernel(w: np.ndarray, stride: Pair, a: Phase, b: Phase) -> np.ndarray:
    """The kernel that phase (a, b) correlates with, (taps · taps · O, C): every s-th tap, in reverse order."""
    C = w.shape[2]
    taps = w[a.residue :: stride[0], b.residue :: stride[1]][::-1, ::-1]
    # In the order in which the product reads it: as a transposed view the copy is cheaper, the product 4 % slower.
    return np.ascontiguousarray(taps.transpose(0, 1, 3, 2)).reshape(-1, C)


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


def _spread_by_rows(y: np.ndarray, w: np.ndarray, size: Pair, padding: Pair) -> np.ndarray:
    (N, OH, OW, O), (KH, KW, C, _), (H, W) = y.shape, w.shape, size
    kernels = w[:, ::-1].transpose(0, 1, 3, 2).reshape(KH, KW * O, C)
    margin = KW - 1 - padding[1]
    x = np.empty((N, H, W, C), y.dtype)
    for part in blocks(N, OH * W, 2 * KW * O):
        n = part.stop - part.start
        framed = scratch("frame", (OH, n, W + KW - 1, O), y.dtype)
        framed[:, :, :margin] = 0
        framed[:, :, margin + OW :] = 0
        framed[:, :, margin : margin + OW] = y[part].swapaxes(0, 1)
        columns = columns_of(windows_of(framed, (n, W), (1, KW), (1, 1)))
        rows = scratch("rows", (OH + KH - 1, n * W, C), y.dtype)
        tall(columns, kernels[0], out=rows[:OH].reshape(-1, C))
        rows[OH:] = 0
        product = scratch("product", (len(columns), C), y.dtype)
        for k in range(1, KH):
            tall(columns, kernels[k], out=product)
            rows[k : k + OH] += product.reshape(OH, -1, C)
        x[part] = rows[padding[0] : padding[0] + H].reshape(H, n, W, C).swapaxes(0, 1)
    return x

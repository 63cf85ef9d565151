"""Resampling for NumPy: the slices of `general`, for a few images at once that stay in the cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.geometry import Pair, Term, resample_terms

BLOCK = 128 * 1024  # numbers of x at a time


def resample(x: np.ndarray, taps: Sequence[float], up: int, down: int, before: int, size: Pair) -> np.ndarray:
    N, H, W, C = x.shape
    x, y = np.ascontiguousarray(x), np.empty((N, *size, C), x.dtype)
    along_rows, along_columns = (
        resample_terms(n, out, taps, up, down, before) for n, out in zip((H, W), size, strict=True)
    )
    step = max(1, BLOCK // max(1, H * W * C))
    for i in range(0, N, step):
        xs, ys = x[i : i + step], y[i : i + step]
        n = len(xs)
        rows = scratch("rows", (n, size[0], W * C), x.dtype)
        _filter(xs.reshape(n, H, W * C), rows, along_rows, up)
        _filter(rows.reshape(n * size[0], W, C), ys.reshape(n * size[0], size[1], C), along_columns, up)
    return y


def _filter(x: np.ndarray, y: np.ndarray, terms: Sequence[Term], up: int) -> None:
    """y = Σ f · x along the second of three axes."""
    begun = set()  # residues of y whose first term is written; the others are added
    if len({target.start % up for target, _, _ in terms}) < up:
        y.fill(0)
    for target, source, f in terms:
        out, residue = y[:, target], target.start % up
        if residue in begun:
            out += np.multiply(x[:, source], f, out=scratch("product", out.shape, x.dtype))
        else:
            begun.add(residue)
            np.multiply(x[:, source], f, out=out)
            y[:, residue : target.start : up] = 0
            y[:, target.stop - 1 + up :: up] = 0

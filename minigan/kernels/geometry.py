"""Sizes of convolutions, and the slices of a resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Pair: TypeAlias = tuple[int, int]  # (height, width)
Term: TypeAlias = tuple[slice, slice, float]  # of y, and of x as long, and the factor between them


def pair(value: int | Pair, name: str, least: int) -> Pair:
    """`value` for height and width; ValueError where one is not an integer or below `least`."""
    both = value if isinstance(value, tuple | list) else (value, value)
    right = (isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= least for v in both)
    if len(both) != 2 or not all(right):
        raise ValueError(f"{name} must be an integer of at least {least}, or two of them, got {value!r}")
    h, w = both
    return int(h), int(w)


def conv_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """Output height and width of a convolution: ⌊(H + 2p - k) / s⌋ + 1. Not positive: the kernel does not fit."""
    h, w = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True))
    return h, w


def conv_transpose_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, output_padding: Pair) -> Pair:
    """Output height and width of a transposed convolution: (H - 1) s - 2p + k + output_padding."""
    rows = zip(size, kernel, stride, padding, output_padding, strict=True)
    h, w = ((n - 1) * s - 2 * p + k + o for n, k, s, p, o in rows)
    return h, w


def resample_terms(n: int, size: int, taps: Sequence[float], up: int, down: int, before: int) -> list[Term]:
    """Along an axis of n pixels, for j < size: y[j] = Σ_t taps[t] · x[(down · j + t - before) / up] over the t that
    give a pixel. One term for each tap and each residue of j."""
    terms = []
    for t, f in enumerate(taps):
        for residue in range(min(up, size)):
            k, between = divmod(down * residue + t - before, up)
            if between:  # a zero
                continue
            first = max(0, -(k // down))  # y[up m + residue] sees x[down m + k]
            last = min((size - 1 - residue) // up, (n - 1 - k) // down)
            if last >= first:
                target = slice(up * first + residue, up * last + residue + 1, up)
                terms.append((target, slice(down * first + k, down * last + k + 1, down), f))
    return terms

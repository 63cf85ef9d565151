"""The trace from features without a covariance."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.polar import polar
from minigan.metrics.sqrtm.root import Root, same_features


def trace_from_factors(L1: Array, L2: Array) -> Root:
    """T = Tr (S1 S2)^(1/2) from L1 (d, n1) and L2 (d, n2), where S = L Lᵀ.

    For features X (n, d), L = (X - mean)ᵀ / √(n - 1). With fewer samples than features B = L1ᵀ L2 is only as large as
    the samples are many; a factor with more columns than rows is first brought to a triangle (QR). `rank1` and `rank2`
    are the columns then left, upper bounds of the ranks. ValueError: the two are of different d.
    """
    same_features(L1, L2, "L1 and L2")
    L1, L2 = triangle(L1), triangle(L2)
    _, trace, steps, status = polar(L1.T @ L2)
    return Root(trace, None, L1.shape[1], L2.shape[1], steps, status, None)


def triangle(L: Array) -> Array:
    """A factor of the same S with no more columns than rows: Rᵀ of Lᵀ = Q R where L has more."""
    if L.shape[1] <= L.shape[0]:
        return L
    R: Array = np.linalg.qr(L.T, mode="r")
    return R.T

"""The maximum mean discrepancy of two batches, and the slopes of its kernel sums.

The kernel is k(x, y) = κ(‖x - y‖²) + c <x, y>, with κ of kernel.py and `linear` = c. Rows are
samples. MMD² does not change where one row is subtracted from all of X and Y: its products are
computed from centred rows.
"""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.objectives.kernel import Kernel, centred, squares


def mmd2(
    X: Array,
    Y: Array,
    kernel: Kernel,
    *,
    linear: float = 0.0,
    unbiased: bool = False,
    need_dx: bool = True,
) -> tuple[Array, Array, Array]:
    """MMD² of X (m, d) and Y (n, d), a 0-d array; its gradients dX (None unless need_dx) and dY.

        MMD² = mean k(X, X) + mean k(Y, Y) - 2 mean k(X, Y)      means over all pairs
        dX   = 2 / m² · pull(X, X) - 2 / (mn) · pull(X, Y)       dY: the same with X and Y exchanged

    Unbiased, no sample is paired with itself: the diagonals leave the first two sums, and m²
    becomes m (m - 1). It takes two samples of each kind (ValueError), and may be negative.

    Source: Gretton et al. 2012, section 2.2.
    """
    m, n = len(X), len(Y)
    if unbiased and min(m, n) < 2:
        raise ValueError(
            f"the unbiased MMD pairs different samples: it takes two of each kind, got {m} and {n}"
        )
    X, Y = centred(X, Y)
    value = _mean_within(X, kernel, linear, unbiased) + _mean_within(Y, kernel, linear, unbiased)
    value = value - 2 * _gram(X, Y, kernel, linear).mean()
    dY = _slope_within(Y, kernel, linear, unbiased) - 2 / (m * n) * _pull(Y, X, kernel, linear)
    if not need_dx:
        return value, None, dY
    dX = _slope_within(X, kernel, linear, unbiased) - 2 / (m * n) * _pull(X, Y, kernel, linear)
    return value, dX, dY


def root(value: Array) -> tuple[Array, Array]:
    """√max(MMD², 0), and its derivative by MMD², 1 / (2 √MMD²): 0 where MMD² <= 0."""
    r = np.sqrt(np.maximum(value, 0))
    return r, (value > 0) / (2 * r + 1e-10)


def pull(h: Array, Z: Array, kernel: Kernel, linear: float = 0.0) -> Array:
    """g_i = ∂/∂h_i Σ_j k(h_i, Z_j) = 2 Σ_j κ'_ij (h_i - Z_j) + c Σ_j Z_j; h, g (N, d), Z (M, d)."""
    near_h, near_Z = centred(h, Z)
    return _pull(near_h, near_Z, kernel, 0.0) + linear * Z.sum(axis=0)


def pull_backward(
    q: Array, h: Array, Z: Array, kernel: Kernel, linear: float = 0.0
) -> tuple[Array, Array]:
    """Backprop through g = pull(h, Z): from q = dR/dg (N, d) to dR/dh (N, d) and dR/dZ (M, d).

    D_ij = h_i - Z_j        T_ij = 2 κ'_ij q_i + 4 κ''_ij <D_ij, q_i> D_ij
    dR/dh_i = Σ_j T_ij      dR/dZ_j = Σ_i (c q_i - T_ij)
    """
    h, Z = centred(h, Z)
    s = squares(h, Z)
    a = 2 * kernel.slope(s)
    b = 4 * kernel.curvature(s) * ((h * q).sum(axis=1, keepdims=True) - kernels.matmul(q, Z.T))
    dh = a.sum(axis=1, keepdims=True) * q + _weighted_differences(b, h, Z)
    dZ = linear * q.sum(axis=0) - kernels.matmul(a.T, q) + _weighted_differences(b.T, Z, h)
    return dh, dZ


def _pull(h: Array, Z: Array, kernel: Kernel, linear: float) -> Array:
    slope = kernel.slope(squares(h, Z))
    return 2 * _weighted_differences(slope, h, Z) + linear * Z.sum(axis=0)


def _weighted_differences(weights: Array, h: Array, Z: Array) -> Array:
    """Σ_j w_ij (h_i - Z_j), without the (N, M, d) array of differences."""
    return weights.sum(axis=1, keepdims=True) * h - kernels.matmul(weights, Z)


def _gram(X: Array, Y: Array, kernel: Kernel, linear: float) -> Array:
    """k(X_i, Y_j), (m, n)."""
    k = kernel.value(squares(X, Y))
    return k + linear * kernels.matmul(X, Y.T) if linear else k


def _mean_within(X: Array, kernel: Kernel, linear: float, unbiased: bool) -> Array:
    m, k = len(X), _gram(X, X, kernel, linear)
    return (k.sum() - np.trace(k)) / (m * (m - 1)) if unbiased else k.mean()


def _slope_within(X: Array, kernel: Kernel, linear: float, unbiased: bool) -> Array:
    """Gradient of `_mean_within`: every sample stands on both sides of a pair, hence the 2."""
    m, total = len(X), _pull(X, X, kernel, linear)
    return 2 / (m * (m - 1)) * (total - linear * X) if unbiased else 2 / m**2 * total

"""Factors of a covariance: S = L Lᵀ, with as many columns as S has rank."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.root import EPS, ROUNDING

BLOCK = 64  # columns of L after which what is left of S is brought up to date by one matrix product


def factor(S: Array, name: str) -> Array:
    """L (d, r) with S = L Lᵀ, from a symmetric positive semi-definite S (d, d) of numerical rank r.

    Plain Cholesky where S is safely regular, else pivoted Cholesky; on a GPU the eigenvectors, because a loop over
    columns would wait for the machine at each of them. Nothing is added to the diagonal: that would shift the
    distance, by 2 √(eps s) for each direction that is null in one covariance and of variance s in the other.
    ValueError where S is not positive semi-definite; down to -1e-6 Tr S an eigenvalue counts as the rounding of 0.
    """
    variances = S.diagonal()
    tolerance = len(S) * EPS * float(variances.max())
    if float(variances.min()) < -tolerance:
        raise ValueError(f"{name} is not a covariance: its diagonal contains the variance {float(variances.min()):.6g}")
    if not isinstance(S, np.ndarray):
        return eigen_factor(S, name)
    from scipy.linalg import cholesky  # here: slow to import; NumPy's copies twice and takes twice as long

    try:
        L = cholesky(S, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return _checked(pivoted_cholesky(S), S, name)
    return L if L.diagonal().min() ** 2 > tolerance else _checked(pivoted_cholesky(S), S, name)


def pivoted_cholesky(S: Array) -> Array:
    """L (d, r), the largest remaining variance first, until what remains is rounding.

        i ← argmax D;   L[i, k] = √D[i];   L[rest, k] = (S[rest, i] - L[rest, :k] L[i, :k]ᵀ) / L[i, k]
        D ← D - L[:, k]²                                     D: variances that L does not explain yet

    It stops at D[i] ≤ d eps max diag S, after r steps: the numerical rank. Rows are not moved but left out once they
    had their turn. Features that are constant have rows of exact zeros. Sums over earlier blocks of columns are taken
    off S a block at a time, the rest column by column.
    """
    d = len(S)
    S, L, D = S.copy(), np.zeros_like(S, order="F"), S.diagonal().copy()
    waiting = np.ones_like(D)  # 0 for a row that had its turn
    tolerance = d * EPS * D.max()
    for k in range(d):
        start = k - k % BLOCK
        if k and k == start:
            S -= L[:, k - BLOCK : k] @ L[:, k - BLOCK : k].T
        i = int(D.argmax())
        if D[i] <= tolerance:
            return L[:, :k]
        pivot = D[i] ** 0.5
        waiting[i] = D[i] = 0
        L[:, k] = waiting * (S[i] - L[:, start:k] @ L[i, start:k]) / pivot
        D -= L[:, k] ** 2
        L[i, k] = pivot
    return L


def eigen_factor(S: Array, name: str) -> Array:
    """L = V √w (d, r) from the eigenvectors V and eigenvalues w of S, those above d eps max w; errors as `factor`."""
    w, V = np.linalg.eigh(S)  # ascending
    if float(w[0]) < -ROUNDING * float(S.trace()):
        raise ValueError(f"{name} is not positive semi-definite: it has the eigenvalue {float(w[0]):.6g}")
    r = int((w > len(S) * EPS * w[-1]).sum())
    null = len(S) - r
    return V[:, null:] * np.sqrt(w[null:])


def _checked(L: Array, S: Array, name: str) -> Array:
    missed = float(np.linalg.norm(S - L @ L.T))
    if missed > ROUNDING * float(S.trace()):
        raise ValueError(
            f"{name} is not positive semi-definite: its best Cholesky factor misses it by {missed:.3g}, "
            f"with a trace of {float(S.trace()):.3g}"
        )
    return L

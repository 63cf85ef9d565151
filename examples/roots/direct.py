"""The direct routes: the sum of singular values and the root, from the array library's decompositions."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.factors import eigen_factor, factor
from minigan.metrics.sqrtm.root import Root, residual_of
from minigan.metrics.sqrtm.svd import nuclear_norm


def spectral(S1: Array, S2: Array, root: bool) -> Root:
    """(S1 S2)^(1/2) from two symmetric eigen-decompositions and one SVD.

        S = V w Vᵀ;   A = V √w, without the eigenvalues up to d eps max w;   A1ᵀ A2 = P s Qᵀ
        T = Σ s       root = A1 (P Qᵀ) A2ᵀ

    As exact as the package's way, which it checks. The variant of the textbooks, T = Σ √eigenvalues of A1ᵀ S2 A1,
    squares the singular values and roots them again, which loses half of the digits of the small ones (1e-8 to 1e-6
    of T where the covariances are singular).
    """
    return _from_factors(S1, S2, eigen_factor(S1, "S1"), eigen_factor(S2, "S2"), root)


def svd(S1: Array, S2: Array, root: bool) -> Root:
    """The same from Cholesky factors, S = A Aᵀ."""
    return _from_factors(S1, S2, factor(S1, "S1"), factor(S2, "S2"), root)


def _from_factors(S1: Array, S2: Array, A1: Array, A2: Array, root: bool) -> Root:
    ranks = A1.shape[1], A2.shape[1]
    if not root:
        return Root(nuclear_norm(A1.T @ A2), None, *ranks, 0, "direct", None)
    if not all(ranks):
        return Root(0.0, np.zeros_like(S1), *ranks, 0, "zero", 0.0)
    P, s, Qt = np.linalg.svd(A1.T @ A2, full_matrices=False)
    X = A1 @ (P @ Qt) @ A2.T
    return Root(float(s.sum()), X, *ranks, 0, "direct", residual_of(X, S1, S2))

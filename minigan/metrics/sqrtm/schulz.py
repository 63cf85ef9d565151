"""The polar factor by the scaled Newton-Schulz iteration: products of matrices alone, what a GPU does best."""

from __future__ import annotations

import math

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.root import EPS, identity

LARGEST_SCALE = 1.69770248526  # the ρ at which 0.5 ρ (3 - ρ²), where a value of 1 goes, is 0.1
STEPS = 60


def schulz(B: Array, ell: float) -> tuple[Array, int, str]:
    """U of the polar decomposition of a tall B (m, n) with ||B||_F = 1; the number of steps and the status.

    Iteration   X ← B, then X ← X (1.5 ρ I - 0.5 ρ³ XᵀX): the singular vectors stay, each singular value moves by
                x → 0.5 ρ x (3 - ρ² x²), a map of (0, 1] into itself whose last resting point is 1.
    Scaling     ℓ, a lower bound of the singular values, moves by the same map from the given one on. While ℓ < 0.9,
                ρ² = 3 / (1 + ℓ + ℓ²), the choice for which ℓ and 1 land on the same value: tiny ones grow by
                some 2.5 a step, not by 1.5. The schedule depends on ℓ alone: from 1e-12 some 33 to 45 steps, always.
    Stability   With ℓ tiny that ρ is √3, which throws a value that has reached 1 down to ℓ, among the rounding of the
                others; three equal ones that dominate are at 1 after one step. So ρ ≤ 1.6977: what is above 0.1
                stays above 0.1, at the price of one step in all.
    Stops       "converged": ||I - XᵀX||_F ≤ 4 n eps. "trace": ℓ ≥ 0.9 and Σ X B stands still, which is how it ends
                where B has a null space. "max_iter": after 60 steps.
    Cost        two products a step, of n³ and 2 m n² multiplications.
    Source      Chen & Chow 2014, "A stable scaling of Newton-Schulz for improving the sign function computation of a
                Hermitian matrix"; its use on singular values is derived here.
    """
    n = B.shape[1]
    X, one, trace = B, identity(n, B), math.nan
    for step in range(STEPS):
        G = X.T @ X
        if float(np.linalg.norm(one - G)) <= 4 * n * EPS:
            return X, step, "converged"
        rho = min(math.sqrt(3 / (1 + ell + ell**2)), LARGEST_SCALE) if ell < 0.9 else 1.0
        X = X @ (1.5 * rho * one - 0.5 * rho**3 * G)
        ell = min(1.0, 0.5 * rho * ell * (3 - rho**2 * ell**2)) if ell < 0.9 else 1.0
        before, trace = trace, float((X * B).sum())
        if ell >= 0.9 and abs(trace - before) <= 4 * EPS * trace:
            return X, step + 1, "trace"
    return X, STEPS, "max_iter"

"""The polar factor of a matrix, and with it the sum of its singular values, by products of matrices alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.root import EPS, identity

SMALLEST = 1e-12  # singular values from here on, relative to ||B||_F, are lifted to 1
LARGEST_SCALE = 1.69770248526  # the ρ at which 0.5 ρ (3 - ρ²), where a value of 1 goes, is 0.1
STEPS = 60


class Polar(NamedTuple):
    """B = U H: the factor U (shape of B), trace = Tr H = Σ U B = Σ singular values of B, and how they were found."""

    U: Array
    trace: float
    iterations: int
    status: str


def polar(B: Array) -> Polar:
    """U of the polar decomposition B = U H, H = (Bᵀ B)^(1/2), by the scaled Newton-Schulz iteration.

    Iteration   X ← B / ||B||_F, then X ← X (1.5 ρ I - 0.5 ρ³ XᵀX): the singular vectors stay, each singular value
                moves by x → 0.5 ρ x (3 - ρ² x²), a map of (0, 1] into itself whose last resting point is 1.
    Scaling     ℓ, a lower bound of the singular values, moves by the same map from 1e-12 on. While ℓ < 0.9,
                ρ² = 3 / (1 + ℓ + ℓ²), the choice for which ℓ and 1 land on the same value: tiny ones grow by
                some 2.5 a step, not by 1.5. The schedule depends on ℓ alone: some 33 to 45 steps, always.
    Stability   With ℓ tiny that ρ is √3, which throws a value that has reached 1 down to ℓ, among the rounding of the
                others; three equal ones that dominate are at 1 after one step. So ρ ≤ 1.6977: what is above 0.1
                stays above 0.1, at the price of one step in all.
    Stops       "converged": ||I - XᵀX||_F ≤ 4 n eps. "trace": ℓ ≥ 0.9 and Σ X B stands still, which is how it ends
                where B has a null space. "max_iter": after 60 steps.
    Null space  A direction with singular value below 1e-12 is unfinished, and what rounding grows there is anything;
                but in Σ X B it meets B, which is as small there. A root iterated on directly has no such mercy.
    Cost        two products a step, of n³ and 2 m n² multiplications for B (m, n), m ≥ n; a wide B is transposed.
    Source      Chen & Chow 2014, "A stable scaling of Newton-Schulz for improving the sign function computation of a
                Hermitian matrix"; its use on singular values is derived here.
    """
    peak = float(abs(B).max()) if B.size else 0.0
    if peak == 0:
        return Polar(np.zeros_like(B), 0.0, 0, "zero")
    B = B / peak  # before it is squared: no overflow, no underflow
    scale = float(np.linalg.norm(B))
    tall = B.shape[0] >= B.shape[1]
    X, steps, status = _iterate((B if tall else B.T) / scale)
    U = X if tall else X.T
    return Polar(U, peak * float((U * B).sum()), steps, status)


def _iterate(B: Array) -> tuple[Array, int, str]:
    """X → U, from a tall B of Frobenius norm 1."""
    n = B.shape[1]
    X, one, ell, trace = B, identity(n, B), SMALLEST, math.nan
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

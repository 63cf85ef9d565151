"""The polar factor by Halley's iteration with dynamic weights: few steps, each a Cholesky factorisation."""

from __future__ import annotations

import math

import numpy as np

from minigan.metrics.sqrtm.root import EPS

STEPS = 60
LEAST = 2e-3  # ℓ in the weights, at least: a is then 191, c 9,200, and so is the condition of I + c G at most


def halley(B: np.ndarray, ell: float) -> tuple[np.ndarray, int, str]:
    """U of the polar decomposition of a tall B (m, n) with ||B||_F = 1; the number of steps and the status.

    Iteration   X ← B, then X ← X (a I + b G) (I + c G)⁻¹ with G = XᵀX: the singular vectors stay, each singular value
                moves by x → x (a + b x²) / (1 + c x²), which has its resting point at 1 where a + b = 1 + c.
    Weights     ℓ, a lower bound of the singular values, moves by the same map from the given one on.
                    d = (4 (1 - ℓ²) / ℓ⁴)^(1/3)
                    a = √(1 + d) + ½ √(8 - 4 d + 8 (2 - ℓ²) / (ℓ² √(1 + d)))        b = (a - 1)² / 4
                is the choice that lifts ℓ highest while [ℓ, 1] stays within [ℓ', 1]. At ℓ = 1 they are 3, 1, 3:
                Halley's own, which triples the correct digits.
    Inverse     X (a I + b G) (I + c G)⁻¹ = b/c X + (a - b/c) X (I + c G)⁻¹, by Cholesky: I + c G is symmetric and at
                least I, also where B has a null space. Its condition is up to c, so ℓ ≥ 0.002 in the weights: values
                below that grow by 191 a step, and from 1e-12 on it takes 8 steps, not 6.
    Stops       "converged": ||I - G||_F ≤ 4 n eps. "trace": ℓ ≥ 0.9 and Σ X B stands still. "max_iter".
    Cost        n³/6 multiplications a step for the factor and 1.5 m n² for the rest: about as many as Newton and Schulz
                (`schulz.py`) need, and 8 steps do what 34 of theirs do. A GPU would wait for the factorisation.
    Source      Nakatsukasa, Bai & Gygi 2010, Optimizing Halley's iteration for computing the matrix polar
                decomposition; the bound on a takes the place of their QR factorisations.
    """
    if not isinstance(B, np.ndarray):
        raise TypeError('Halley\'s iteration factorises on the CPU only: for GPU arrays take iteration="schulz"')
    from scipy.linalg import cho_factor, cho_solve  # here: slow to import, and only distances take roots

    n = B.shape[1]
    X, one, trace = B, np.eye(n), math.nan
    for step in range(STEPS):
        G = X.T @ X
        if float(np.linalg.norm(one - G)) <= 4 * n * EPS:
            return X, step, "converged"
        a = _weight(max(ell, LEAST))
        b = (a - 1) ** 2 / 4
        c = a + b - 1
        factor = cho_factor(one + c * G, lower=True, overwrite_a=True, check_finite=False)
        X = b / c * X + (a - b / c) * cho_solve(factor, X.T, check_finite=False).T
        ell = min(1.0, ell * (a + b * ell**2) / (1 + c * ell**2))
        before, trace = trace, float((X * B).sum())
        if ell >= 0.9 and abs(trace - before) <= 4 * EPS * trace:
            return X, step + 1, "trace"
    return X, STEPS, "max_iter"


def _weight(ell: float) -> float:
    """a for a lower bound ℓ in (0, 1]."""
    if ell >= 1:
        return 3.0
    d = (4 * (1 - ell**2) / ell**4) ** (1 / 3)
    return math.sqrt(1 + d) + 0.5 * math.sqrt(8 - 4 * d + 8 * (2 - ell**2) / (ell**2 * math.sqrt(1 + d)))

"""The trace of the square root of a product of covariances, by factors and singular values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.factors import eigen_factor, factor
from minigan.metrics.sqrtm.polar import polar
from minigan.metrics.sqrtm.root import Root, covariance, residual_of, same_features
from minigan.metrics.sqrtm.svd import nuclear_norm

CHECKED_UP_TO = 512  # features; beyond, the second computation takes seconds and has to be asked for
AGREEMENT = 1e-8  # of Tr S1 + Tr S2


def sqrtm_product(S1: Array, S2: Array, *, root: bool = False, check: bool | None = None) -> Root:
    """(S1 S2)^(1/2) of two covariances (d, d): its trace T, and where `root` is true the matrix.

    S1 S2 is not symmetric, but it has the eigenvalues of S1^(1/2) S2 S1^(1/2), real and ≥ 0; the principal root is
    the one whose eigenvalues are their roots ≥ 0.

    Factors     S1 = L1 L1ᵀ, S2 = L2 L2ᵀ, of the ranks r1, r2 (`factors.py`); B = L1ᵀ L2 (r1, r2)
    Polar       B = U H, H = (Bᵀ B)^(1/2) (`polar.py`)
    Root        X = L1 U L2ᵀ        X² = L1 U (Bᵀ U) L2ᵀ = L1 (U H) L2ᵀ = L1 B L2ᵀ = S1 S2, since Bᵀ U = H. X has the
                nonzero eigenvalues of U L2ᵀ L1 = U Bᵀ = U H Uᵀ ≥ 0: it is the principal one.
    Trace       T = Tr U Bᵀ = Tr H = Σ singular values of B

    The singular values of B are the roots of the eigenvalues of S1 S2. Nothing is squared on the way: a singular
    covariance costs no digits, and nothing has to be added to its diagonal.

    Choice      On a CPU with more than 512 features and only the trace wanted, LAPACK's singular values of B
                (`svd.py`), which are faster there; in all other cases the polar factor.
    Check       True: T is computed again, from eigenvectors in place of Cholesky factors and LAPACK's singular values.
                The two must agree to 1e-8 (Tr S1 + Tr S2), else `status` is "disagree". None: where d ≤ 512.
    Precision   Everything is in float64: float32 is converted. If the covariances are known to dS only, T is known to
                √(||dS||_* Tr S2) (Powers & Størmer): of float64 covariances of 2048 features 2e-5, so that a Fréchet
                distance has three decimals.
    Errors      NonFiniteSamples (a ValueError) for a NaN or an infinity; ValueError for matrices that are not square,
                not of one size, not symmetric or not positive semi-definite; TypeError for what is not an array of
                real numbers. NumPy and CuPy arrays.
    Source      The factors of features in place of covariances: Mathiasen & Hvilshøj 2020, on eigenvalues.
    """
    S1, S2 = covariance(S1, "S1"), covariance(S2, "S2")
    same_features(S1, S2, "S1 and S2")
    L1, L2 = factor(S1, "S1"), factor(S2, "S2")
    ranks, B = (L1.shape[1], L2.shape[1]), L1.T @ L2
    small = len(S1) <= CHECKED_UP_TO
    if isinstance(S1, np.ndarray) and not (small or root or check):
        return Root(nuclear_norm(B), None, *ranks, 0, "direct", None)
    U, trace, steps, status = polar(B)
    X = L1 @ U @ L2.T if root else None
    result = Root(trace, X, *ranks, steps, status, residual_of(X, S1, S2) if root else None)
    return _checked(result, S1, S2) if (small if check is None else check) else result


def _checked(result: Root, S1: Array, S2: Array) -> Root:
    trace = nuclear_norm(eigen_factor(S1, "S1").T @ eigen_factor(S2, "S2"))
    agree = abs(result.trace - trace) <= AGREEMENT * float(S1.trace() + S2.trace())
    return replace(result, spectral=trace, status=result.status if agree else "disagree")

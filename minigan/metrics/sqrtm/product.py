"""The square root of a product of covariances, by factors and a polar decomposition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.alternatives import denman_beavers, newton_schulz
from minigan.metrics.sqrtm.factors import factor, triangle
from minigan.metrics.sqrtm.polar import polar
from minigan.metrics.sqrtm.root import Root, covariance, feature_factor, identity, residual_of, same_features
from minigan.metrics.sqrtm.spectral import nuclear_norm, spectral, svd

CHECKED_UP_TO = 512  # features; beyond, the cross-check takes seconds and has to be asked for
AGREEMENT = 1e-8  # of Tr S1 + Tr S2


def sqrtm(A: Array) -> Root:
    """The square root of a symmetric positive semi-definite A (d, d): the X with X² = A that is one itself.

    With A = L Lᵀ and the polar decomposition L = U H: X = L Uᵀ = U H Uᵀ is symmetric, positive semi-definite, and
    X² = U H² Uᵀ = L Lᵀ. Its trace is Σ U L. A may be singular. Everything is in float64: float32 is converted.

    Errors as `sqrtm_product`.
    """
    A = covariance(A, "A")
    L = factor(A, "A")
    U, trace, steps, status = polar(L)
    X = L @ U.T
    X = (X + X.T) / 2
    return Root(trace, X, L.shape[1], L.shape[1], steps, status, residual_of(X, A, identity(len(A), A)))


def sqrtm_product(
    S1: Array, S2: Array, *, root: bool = False, method: str | None = None, check: bool | None = None
) -> Root:
    """(S1 S2)^(1/2) of two covariances (d, d): its trace T, and where `root` is true the matrix.

    S1 S2 is not symmetric, but it has the eigenvalues of S1^(1/2) S2 S1^(1/2), real and ≥ 0; the principal root is
    the one whose eigenvalues are their roots ≥ 0.

    Factors     S1 = L1 L1ᵀ, S2 = L2 L2ᵀ, of the ranks r1, r2 (`factors.py`); B = L1ᵀ L2 (r1, r2)
    Polar       B = U H, H = (Bᵀ B)^(1/2) (`polar.py`)
    Root        X = L1 U L2ᵀ        X² = L1 U (Bᵀ U) L2ᵀ = L1 (U H) L2ᵀ = L1 B L2ᵀ = S1 S2, since Bᵀ U = H. X has the
                nonzero eigenvalues of U L2ᵀ L1 = U Bᵀ = U H Uᵀ ≥ 0: it is the principal one.
    Trace       T = Tr U Bᵀ = Tr H = Σ singular values of B

    The singular values of B are the roots of the eigenvalues of S1 S2: nothing is squared on the way, so that a
    singular covariance costs no digits and nothing has to be added to its diagonal.

    Method      "polar": by the iteration that suits the machine; "polar-halley", "polar-schulz": by that one. "svd":
                LAPACK's singular values of B. "spectral": eigenvectors in place of Cholesky factors, and an SVD.
                "newton-schulz", "denman-beavers": iterations on the root itself, for comparison; their pages say
                where they fail. None: "polar"; but of more than 512 features, where it takes seconds, "svd" if only
                the trace is wanted and the arrays are NumPy's.
    Check       True: T is computed by the spectral route too, which must agree to 1e-8 (Tr S1 + Tr S2), else `status`
                is "disagree". None: where d ≤ 512. It belongs to the polar methods; the others are never checked.
    Precision   Everything is in float64: float32 is converted. If the covariances are known to dS only, T is known to
                √(||dS||_* Tr S2) (Powers & Størmer): of float64 covariances of 2048 features 2e-5, so that a Fréchet
                distance has three decimals.
    Errors      NonFiniteSamples (a ValueError) for a NaN or an infinity; ValueError for matrices that are not square,
                not of one size, not symmetric or not positive semi-definite, and for an unknown method; TypeError for
                what is no array of real numbers. NumPy and CuPy arrays.
    Source      The factors of features in place of covariances: Mathiasen & Hvilshøj 2020, on eigenvalues.
    """
    if method is not None and method not in ROUTES:
        raise ValueError(f"unknown method {method!r}: expected one of {', '.join(ROUTES)}")
    S1, S2 = covariance(S1, "S1"), covariance(S2, "S2")
    same_features(S1, S2, "S1 and S2")
    large = len(S1) > CHECKED_UP_TO and isinstance(S1, np.ndarray)
    method = method or ("svd" if large and not root and not check else "polar")
    found = ROUTES[method](S1, S2, root)
    if not method.startswith("polar") or not _wanted(check, len(S1)):
        return found
    return _checked(found, spectral(S1, S2, False).trace, float(S1.trace() + S2.trace()))


def trace_from_factors(L1: Array, L2: Array, *, check: bool | None = None) -> Root:
    """T = Tr (S1 S2)^(1/2) from features, without a covariance: S = L Lᵀ for L = (X - mean)ᵀ / √(n - 1) of X (n, d).

    L1 (d, n1) and L2 (d, n2) have the same features in their rows. With fewer samples than features B = L1ᵀ L2 is
    only as large as the samples are many; a factor with more columns than rows is first brought to a triangle (QR).
    `rank1` and `rank2` are the columns then left, upper bounds of the ranks. `check` and errors as `sqrtm_product`.
    """
    L1, L2 = feature_factor(L1, "L1"), feature_factor(L2, "L2")
    same_features(L1, L2, "L1 and L2")
    B = (L1 := triangle(L1)).T @ (L2 := triangle(L2))
    _, trace, steps, status = polar(B)
    found = Root(trace, None, L1.shape[1], L2.shape[1], steps, status, None)
    if not _wanted(check, min(B.shape)):
        return found
    return _checked(found, nuclear_norm(B), float((L1**2).sum() + (L2**2).sum()))


def _polar_route(S1: Array, S2: Array, root: bool, iteration: str | None = None) -> Root:
    L1, L2 = factor(S1, "S1"), factor(S2, "S2")
    U, trace, steps, status = polar(L1.T @ L2, iteration)
    X = L1 @ U @ L2.T if root else None
    residual = residual_of(X, S1, S2) if root else None
    return Root(trace, X, L1.shape[1], L2.shape[1], steps, status, residual)


ROUTES: Mapping[str, Callable[[Array, Array, bool], Root]] = MappingProxyType(
    {
        "polar": _polar_route,
        "polar-halley": partial(_polar_route, iteration="halley"),
        "polar-schulz": partial(_polar_route, iteration="schulz"),
        "svd": svd,
        "spectral": spectral,
        "newton-schulz": newton_schulz,
        "denman-beavers": denman_beavers,
    }
)


def _wanted(check: bool | None, d: int) -> bool:
    return d <= CHECKED_UP_TO if check is None else check


def _checked(found: Root, spectral_trace: float, scale: float) -> Root:
    agree = abs(found.trace - spectral_trace) <= AGREEMENT * scale
    return replace(found, spectral=spectral_trace, status=found.status if agree else "disagree")

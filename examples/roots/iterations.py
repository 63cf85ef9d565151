"""Two iterations on the square root itself: exact on well-conditioned input, and where each of them is not.

Both are here to be read, tested and compared. The package's own way, `minigan/metrics/sqrtm/product.py`, has neither
failure.
"""

from __future__ import annotations

import math

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.factors import factor
from minigan.metrics.sqrtm.root import EPS, Root, identity, residual_of

STEPS = 50


def newton_schulz(S1: Array, S2: Array, root: bool) -> Root:
    """(S1 S2)^(1/2) by two coupled Newton-Schulz iterations: A = S1^(1/2), then T = Tr (A S2 A)^(1/2).

    Root        A (A S2 A)^(1/2) A⁻¹, with A⁻¹ as the first run leaves it: this needs a regular S1.
    Fails       Slowly converging eigenvalues are cut off at the horizon (see `coupled`), a small one of A S2 A below
                some 1e-13 of its trace: FID is off by 1e-10 to 3e-5 of its scale on singular or ill-conditioned
                covariances, the root by more, and by anything where S1 is singular. The residual shows it.
    Rule        T = 0 where ||A S2 A||_F ≤ d eps ||S1||_F ||S2||_F: the ranges are orthogonal, the rest is rounding.
    """
    ranks = _ranks(S1, S2)
    trace1, trace2 = float(S1.trace()), float(S2.trace())
    if not all(ranks):
        return _zero(S1, S2, ranks, 0, root)
    P1, P2 = S1 / trace1, S2 / trace2
    A, inverse, steps1, status1 = coupled(P1)
    M = A @ P2 @ A
    if float(np.linalg.norm(M)) <= len(M) * EPS * float(np.linalg.norm(P1)) * float(np.linalg.norm(P2)):
        return _zero(S1, S2, ranks, steps1, root)
    H, _, steps2, status2 = coupled((M + M.T) / 2)
    scale = math.sqrt(trace1) * math.sqrt(trace2)
    X = scale * (A @ H @ inverse) if root else None
    status = status1 if status1 != "converged" else status2
    residual = residual_of(X, S1, S2) if root else None
    return Root(scale * float(H.trace()), X, *ranks, steps1 + steps2, status, residual)


def coupled(A: Array) -> tuple[Array, Array, int, str]:
    """A^(1/2), A^(-1/2), steps and status, of a symmetric A with spectrum in [0, ∞) and Tr A > 0.

        c = Tr A;   Y ← A / c;   Z ← I;   W = 1.5 I - 0.5 Z Y;   Y ← Y W;   Z ← W Z;   root = √c Y, inverse = Z / √c

    Order       Z Y, then Y from the right and Z from the left: other orders are unstable.
    Horizon     An eigenvalue t of Z Y moves by t → t (3 - t)² / 4: a tiny one grows by 9/4 a step, and so does the
                square of the rounding in null directions. After ln(1 / (n eps)) / ln 2.25 steps rounding has grown
                to order one and more steps make it worse: that is the end.
    Stops       at ||I - Z Y||_F ≤ 4 n eps or at the horizon; not where the trace stands still, because it pauses at a
                gap of the spectrum and then moves on.
    """
    n, c = len(A), float(A.trace())
    one = identity(n, A)
    Y, Z = A / c, one
    horizon = math.floor(math.log(1 / (n * EPS)) / math.log(2.25))
    for step in range(horizon):
        R = Z @ Y
        if float(np.linalg.norm(one - R)) <= 4 * n * EPS:
            return math.sqrt(c) * Y, Z / math.sqrt(c), step, "converged"
        W = 1.5 * one - 0.5 * R
        Y, Z = Y @ W, W @ Z
        Y, Z = (Y + Y.T) / 2, (Z + Z.T) / 2
    return math.sqrt(c) * Y, Z / math.sqrt(c), horizon, "horizon"


def denman_beavers(S1: Array, S2: Array, root: bool) -> Root:
    """(S1 S2)^(1/2) by the Denman-Beavers iteration in product form, scaled by the determinant.

        M ← P;   X ← P = S1 S2;   μ = |det M|^(-1/2d)
        X ← ½ μ X (I + M⁻¹ / μ²);   M ← ½ (I + ½ (μ² M + M⁻¹ / μ²))

    until ||M - I||_F ≤ d eps or X changes by no more than d eps; μ = 1 once it changes by less than 1e-2. Seven to
    eleven steps on well-conditioned input, one inverse each.

    Fails       P must be regular. Where it is singular the inverse fails (LinAlgError), or rounding stands in for the
                null space and the result is nonsense: so the residual is always given, and is to be looked at.
    Source      Cheng, Higham, Kenney & Laub 2001, "Approximating the logarithm of a matrix to specified accuracy".
    """
    ranks = _ranks(S1, S2)
    if not all(ranks):
        return _zero(S1, S2, ranks, 0, root)
    trace1, trace2 = float(S1.trace()), float(S2.trace())
    X, steps, status = _denman_beavers((S1 / trace1) @ (S2 / trace2))
    X = math.sqrt(trace1) * math.sqrt(trace2) * X
    return Root(float(X.trace()), X if root else None, *ranks, steps, status, residual_of(X, S1, S2))


def _denman_beavers(P: Array) -> tuple[Array, int, str]:
    d, one, change = len(P), identity(len(P), P), math.inf
    M = X = P
    for step in range(STEPS):
        if float(np.linalg.norm(M - one)) <= d * EPS or change <= d * EPS:
            return X, step, "converged"
        mu = math.exp(-_log_abs_det(M) / (2 * d)) if change >= 1e-2 else 1.0
        inverse = np.linalg.inv(M) / mu**2
        before, X = X, 0.5 * mu * X @ (one + inverse)
        M = 0.5 * (one + 0.5 * (mu**2 * M + inverse))
        change = float(np.linalg.norm(X - before)) / float(np.linalg.norm(X))
    return X, STEPS, "max_iter"


def _log_abs_det(M: Array) -> float:
    log = float(np.linalg.slogdet(M)[1])
    if not math.isfinite(log):
        raise np.linalg.LinAlgError(
            "Denman-Beavers needs a regular S1 S2, and this one is singular: take the polar factor"
        )
    return log


def _ranks(S1: Array, S2: Array) -> tuple[int, int]:
    return factor(S1, "S1").shape[1], factor(S2, "S2").shape[1]


def _zero(S1: Array, S2: Array, ranks: tuple[int, int], steps: int, root: bool) -> Root:
    X = np.zeros_like(S1) if root else None
    return Root(0.0, X, *ranks, steps, "zero", residual_of(X, S1, S2) if root else None)

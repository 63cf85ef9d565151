"""The result of a matrix square root, and checks of its input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minigan.device import Array
from minigan.metrics.score import NonFiniteSamples

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 1e-6  # what float32 leaves of a symmetry or of a zero eigenvalue, relative; more is not rounding


@dataclass(frozen=True)
class Root:
    """A principal square root X: its trace, and how it was found.

    trace       Tr X
    root        X (d, d), float64, on the device of the input; None where it was not asked for
    rank1       numerical rank of the first covariance: columns of its factor
    rank2       the same of the second
    iterations  steps of the iteration; 0 where there was none
    status      how the iteration ended: "converged"; "trace" (null directions are unfinished, the trace stands still);
                "max_iter" (not to be trusted); "direct" (no iteration); "zero" (the product is 0); "disagree" (`trace`
                and `spectral` differ: trust neither)
    residual    ||X² - P||_F / ||P||_F with P the matrix whose root it is; None where X was not formed. P itself
                is only known to d eps ||S1|| ||S2||: where it is no larger than that (ranges that are orthogonal) the
                residual is of order one and has no meaning
    spectral    the trace from eigenvectors and LAPACK's singular values, where it was computed as a check
    """

    trace: float
    root: Array | None
    rank1: int
    rank2: int
    iterations: int
    status: str
    residual: float | None
    spectral: float | None = None


def covariance(S: Array, name: str) -> Array:
    """S in float64 and exactly symmetric, from a symmetric matrix (d, d) of real numbers; float32 is converted.

    An asymmetry of up to 1e-6 of the largest entry is averaged away. Raises TypeError where S is not an array of real
    numbers, NonFiniteSamples for a NaN or an infinity, ValueError where S is empty, not square or not symmetric.
    """
    S = _finite(S, name)
    if S.shape[0] != S.shape[1] or not S.size:
        raise ValueError(f"{name} must be a square matrix, the covariance of d features, got shape {S.shape}")
    gap, largest = float(abs(S - S.T).max()), float(abs(S).max())
    if gap > ROUNDING * largest:
        raise ValueError(
            f"{name} must be symmetric, as a covariance is, but entries mirrored at the diagonal differ by {gap:.3g} "
            f"(the largest entry is {largest:.3g}). A product of covariances goes to sqrtm_product as its factors."
        )
    return S if gap == 0 else S / 2 + S.T / 2


def same_features(a: Array, b: Array, names: str) -> None:
    """TypeError where one array is on a GPU and the other is not, ValueError where they are of different d."""
    if isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
        raise TypeError(f"{names} must be on the same device, got {type(a)} and {type(b)}")
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"{names} must be of the same features, got d = {a.shape[0]} and d = {b.shape[0]}")


def residual_of(X: Array, S1: Array, S2: Array) -> float:
    """||X² - S1 S2||_F / ||S1 S2||_F, at any scale of the numbers; 0 where both products are 0."""
    scale1, scale2 = float(abs(S1).max()) or 1.0, float(abs(S2).max()) or 1.0
    P = (S1 / scale1) @ (S2 / scale2)
    X = X / (scale1**0.5 * scale2**0.5)
    size, error = float(np.linalg.norm(P)), float(np.linalg.norm(X @ X - P))
    return error / size if size else (float("inf") if error else 0.0)


def identity(d: int, like: Array) -> Array:
    """The unit matrix (d, d), of the device and data type of `like`."""
    one = np.zeros_like(like, shape=(d, d))
    np.fill_diagonal(one, 1)
    return one


def _finite(S: Array, name: str) -> Array:
    kind = getattr(getattr(S, "dtype", None), "kind", None)
    if kind is None or kind not in "fiu":
        raise TypeError(f"{name} must be an array of real numbers, got {getattr(S, 'dtype', type(S))}")
    if S.ndim != 2:
        raise ValueError(f"{name} must be a matrix, got shape {S.shape}")
    if not bool(np.isfinite(S).all()):
        raise NonFiniteSamples(f"{name} holds a NaN or an infinity: the samples or features it comes from do, too")
    return S.astype(np.float64, copy=False)

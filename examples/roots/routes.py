"""All routes to (S1 S2)^(1/2), by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from minigan.device import Array
from minigan.metrics.sqrtm.factors import factor
from minigan.metrics.sqrtm.polar import polar
from minigan.metrics.sqrtm.root import Root, covariance, residual_of
from roots.direct import spectral, svd
from roots.iterations import denman_beavers, newton_schulz


def by_polar(S1: Array, S2: Array, root: bool, iteration: str) -> Root:
    """The package's way, by one of its two iterations and without its check."""
    L1, L2 = factor(S1, "S1"), factor(S2, "S2")
    U, trace, steps, status = polar(L1.T @ L2, iteration)
    X = L1 @ U @ L2.T if root else None
    return Root(trace, X, L1.shape[1], L2.shape[1], steps, status, residual_of(X, S1, S2) if root else None)


ROUTES: Mapping[str, Callable[[Array, Array, bool], Root]] = {
    "polar-halley": partial(by_polar, iteration="halley"),
    "polar-schulz": partial(by_polar, iteration="schulz"),
    "svd": svd,
    "spectral": spectral,
    "newton-schulz": newton_schulz,
    "denman-beavers": denman_beavers,
}
EXACT = ("polar-halley", "polar-schulz", "svd", "spectral")  # without loss of digits where covariances are singular


def root_by(method: str, S1: Array, S2: Array, *, root: bool = False) -> Root:
    """The trace of (S1 S2)^(1/2) by one of `ROUTES`, and the matrix where `root` is true."""
    return ROUTES[method](covariance(S1, "S1"), covariance(S2, "S2"), root)

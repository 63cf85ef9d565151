"""Covariances whose product has a known root."""

from __future__ import annotations

import numpy as np

S1, S2 = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.3], [-0.3, 1.5]])
Pair = tuple[np.ndarray, np.ndarray, float]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rotation(d: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(rng(seed).normal(size=(d, d)))[0]


def covariance(d: int, rank: int, seed: int = 0) -> np.ndarray:
    L = rng(seed).normal(size=(d, rank))
    return L @ L.T / rank


def distance(S1: np.ndarray, S2: np.ndarray, trace: float) -> float:
    """The part of the Fréchet distance that belongs to the covariances."""
    return float(np.trace(S1) + np.trace(S2) - 2 * trace)


def non_commuting(P: np.ndarray, d1: np.ndarray, d2: np.ndarray) -> Pair:
    """S1 = P D1² Pᵀ, S2 = P⁻ᵀ D2² P⁻¹: the root of S1 S2 is P D1 D2 P⁻¹, its trace Σ d1 d2."""
    inverse = np.linalg.inv(P)
    A, B = P * d1, inverse.T * d2
    return A @ A.T, B @ B.T, float(d1 @ d2)


def stretched(d: int, condition: float, seed: int = 0) -> np.ndarray:
    return (rotation(d, seed) * np.geomspace(1, 1 / condition, d)) @ rotation(d, seed + 1)

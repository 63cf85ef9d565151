"""Mixtures of Gaussians in the plane: data whose truth is known, so that lost modes can be counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minigan.device import Array, to_host


@dataclass(frozen=True)
class Coverage:
    """How well generated points cover a mixture. A point is of high quality within 3 sigma of its nearest centre.

    captured      modes that are nearest to at least one high-quality point
    modes_fair    modes that hold at least 5 % of their fair share, 1 / (20 K) of all points, of high quality
    modes         K, the modes there are
    high_quality  share of high-quality points; 1 - exp(-4.5) = 0.9889, not 1, for the mixture itself
    kl            KL(p̂ || uniform) in nats, p̂ the share of each mode among high-quality points; 0 for a fair
                  spread, log(K / m) for m equal modes; NaN where no point is of high quality and p̂ does not exist
    """

    captured: int
    modes_fair: int
    modes: int
    high_quality: float
    kl: float


@dataclass(frozen=True, eq=False)
class Mixture:
    """An equal mixture of K round Gaussians: p(x) = 1/K Σₖ exp(-|x - cₖ|² / 2σ²) / 2πσ².

    name     what the mixture is called
    centres  float64 (K, 2), the cₖ
    sigma    σ, the standard deviation along either axis
    """

    name: str
    centres: np.ndarray
    sigma: float

    def __post_init__(self) -> None:
        if self.centres.ndim != 2 or self.centres.shape[1] != 2 or len(self.centres) == 0:
            raise ValueError(f"{self.name}: expected centres (K, 2) with K > 0, got shape {self.centres.shape}")
        if not (self.sigma > 0 and math.isfinite(self.sigma) and np.isfinite(self.centres).all()):
            raise ValueError(f"{self.name}: expected finite centres and a finite sigma > 0, got sigma {self.sigma}")

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points, float32 (n, 2)."""
        modes = rng.integers(len(self.centres), size=n)
        return (self.centres[modes] + self.sigma * rng.standard_normal((n, 2))).astype(np.float32)

    def density(self, points: Array) -> np.ndarray:
        """p(x) at points (..., 2): float64 (...), on the host; for pictures."""
        squares = self._distances(points) ** 2  # (..., K)
        variance = self.sigma**2
        return np.exp(-squares / (2 * variance)).mean(axis=-1) / (2 * math.pi * variance)

    def coverage(self, points: Array) -> Coverage:
        """Which modes generated points (n, 2) reach; the usual n is 2,500. Raises ValueError if any is not finite.

        Source: Srivastava et al. 2017 (VEEGAN), section 4.1; Lin et al. 2018 (PacGAN), section 4.1; `modes_fair` is
        ours, because a single stray point suffices to capture a mode.
        """
        points = to_host(points)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise ValueError(f"{self.name}: expected points (n, 2) with n > 0, got shape {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError(f"{self.name}: expected finite points, got NaN or infinite values")
        n, K = len(points), len(self.centres)
        distances = self._distances(points)  # (n, K)
        good = distances.min(axis=1) < 3 * self.sigma
        counts = np.bincount(distances.argmin(axis=1)[good], minlength=K)
        return Coverage(
            captured=int((counts > 0).sum()),
            modes_fair=int((20 * K * counts >= n).sum()),
            modes=K,
            high_quality=float(good.mean()),
            kl=_divergence_from_uniform(counts),
        )

    def _distances(self, points: Array) -> np.ndarray:
        """From each point (..., 2) to each centre: (..., K)."""
        offsets = to_host(points)[..., np.newaxis, :].astype(np.float64) - self.centres
        return np.hypot(offsets[..., 0], offsets[..., 1])


def ring(modes: int = 8, radius: float = 2.0, sigma: float = 0.02) -> Mixture:
    """Gaussians evenly around a circle, the first at (radius, 0). Source: Metz et al. 2017 (unrolled GAN)."""
    angles = 2 * math.pi * np.arange(modes) / modes  # 2π left out: it is the angle 0 again
    return Mixture("ring", radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """Gaussians on a square grid around the origin; by default {-4, -2, 0, 2, 4}². Source: Lin et al. 2018 (PacGAN)."""
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture("grid", np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2), sigma)


def _divergence_from_uniform(counts: np.ndarray) -> float:
    if counts.sum() == 0:
        return math.nan
    p = counts[counts > 0] / counts.sum()
    return float((p * np.log(p * len(counts))).sum())

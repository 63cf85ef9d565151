"""Relativistic average GAN."""

from __future__ import annotations

import math

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective, sigmoid, softplus


class RaGAN(Objective):
    """D estimates whether a sample is more real than the average sample of the other kind.

    With u = a - mean b and v = b - mean a, and ℓ(t) the loss of a t that should be high:

    D           L = mean ℓ(u) + mean ℓ(-v)

    G           L = mean ℓ(v) + mean ℓ(-u)                        D's with real and fake exchanged

    Loss        "sgan"      ℓ = sp(-t) = log(1 + e⁻ᵗ)     ℓ' = -σ(-t)
                "lsgan"     ℓ = (t - 1)²                  ℓ' = 2 (t - 1)
                "hinge"     ℓ = max(0, 1 - t)             ℓ' = -1[t < 1]

    Gradient    α = ℓ'(u) / m and β = -ℓ'(-v) / n are the gradients by u and v; every a is in one u
                and in all v:
                da = α - Σβ / m        db = β - Σα / n        their sum is 0: only differences count

    `scale` multiplies the losses of both players; 0.5 is the authors' code.

    Defaults    "sgan", scale 1, Adam 2e-4, betas (0.5, 0.999), batch 64, one D step.
    Healthy     "sgan": both losses near 2 log 2 = 1.386, one up when the other is down.
    Fails       A sigmoid at D's end: the difference of raw outputs is what counts, their level
                means nothing.
    Source      Jolicoeur-Martineau 2018, sections 4.2 and 4.3, with the least squares and the hinge
                of its appendix.
    """

    name = "ragan"
    defaults = Defaults()
    compares = True

    def __init__(self, *, loss: str = "sgan", scale: float = 1.0) -> None:
        if loss not in ("sgan", "lsgan", "hinge"):
            raise ValueError(f"loss must be 'sgan', 'lsgan' or 'hinge', got {loss!r}")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive and finite, got {scale}")
        self.loss, self.scale = loss, scale

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        (real, up), (fake, down) = self._high(a - b.mean()), self._high(a.mean() - b)
        alpha, beta = up / len(a), down / -len(b)
        da, db = alpha - beta.sum() / len(a), beta - alpha.sum() / len(b)
        return self.scale * (real.mean() + fake.mean()), self.scale * da, self.scale * db

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        loss, db, _ = self.d_loss(b, a)
        return loss, db

    def _high(self, t: Array) -> tuple[Array, Array]:
        """ℓ(t) and ℓ'(t)."""
        if self.loss == "sgan":
            return softplus(-t), -sigmoid(-t)
        if self.loss == "lsgan":
            return (t - 1) * (t - 1), 2 * (t - 1)
        return np.maximum(1 - t, 0), -(t < 1).astype(t.dtype)

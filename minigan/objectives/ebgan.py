"""Energy-based GAN, and what objectives with an autoencoder as D share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective
from minigan.penalties import EPS

ENERGIES = ("l2", "mse", "sse", "l1")


class EnergyObjective(Objective):
    """D is an autoencoder; its output y (N, 1 + d) is each sample's energy e, then its code S."""

    output = "autoencoder"
    energy: str  # how the reconstruction error is measured, one of ENERGIES

    def __init__(self, features: int) -> None:
        if not (isinstance(features, int | np.integer) and features >= 1):
            raise ValueError(
                f"features is the size of the hidden code, a whole number of at least 1, got "
                f"{features}"
            )
        self.features = features

    def critic(self) -> dict[str, Any]:
        return {"output": self.output, "energy": self.energy, "features": self.features}

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return b[:, :1].mean(), energy_gradient(b, 1 / len(b))


class EBGAN(EnergyObjective):
    """D is an autoencoder whose error is an energy: low on data, at least `margin` on fakes.

    With e the energies of the real samples, f those of the fakes, S (n, d) the codes of the fakes:

    D           L = mean e + mean max(0, margin - f)
                de = 1 / m         df = -1[f < margin] / n        the codes have no part in it

    G           L = mean f + pt · PT(S)
                df = 1 / n         dS = pt · dPT/dS

    Energy      of a sample x with reconstruction r:
                l2 √Σ (r - x)²,  sse Σ (r - x)²,  mse mean (r - x)²,  l1 mean |r - x|
                A sample enters its energy twice, as input and as target: the second part of its
                gradient, -∂e/∂r, is added by the layer that measures the energy.

    PT          the pulling-away term: the mean squared cosine between two codes of the batch, 1 for
                parallel codes, 0 for orthogonal ones, 0 for a batch of one. With N_i = S_i / |S_i|,
                C = N · Nᵀ without its diagonal:
                PT = Σ C² / (n (n - 1))
                C holds every pair twice and each of its sides once: dN = 4 / (n (n - 1)) · C · N
                N_i has constant length, so what points along it is lost:
                dS_i = (dN_i - N_i <N_i, dN_i>) / |S_i|
                |S_i| = √(Σ S_i² + 1e-12) keeps a code of zeros at PT = 0 and dS = 0.

    Defaults    margin 10, pt 0.1, energy l2, code of 64 numbers (`features`), Adam 1e-3, batch 128.
                A margin belongs to its energy: mse wants one of about 1.
    Healthy     The real energy falls, the fake energy hovers below the margin, PT falls from about
                1 to 0.1 to 0.3.
    Fails       A margin far above what D can reach: D raises the fakes' energy without end, samples
                turn to noise. A margin below the real energy: the hinge is off and nothing guides
                G. Without PT: few modes.
    Deviates    The hinge is taken for each sample; the paper's small initial weights of D and G are
                the model's affair.
    Source      Zhao, Mathieu & LeCun 2016, sections 2.1 (losses), 2.3 (autoencoder) and 2.4
                (pulling away).
    """

    name = "ebgan"
    defaults = Defaults(lr=1e-3, batch_size=128)
    constraint = "margin"

    def __init__(
        self, *, margin: float = 10.0, pt: float = 0.1, energy: str = "l2", features: int = 64
    ) -> None:
        super().__init__(features)
        if not 0 < margin < math.inf:
            raise ValueError(f"margin is an energy, a positive number, got {margin}")
        if not 0 <= pt < math.inf:
            raise ValueError(
                f"pt, the weight of the pulling-away term, must not be negative, got {pt}"
            )
        if energy not in ENERGIES:
            raise ValueError(f"unknown energy {energy!r}; known are {', '.join(ENERGIES)}")
        self.margin, self.pt, self.energy = margin, pt, energy

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        return margin_loss(a, b, self.margin)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        loss, db = super().g_loss(b)
        pt, dcode = pulling_away(b[:, 1:])
        db[:, 1:] = self.pt * dcode
        return loss + self.pt * pt, db


def energy_gradient(y: Array, de: Array | float) -> Array:
    """dL/dy of an autoencoder's output y (N, 1 + d), from dL/de, () or (N, 1); 0 for the code."""
    dy = np.zeros_like(y)
    dy[:, :1] = de
    return dy


def margin_loss(a: Array, b: Array, margin: Array | float) -> tuple[Array, Array, Array]:
    """mean e + mean max(0, margin - f), e = a[:, :1] and f = b[:, :1]; value, da, db."""
    f = b[:, :1]
    loss = a[:, :1].mean() + np.maximum(margin - f, 0).mean()
    df = (f < margin).astype(b.dtype) / -len(b)
    return loss, energy_gradient(a, 1 / len(a)), energy_gradient(b, df)


def pulling_away(code: Array) -> tuple[Array, Array]:
    """The mean squared cosine of two different rows of `code` (N, d), and its gradient (EBGAN)."""
    n = len(code)
    pairs = max(n * (n - 1), 1)  # a batch of one has no pairs: its sum is 0
    length = np.sqrt((code * code).sum(axis=1, keepdims=True) + EPS)
    unit = code / length
    cosine = kernels.matmul(unit, unit.T)
    cosine.reshape(-1)[:: n + 1] = 0  # the diagonal: a row with itself
    dunit = 4 / pairs * kernels.matmul(cosine, unit)
    along = (unit * dunit).sum(axis=1, keepdims=True)
    return (cosine * cosine).sum() / pairs, (dunit - unit * along) / length

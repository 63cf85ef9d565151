"""Hinge GAN."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective


class Hinge(Objective):
    """A margin classifier's loss for D, a linear one for G.

    D           L = mean max(0, 1 - a) + mean max(0, 1 + b)
                da = -1[a < 1] / m        db = 1[b > -1] / n

    G           L = -mean b
                db = -1 / n

    Defaults    Adam 2e-4, betas (0, 0.9), n_critic 5, batch 64; in the papers with spectral
                normalisation of D.
    Healthy     L of D 0.5 to 1.8, both terms alike; 2 means that D cannot separate them.
    Fails       Without any Lipschitz control both terms reach 0: D stops learning while G drifts.
    Source      Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    """

    name = "hinge"
    defaults = Defaults(betas=(0.0, 0.9), n_critic=5)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        loss = np.maximum(1 - a, 0).mean() + np.maximum(1 + b, 0).mean()
        return loss, (a < 1).astype(a.dtype) / -len(a), (b > -1).astype(b.dtype) / len(b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return -b.mean(), np.full_like(b, -1 / len(b))

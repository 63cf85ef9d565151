"""Fisher GAN."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective
from minigan.penalties import EPS


class Fisher(Objective):
    """The distance of the means of D's outputs, in units of their root mean square.

    With E = mean a - mean b and Ω = ½ mean a² + ½ mean b², the critic maximises E under the
    constraint Ω = 1:

    D           L = -(E + lam (1 - Ω) - rho / 2 (Ω - 1)²)   the augmented Lagrangian, negated
                dL/dΩ = lam + rho (Ω - 1) = c      dΩ/da = a / m      dΩ/db = b / n
                da = (c a - 1) / m                 db = (c b + 1) / n

    G           L = -mean b
                db = -1 / n

    State       after every update of D, with the Ω of its batches:
                lam ← lam + rho (Ω - 1)        from lam = 0
                The multiplier of an equation has either sign: it is not clipped at 0.
                distance = E / √Ω is what to plot: at most 2, for |E| <= √(mean a²) + √(mean b²)
                <= 2 √Ω.

    Defaults    rho 1e-6, Adam 2e-4, betas (0.5, 0.999), n_critic 2, batch 64. Batch norm may stay.
    Healthy     Ω settles at 1 and lam at a positive constant; the distance starts near 2 and falls
                slowly.
    Fails       rho too large: Ω swings around 1. rho tiny: Ω grows far above 1 before the
                multiplier answers, for several thousand steps; short runs want 1e-4 to 1e-3.
    Deviates    Without the weight decay of the authors' code (1e-6, 1e-3 on the last layer): Ω
                alone holds D.
    Source      Mroueh & Sercu 2017, algorithm 1; lam after the weights, as in the authors' code.
    """

    name = "fisher"
    defaults = Defaults(n_critic=2)
    constraint = "second moment Ω = 1"
    buffers = readings = ("lam", "omega", "distance")

    def __init__(self, *, rho: float = 1e-6) -> None:
        if not rho > 0:
            raise ValueError(
                "rho, the weight of the constraint and step size of lam, must be positive, got "
                f"{rho}"
            )
        self.rho = rho
        self.lam, self.omega, self.distance = np.zeros(()), np.ones(()), np.zeros(())
        # E and Ω of the last D loss
        self._moments: tuple[Array | float, Array | float] = (0.0, 1.0)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        e = a.mean() - b.mean()
        omega = (a * a).mean() / 2 + (b * b).mean() / 2
        self._moments = e, omega
        lam = self.lam.astype(a.dtype)
        loss = self.rho / 2 * (omega - 1) ** 2 - lam * (1 - omega) - e
        c = lam + self.rho * (omega - 1)
        return loss, (c * a - 1) / len(a), (c * b + 1) / len(b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return -b.mean(), np.full_like(b, -1 / len(b))

    def after_d_update(self, D: object) -> None:
        e, omega = self._moments
        self.lam += self.rho * (omega - 1)
        self.omega[...] = omega
        self.distance[...] = e / np.sqrt(omega + EPS)

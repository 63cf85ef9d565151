"""Least squares GAN."""

from __future__ import annotations

import math

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective, sigmoid


class LSGAN(Objective):
    """Least squares instead of cross entropy: a fake far from the boundary still gets a gradient.

    Targets     fake 0, real 1, gen 1. With fake -1, real 1, gen 0 the generator minimises a Pearson
                χ² between p + q and 2q.

    D           L = ½ mean (a - real)² + ½ mean (b - fake)²
                da = (a - real) / m        db = (b - fake) / n

    G           L = ½ mean (b - gen)²
                db = (b - gen) / n

    Sigmoid     `sigmoid=True` uses D's probability s = σ(a) instead of a, as Lucic et al. 2018 did:
                da = (s - real) s (1 - s) / m, and db likewise

    Optimum     D = (real p + fake q) / (p + q).
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64, one D step.
    Healthy     L of D 0.1 to 0.25, L of G 0.1 to 0.35; a D that cannot separate them gives 0.25 and
                0.125.
    Fails       A strong D sits at its targets and L of G at 0.5: lower D's learning rate.
    Source      Mao et al. 2016, equations 2 and 9 (their code sums over the batch; here the mean).
    """

    name = "lsgan"
    defaults = Defaults()

    def __init__(
        self, *, fake: float = 0.0, real: float = 1.0, gen: float = 1.0, sigmoid: bool = False
    ) -> None:
        if not all(math.isfinite(target) for target in (fake, real, gen)):
            raise ValueError(
                f"targets are finite numbers, got fake {fake}, real {real} and gen {gen}"
            )
        if fake == real:
            raise ValueError(
                f"the targets of fake and real samples must differ, got {fake} for both"
            )
        self.fake, self.real, self.gen, self.sigmoid = fake, real, gen, sigmoid

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        loss_a, da = self._half_square(a, self.real)
        loss_b, db = self._half_square(b, self.fake)
        return loss_a + loss_b, da, db

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return self._half_square(b, self.gen)

    def _half_square(self, a: Array, target: float) -> tuple[Array, Array]:
        """½ mean (a - target)² and its gradient."""
        if not self.sigmoid:
            u = a - target
            return 0.5 * (u * u).mean(), u / len(a)
        s = sigmoid(a)
        u = s - target
        return 0.5 * (u * u).mean(), u * s * (1 - s) / len(a)

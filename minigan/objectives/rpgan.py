"""Relativistic GAN of pairs, flat on both sides."""

from __future__ import annotations

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective, sigmoid, softplus
from minigan.objectives.r1 import R1


class RpGAN(R1):
    """D decides which of two samples is real: each real sample is paired with one fake.

    With real a_i and fake b_i in pairs, i = 1 ... n:

    D           L = mean sp(-(a_i - b_i)) + R
                da = -σ(b - a) / n        db = -da

    G           L = mean sp(-(b_i - a_i))
                db = -σ(a - b) / n

    Penalty     R = γ/2 mean ‖∂D(x_i) / ∂x_i‖², one term on real samples (R1) and one on fakes (R2);
                `on` and `every` as of `r1`.

    A D that judges each fake alone can send all of them to one place. Here a fake must beat a real
    sample, and no place is better than all of them.

    Defaults    `gamma` γ 3, `every` 4, Adam 2e-4, betas (0, 0.99), batch 64, one D step.
    Healthy     L of D - R near log 2 = 0.693, and L of G slightly above.
    Fails       γ too small: D separates every pair, and L of D goes to 0.
    Deviates    Huang et al. raise γ with the size of the images and lower it in the run: here it is
                one number.
    Source      Jolicoeur-Martineau 2018, section 4.1 (pairs); Huang et al. 2024 (R3GAN), for R1
                with R2.
    """

    name = "rpgan"
    constraint = "zero-centred penalties"
    defaults = Defaults(betas=(0.0, 0.99))
    logit = False  # only differences count
    compares = True
    pairs = True

    def __init__(self, *, gamma: float = 3.0, on: str = "both", every: int = 4) -> None:
        super().__init__(gamma=gamma, on=on, every=every)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        n = self._pairs(a, b)
        da = -sigmoid(b - a) / n
        return softplus(b - a).mean(), da, -da

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return Objective.g_loss(self, b)  # without real samples there is none

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        loss, db, _ = self.d_loss(b, a)
        return loss, db

    def _pairs(self, a: Array, b: Array) -> int:
        if len(a) != len(b):
            raise ValueError(
                "rpgan compares pairs: it needs as many fake as real samples, got "
                f"{len(a)} and {len(b)}"
            )
        return len(a)

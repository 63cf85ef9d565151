"""Wasserstein GAN with gradient penalty ("improved WGAN")."""

from __future__ import annotations

from typing import Any

from minigan.device import Array
from minigan.objectives.objective import Defaults
from minigan.objectives.wgan import WGAN
from minigan.penalties import EPS, between, gradient_penalty
from minigan.random import Random, generator


class WGANGP(WGAN):
    """WGAN; a penalty pulls the critic's gradient norm to 1 between real and fake samples.

    D           L = mean b - mean a + R        da, db as in WGAN

    G           as in WGAN

    Penalty     x̂_i = ε_i x_i + (1 - ε_i) y_i,  ε_i ~ U[0, 1) one number per sample
                R = λ mean (‖∂D(x̂_i) / ∂x̂_i‖ - 1)²        its gradient: penalties.py
                ‖g‖ = √(Σ g² + `eps`): 1e-12; 1e-4 in the code of Lucic et al. 2018

    No batch norm in the critic, for the penalty is on each sample alone; layer norm takes its
    place.

    Defaults    `weight` λ 10, Adam 1e-4, betas (0.5, 0.9) (the authors' MNIST code; the paper's box
                has (0, 0.9)), n_critic 5, batch 64. `one_sided` penalises only norms above 1.
    Healthy     Norms within 0.9 to 1.1 after a few hundred steps, R below 0.5, -(L - R) falling.
    Fails       With one ε per pixel, or the norm over one axis, it trains, but something else.
    Source      Gulrajani et al. 2017, algorithm 1 and equation 3.
    """

    name = "wgan-gp"
    constraint = "gradient penalty"
    defaults = Defaults(lr=1e-4, betas=(0.5, 0.9), n_critic=5)
    critic_norm = "layer"

    def __init__(
        self,
        *,
        weight: float = 10.0,
        one_sided: bool = False,
        eps: float = EPS,
        rng: Random | None = None,
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"weight of the gradient penalty must not be negative, got {weight}")
        if not eps > 0:
            raise ValueError(f"eps, which is added under the root, must be positive, got {eps}")
        self.weight, self.one_sided, self.eps = weight, one_sided, eps
        self.rng = generator(rng, needed=False)

    def penalty(self, D: Any, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
        x = between(self.name, self.rng, real, fake)
        return gradient_penalty(
            D, x, grads, weight=self.weight, one_sided=self.one_sided, eps=self.eps
        )

    def after_d_update(self, D: Any) -> None:
        """No clipping: the penalty has taken its place."""

    def critic_steps(self, step: int, n_critic: int) -> int:
        """No warming up either."""
        return n_critic

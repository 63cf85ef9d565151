"""DRAGAN."""

from __future__ import annotations

from typing import Any

from minigan import kernels
from minigan.device import Array
from minigan.layers import Network, Sigmoid
from minigan.objectives.nonsaturating import NonSaturating
from minigan.objectives.objective import Defaults
from minigan.penalties import EPS, gradient_penalty
from minigan.random import Random, generator


class DRAGAN(NonSaturating):
    """The non-saturating GAN; a penalty keeps the norm of D's gradient near 1 around real data.

    D           L = mean sp(-a) + mean sp(b) + R

    G           as in the non-saturating GAN

    Penalty     s = standard deviation of all numbers of the real batch
                x̂_i = x_i + α_i · ½ s U_i        U_i ~ U[0, 1) per number, α_i ~ U[0, 1) per sample
                R = λ mean (‖∂D(x̂_i) / ∂x̂_i‖ - 1)²,  D being the logit   its gradient: penalties.py
                Lucic et al. 2018 penalise the probability σ(D), with 1e-4 under the root of the
                norm: `sigmoid=True`, `eps=1e-4`

    Defaults    `weight` λ 10, Adam 1e-4, betas (0.5, 0.9), one D step, batch 128.
    Healthy     As the non-saturating GAN, with L of G below 3; gradient norms near the data 0.8 to
                1.2.
    Fails       Perturbed points that land on other data: D goes flat.
    Deviates    U is uniform, as in the authors' code; the paper perturbs by normal noise. The noise
                of G is normal; theirs is uniform in [-1, 1].
    Source      Kodali et al. 2017, section 3.2; x̂ as in the authors' code.
    """

    name = "dragan"
    constraint = "gradient penalty near data"
    defaults = Defaults(lr=1e-4, betas=(0.5, 0.9), batch_size=128)
    critic_norm = "layer"

    def __init__(
        self,
        *,
        weight: float = 10.0,
        sigmoid: bool = False,
        eps: float = EPS,
        real_label: float = 1.0,
        rng: Random | None = None,
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"weight of the gradient penalty must not be negative, got {weight}")
        super().__init__(real_label=real_label)
        if not eps > 0:
            raise ValueError(f"eps, which is added under the root, must be positive, got {eps}")
        self.weight, self.sigmoid, self.eps = weight, sigmoid, eps
        self.rng = generator(rng, needed=False)

    def penalty(self, D: Any, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
        if self.rng is None:
            raise ValueError(
                "dragan draws points around the real ones: objectives.get('dragan', rng=generator)"
            )
        alpha = kernels.uniform(real, (len(real),) + (1,) * (real.ndim - 1), self.rng)
        noise = kernels.uniform(real, real.shape, self.rng)
        x = real + alpha * (0.5 * real.std()) * noise
        if self.sigmoid:  # the probability is one more layer; D's gradients are those of the first
            D, grads = Network(D, Sigmoid()), {"0": grads}
        return gradient_penalty(D, x, grads, weight=self.weight, eps=self.eps)

"""The non-saturating GAN with R1 or R2, the zero-centred penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.objectives.nonsaturating import NonSaturating
from minigan.objectives.objective import Defaults
from minigan.penalties import zero_centred_penalty


class R1(NonSaturating):
    """The non-saturating GAN; a penalty makes D flat on the data, so that training converges.

    D           L = mean sp(-a) + mean sp(b) + R

    G           as in the non-saturating GAN

    Penalty     R = γ/2 mean ‖∂D(x_i) / ∂x_i‖²,  D being the logit      its gradient: penalties.py
                on real samples x (R1), on fakes (`on`="fake", R2), or the sum of one on each
                ("both").

    Lazy        `every` k: R is added at D's steps 0, k, 2k, …, with weight γ k. The same on
                average, for a kth of the work.

    Derivation  At the fixed point D is 0 on the data. Near it the players' updates turn like a
                pendulum that has no friction; R, which shrinks the slope of D where the data is, is
                the friction.

    Defaults    `gamma` γ 10, RMSProp 1e-4, one D step, batch 64; an average of G's weights (0.999)
                draws the samples.
    Healthy     L of D - R slightly below 2 log 2 = 1.386; slopes shrink as training settles.
    Fails       γ too large: D cannot separate anything, L of D stays at 1.386.
    Deviates    The authors' code leaves the ½ out: its 10 is γ = 20 here. `every` is that of Karras
                et al.
    Source      Mescheder, Geiger & Nowozin 2018, equations 9 and 10; `every`: Karras et al. 2020,
                section 3.1.
    """

    name = "r1"
    constraint = "zero-centred penalty"
    defaults = Defaults(optimizer="rmsprop", lr=1e-4)
    critic_norm = "layer"
    buffers = ("d_steps",)

    def __init__(
        self, *, gamma: float = 10.0, on: str = "real", every: int = 1, real_label: float = 1.0
    ) -> None:
        if not gamma >= 0:
            raise ValueError(
                f"gamma, the weight of the gradient penalty, must not be negative, got {gamma}"
            )
        if on not in ("real", "fake", "both"):
            raise ValueError(f"on must be 'real', 'fake' or 'both', got {on!r}")
        if not (isinstance(every, int | np.integer) and every >= 1):
            raise ValueError(
                f"every is a number of D steps, an integer of at least 1, got {every!r}"
            )
        super().__init__(real_label=real_label)
        self.gamma, self.on, self.every = gamma, on, every
        self.d_steps = np.zeros((), np.int64)  # D's updates so far

    def penalty(self, D: Any, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
        value = np.zeros_like(real, shape=())
        if self.phase():
            for x in {"real": (real,), "fake": (fake,), "both": (real, fake)}[self.on]:
                value = value + zero_centred_penalty(D, x, grads, weight=self.gamma * self.every)
        return value

    def after_d_update(self, D: Any) -> None:
        self.d_steps += 1

    def phase(self) -> int:
        return int(self.d_steps % self.every == 0)

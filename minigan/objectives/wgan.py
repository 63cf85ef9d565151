"""Wasserstein GAN."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective


class WGAN(Objective):
    """The critic measures the earth mover's distance; clipped weights keep it Lipschitz.

    D           L = mean b - mean a                        -L estimates the distance, up to a factor
                da = -1 / m        db = 1 / n

    G           L = -mean b
                db = -1 / n

    Constraint  after every critic update  w ← clip(w, -c, c)  for every parameter, also biases.
                A projection: it has no gradient.

    Schedule    100 critic steps before each of the first 25 generator updates and of every 500th,
                so that the distance is a distance; n_critic otherwise. `warmup=False` turns this
                off.

    Defaults    `clip` c 0.01, RMSProp 5e-5, n_critic 5, batch 64. Momentum makes the critic
                unstable.
    Healthy     -L jumps up in the first critic phase, then falls smoothly with the quality of the
                samples; most weights sit at the two bounds.
    Fails       c too small: gradients vanish layer by layer, outputs of 1e-4; too large: the critic
                is slow.
    Source      Arjovsky, Chintala & Bottou 2017, algorithm 1 (clip after the update; their code
                clips before the next); the schedule is the authors' code's.
    """

    name = "wgan"
    constraint = "clipped weights"
    defaults = Defaults(optimizer="rmsprop", lr=5e-5, n_critic=5)

    def __init__(self, *, clip: float = 0.01, warmup: bool = True) -> None:
        if not clip > 0:
            raise ValueError(f"clip must be positive, got {clip}")
        self.clip, self.warmup = clip, warmup

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        return b.mean() - a.mean(), np.full_like(a, -1 / len(a)), np.full_like(b, 1 / len(b))

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return -b.mean(), np.full_like(b, -1 / len(b))

    def after_d_update(self, D: Any) -> None:
        for _, w in D.named_params():
            np.clip(w, -self.clip, self.clip, out=w)

    def critic_steps(self, step: int, n_critic: int) -> int:
        return long_at_first(step, n_critic) if self.warmup else n_critic


def long_at_first(step: int, n_critic: int) -> int:
    """The schedule above, which MMD GAN follows as well."""
    return 100 if step < 25 or step % 500 == 0 else n_critic

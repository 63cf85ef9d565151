"""Objective: what D and G minimise, and the gradients of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minigan.device import Array

Penalty = Callable[[Any, Array, Array, dict[str, Any]], Array]  # (D, real, fake, grads) -> value; adds to grads


@dataclass(frozen=True)
class Defaults:
    """How the paper trains: optimizer (`adam`, `rmsprop`, `sgd`) and its numbers, D steps per G step, batch size."""

    optimizer: str = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    n_critic: int = 1
    batch_size: int = 64


class Objective:
    """One GAN's game. Both players minimise; a high output of D means "real".

    The outputs of D are raw: a (m, 1) on real samples, b (n, 1) on fakes, never behind a sigmoid. Losses are means
    over the batch, so that a learning rate means the same for every batch size; gradients have the outputs' shapes.
    """

    name: ClassVar[str]
    defaults: ClassVar[Defaults] = Defaults()
    logit: ClassVar[bool] = False  # is sigmoid(D's output) the probability of being real?
    critic_norm: ClassVar[str] = "batch"  # the normalisation that suits D: a penalty per sample forbids batch norm
    penalty: Penalty | None = None  # a further term of D's loss, with its gradient

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """D's loss without penalty, and its gradients: value, da, db."""
        raise NotImplementedError(f"{self.name} has no loss for D")

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        """G's loss and its gradient: value, db."""
        raise NotImplementedError(f"{self.name} has no loss for G")

    def after_d_update(self, D: Any) -> None:
        """What happens to D after each of its updates: nothing, unless the page says otherwise."""

    def critic_steps(self, step: int, n_critic: int) -> int:
        """D updates in front of G's update number `step` (from 0), where `n_critic` are asked for."""
        return n_critic


def softplus(t: Array) -> Array:
    """log(1 + eᵗ) = max(t, 0) + log(1 + e^-|t|): exact for all t, where log(1 + exp(t)) overflows."""
    return np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))


def sigmoid(t: Array) -> Array:
    """1 / (1 + e⁻ᵗ) = e^min(t, 0) / (1 + e^-|t|): full relative accuracy on both sides."""
    return np.exp(np.minimum(t, 0)) / (1 + np.exp(-np.abs(t)))

"""Watching D's outputs from outside the steps."""

from __future__ import annotations

from minigan.device import Array
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.objectives.objective import sigmoid


class Observed(Objective):
    """An objective that remembers D's last outputs, for the log; in all else the objective itself."""

    def __init__(self, objective: Objective) -> None:
        self.inner, self.penalty = objective, objective.penalty
        self.a: Array = None
        self.b: Array = None

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        self.a, self.b = a, b
        return self.inner.d_loss(a, b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return self.inner.g_loss(b)

    def after_d_update(self, D: Layer) -> None:
        self.inner.after_d_update(D)

    def critic_steps(self, step: int, n_critic: int) -> int:
        return self.inner.critic_steps(step, n_critic)

    def means(self) -> tuple[float, float]:
        """Mean D(x) and mean D(G(z)): probabilities where the outputs are logits, else the scores themselves."""
        shown = sigmoid if self.inner.logit else (lambda t: t)
        return float(shown(self.a).mean()), float(shown(self.b).mean())

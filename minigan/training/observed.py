"""An objective as a run plays it: watched from outside the steps, and shown the real samples that it wants to see."""

from __future__ import annotations

from typing import Any

from minigan.device import Array
from minigan.layers import Layer
from minigan.objectives import Objective


class Observed(Objective):
    """An objective that remembers D's last outputs, for the log and for games whose G loss compares; in all else the
    objective itself."""

    def __init__(self, objective: Objective) -> None:
        self.inner, self.penalty = objective, objective.penalty
        self.a: Array = None
        self.b: Array = None
        self._faced: Objective = objective

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        self.a, self.b = a, b
        return self.inner.d_loss(a, b)

    def face(self, D: Layer, real: Array) -> None:
        """Let D look at the real samples that the next loss of G compares with."""
        with D.keeping_buffers():
            a, _ = D.forward(real)
        if not self.inner.trains_d:  # else the log shows both sides of D's own update
            self.a = a
        self._faced = self.inner.facing(a)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        if not self.inner.trains_d:
            self.b = b
        return self._faced.g_loss(b)

    def after_d_update(self, D: Layer) -> None:
        self.inner.after_d_update(D)

    def critic_steps(self, step: int, n_critic: int) -> int:
        return self.inner.critic_steps(step, n_critic)

    def phase(self) -> int:
        return self.inner.phase()

    def kept(self) -> tuple[Any, ...]:
        """What the last step left here, for `recall`."""
        return self.a, self.b, self._faced

    def recall(self, kept: tuple[Any, ...]) -> None:
        """Know again what a step left: its replay has put new numbers into the same arrays."""
        self.a, self.b, self._faced = kept

    def means(self) -> tuple[float, float]:
        """Means over D(x) and D(G(z)), as the objective shows D's outputs: probabilities, scores, energies, norms."""
        return float(self.inner.shown(self.a).mean()), float(self.inner.shown(self.b).mean())

    def readings(self) -> dict[str, Array]:
        return self.inner.readings()

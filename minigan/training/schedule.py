"""Schedule: what a run does when, as functions of how far it is."""

from __future__ import annotations

from collections.abc import Callable

from minigan.training.config import Config


class Schedule:
    """Counts a run in steps (updates of G), in D updates, and in epochs (D's passes over the data).

    `critic_steps(step)` says how many D updates a step has; `per_epoch` batches are one pass over the data.
    """

    def __init__(self, config: Config, critic_steps: Callable[[int], int], per_epoch: float) -> None:
        self.config, self.critic_steps, self.per_epoch = config, critic_steps, per_epoch
        self.total = self._count_steps()

    def _count_steps(self) -> int:
        """Steps until D has seen the data `epochs` times."""
        steps, updates, needed = 0, 0, self.config.epochs * self.per_epoch
        while updates < needed:
            updates += self.critic_steps(steps)
            steps += 1
        return steps

    def epochs(self, d_updates: int) -> float:
        """How often D has seen the data after so many updates."""
        return d_updates / self.per_epoch

    def learning_rates(self, step: int) -> tuple[float, float]:
        """Of D and of G: the config's, falling linearly to zero over the last `decay` of the run."""
        left = (self.total - step) / self.total
        factor = min(1.0, left / self.config.decay) if self.config.decay > 0 else 1.0
        return self.config.d_lr * factor, self.config.g_lr * factor

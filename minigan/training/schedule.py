"""Schedule: what a run does when, as functions of how far it is."""

from __future__ import annotations

from minigan.objectives import Objective
from minigan.training.config import Config

LONGEST = 10**8  # batches: weeks; what is more is a slip of the keyboard, and could not even be counted

DENSE = 10_000  # log points, and pictures, that a run has at their full rate


def notable(n: int) -> bool:
    """Is the n-th log point (epoch) one to keep? All are up to 10,000, then every 10th up to 100,000, and so on.

    So a log grows by 9,000 lines whenever a run becomes ten times as long. It depends on n alone, and nothing that has
    been written is ever taken back: a run that is resumed notes what one that never stopped would have noted.
    """
    apart = 1
    while n > DENSE * apart:
        apart *= 10
    return n % apart == 0


class Schedule:
    """Counts a run in steps (updates of G), in D updates, and in epochs (passes over the data).

    A step sees one real batch for each D update, and one for G where its loss compares with real samples; `per_epoch`
    batches are one pass over the data.
    """

    def __init__(self, config: Config, objective: Objective, per_epoch: float) -> None:
        self.config, self.objective, self.per_epoch = config, objective, per_epoch
        self.total = self._count_steps()

    def critic_steps(self, step: int) -> int:
        """D updates of this step."""
        return self.objective.critic_steps(step, self.config.n_critic)

    def _count_steps(self) -> int:
        """Steps until the data have been seen `epochs` times."""
        steps, seen, needed = 0, 0, self.config.epochs * self.per_epoch
        if max(needed, self.critic_steps(0)) > LONGEST:
            most = f"more than {LONGEST:,} batches, the most that a run may have"
            raise ValueError(f"{self.config.epochs:g} epochs of {self.config.n_critic} D steps a step are {most}")
        while seen < needed:
            seen += self.critic_steps(steps) + int(self.objective.compares)
            steps += 1
        return steps

    def epochs(self, seen: int) -> float:
        """How often the data have been seen after so many batches."""
        return seen / self.per_epoch

    def learning_rates(self, step: int) -> tuple[float, float]:
        """Of D and of G: the config's, falling linearly to zero over the last `decay` of the run."""
        left = (self.total - step) / self.total
        factor = min(1.0, left / self.config.decay) if self.config.decay > 0 else 1.0
        return self.config.d_lr * factor, self.config.g_lr * factor

"""Schedule: what a run does when, as functions of how far it is."""

from __future__ import annotations

from collections.abc import Iterator

from minigan.training.draw import Draw
from minigan.training.system import System, Turn

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
    """Counts a run in steps and in epochs (passes over the first data set), and makes learning rates fall.

    `per_epoch` batches are one pass; how many a step draws is what the system returns (`System.batches`).
    """

    def __init__(self, system: System, per_epoch: float, epochs: float, decay: float) -> None:
        self.system, self.per_epoch, self.decay = system, per_epoch, decay
        self.total = _count_steps(system, epochs * per_epoch)
        self._rates = {name: player.optimizer.lr for name, player in system.players.items()}

    def epochs(self, seen: int) -> float:
        """How often the data have been seen after so many batches."""
        return seen / self.per_epoch

    def learning_rates(self, step: int) -> dict[str, float]:
        """Of every player: its optimizer's own at first, falling linearly to zero over the last `decay` of the run."""
        left = (self.total - step) / self.total
        factor = min(1.0, left / self.decay) if self.decay > 0 else 1.0
        return {name: lr * factor for name, lr in self._rates.items()}

    def begin_step(self, step: int, draw: Draw) -> None:
        """Set what changes with the number of the step."""
        for name, lr in self.learning_rates(step).items():
            self.system.players[name].optimizer.lr = lr
        self.system.begin_step(step, self.total)
        draw.begin_step()

    def turns(self, step: int) -> Iterator[tuple[Turn, int]]:
        """The turns of a step with the part of its random numbers: the last turn has part 0, the others 1, 2, ..."""
        turns = self.system.turns(step, self.total)
        for i, turn in enumerate(turns):
            yield turn, 0 if i == len(turns) - 1 else i + 1


def _count_steps(system: System, needed: float) -> int:
    """Steps until so many batches have been drawn; ValueError for more than anybody could wait for."""
    if max(needed, system.batches(0)) > LONGEST:
        raise ValueError(f"this run would draw {needed:,.0f} batches; {LONGEST:,} is the most that a run may have")
    steps, seen = 0, 0
    while seen < needed:
        drawn = system.batches(steps)
        if drawn < 1:
            raise ValueError(f"{type(system).__name__}.batches must be at least 1 at every step, got {drawn}")
        seen += drawn
        steps += 1
    return steps

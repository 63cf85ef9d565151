"""Stages: parts of a run, each with its own players, learning rates and moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minigan.training.system import Player


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    share  of the run's steps
    rates  of the players that it moves, by name; their optimizers start anew where it begins
    betas  of Adam
    """

    share: float
    rates: Mapping[str, float]
    betas: tuple[float, float]


class Stages:
    """Which stage a step belongs to, and what the optimizers are set to in it: functions of the step alone.

    decay  share of each stage, at its end, in which its rates fall to zero
    """

    def __init__(self, *stages: Stage, decay: float) -> None:
        if any(stage.share < 0 for stage in stages) or abs(sum(stage.share for stage in stages) - 1) > 1e-9:
            raise ValueError(f"the shares of stages must add up to 1, got {[stage.share for stage in stages]}")
        self.stages, self.decay = stages, decay

    def at(self, step: int, total: int) -> int:
        """The number of the stage, from 0."""
        starts = self._starts(total)
        return max(i for i in range(len(self.stages)) if starts[i] <= step and (i == 0 or starts[i] < total))

    def begin(self, players: Mapping[str, Player], step: int, total: int) -> bool:
        """Set the optimizers for a step; where a stage begins with it, they start anew. Does one begin?"""
        i, starts = self.at(step, total), self._starts(total)
        stage, left = self.stages[i], (starts[i + 1] - step) / max(1, starts[i + 1] - starts[i])
        factor = min(1.0, left / self.decay) if self.decay > 0 else 1.0
        for name, lr in stage.rates.items():
            optimizer = players[name].optimizer
            optimizer.lr, optimizer.betas = lr * factor, stage.betas  # type: ignore[attr-defined]
            if step == starts[i]:
                optimizer.reset()
        return step == starts[i]

    def _starts(self, total: int) -> list[int]:
        """The first steps of all stages, and the end."""
        starts, share = [0], 0.0
        for stage in self.stages:
            share += stage.share
            starts.append(min(total, round(share * total)))
        return starts

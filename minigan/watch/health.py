"""Health: the eyes on a run, and its voice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from tqdm import tqdm

from minigan.data import Dataset
from minigan.runs import checkpoint
from minigan.training.observed import Observed
from minigan.training.state import State
from minigan.watch import vitals
from minigan.watch.breakdown import culprit
from minigan.watch.facts import Game
from minigan.watch.judge import Sight
from minigan.watch.monitor import Monitor
from minigan.watch.watched import Watched


class Health:
    """Watches the players of a run, and says in words what is wrong with them: once when it begins, once when it ends.

    d, g     the optimizers to train with: the state's own, watched
    broken   called with what is not finite; it is to raise
    """

    def __init__(
        self,
        state: State,
        objective: Observed,
        dataset: Dataset,
        sight: Sight,
        broken: Callable[[str], object],
        *,
        quiet: bool,
    ) -> None:
        self.state, self.objective, self.sight, self.quiet = state, objective, sight, quiet
        self.real = dataset.batch(np.arange(min(len(dataset), vitals.PROBES)))
        self._broken = broken
        self.d, self.g = (Watched(one, self._stop) for one in (state.d_optimizer, state.g_optimizer))
        self.monitor = Monitor(Game.of(state.objective, sight, self.real))
        self._step = 0

    def look(self, step: int, on: bool) -> None:
        """Before a step: is it one to look at closely?"""
        self._step, self.d.looking, self.g.looking = step, on, on

    def examined(self, point: Mapping[str, Any], *, probe: bool) -> dict[str, Any]:
        """The log point with "vitals" and, where something begins or ends, "health", which is also said aloud.

        probe: draw samples and look into the networks, which takes as long as a few steps
        """
        step = point["step"]
        found = vitals.at_step(self.state, self.objective, self.d, self.g)
        if probe:
            found |= vitals.at_epoch(self.state, self.real, step, self.sight)
        point = {**point, "vitals": found}
        told = self.monitor.feed(point)
        for entry in told:
            self.say(f"step {step}: {entry['says']} {entry['remedy']}".rstrip())
        return {**point, "health": told} if told else point

    def check_losses(self, losses: Mapping[str, float | None]) -> None:
        """Stop the run unless they are finite."""
        broken = [f"{name} = {value}" for name, value in losses.items() if value is not None and not isfinite(value)]
        if broken:
            self._broken(f"not finite: {', '.join(broken)}, because {self._culprit()}")

    def check_arrays(self) -> None:
        """Stop the run unless all that it would save is finite."""
        broken = checkpoint.not_finite(self.state.arrays())
        if broken:
            self._broken(
                f"{len(broken)} arrays hold NaN or infinite values, {broken[0]} for one, because {self._culprit()}"
            )

    def _culprit(self) -> str:
        return culprit(self.state, self.real, self._step, self.d, self.g)

    def _stop(self, optimizer: Watched) -> None:
        player = "D" if optimizer is self.d else "G"
        self._broken(f"not finite: the gradient of {player}, because {self._culprit()}")

    def say(self, words: str) -> None:
        """Tell people, unless the run is quiet."""
        if not self.quiet:
            tqdm.write(words, file=sys.stderr)

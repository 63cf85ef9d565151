"""Health: measures the players of a run, warns people, and stops a run that is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from tqdm import tqdm

from minigan.device import Array
from minigan.layers import Layer
from minigan.optim import NotFinite, flatten
from minigan.runs import checkpoint
from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import Rivals, System, Turn
from minigan.watch import vitals
from minigan.watch.breakdown import culprit
from minigan.watch.facts import Facts
from minigan.watch.judge import Judge
from minigan.watch.monitor import Monitor


class Health:
    """Measures every update at log points, and reports what is wrong: once when it begins, once when it ends.

    networks   the players' networks as they were given, by name
    broken     called with what is not finite; it must raise
    monitors   one for each pair of rivals
    """

    def __init__(
        self,
        system: System,
        networks: Mapping[str, Layer],
        draw: Draw,
        judge: Judge,
        broken: Callable[[str], object],
        *,
        quiet: bool,
    ) -> None:
        self.system, self.networks, self.draw, self.judge, self.quiet = system, networks, draw, judge, quiet
        some = {name: data.batch(np.arange(min(len(data), vitals.PROBES))) for name, data in draw.datasets.items()}
        self._real: dict[str, Array] = {name: draw.device.asarray(x) for name, x in some.items()}
        self._broken = broken
        first = next(iter(some.values()))
        self.monitors = [(rivals, Monitor(Facts.of(rivals, judge, first))) for rivals in system.rivals()]
        self._step, self._looking = 0, False
        self._before: dict[str, np.ndarray] = {}
        self._updates: dict[str, vitals.Update] = {}
        self._grads: dict[str, Mapping[str, Any]] = {}  # of the last update of each player, nested as a step left them

    def look(self, step: int, on: bool) -> None:
        """Before a step: is it one to look at closely?"""
        self._step, self._looking = step, on
        self._updates, self._grads = {}, {}

    def before(self, turn: Turn) -> None:
        """Before a turn: remember the parameters that it moves, if this step is looked at."""
        if self._looking:
            self._before = {name: vitals.sampled(self.system.players[name].optimizer) for name in turn.moves}

    def after(self, turn: Turn, outcome: Outcome) -> None:
        """After a turn: what did it do?"""
        for name, grads in _by_player(turn, outcome.grads).items():
            self._grads[name] = grads
            if self._looking and grads:
                optimizer = self.system.players[name].optimizer
                self._updates[name] = vitals.update(optimizer, self._before[name], grads)
                if not isfinite(self._updates[name].rms):  # on a GPU: no look at every update before it is made
                    self.stop(turn, NotFinite(flatten(grads)))

    def stop(self, turn: Turn, error: NotFinite) -> None:
        """Stop the run for gradients that are not finite."""
        name = next((name for name in turn.moves if self._is_of(name, error)), turn.moves[0])
        self._grads[name] = error.grads
        self._broken(f"not finite: the gradient of {name}, because {self._culprit()}")

    def examined(self, point: Mapping[str, Any], outcomes: Mapping[str, Outcome], *, probe: bool) -> dict[str, Any]:
        """The log point with "vitals" and, where something begins or ends, "health", which is also printed.

        probe: generate samples and look into the networks, which takes as long as a few steps
        """
        step = point["step"]
        shared = vitals.at_epoch(self.system, self.networks, self.draw, self._real, step, self.judge) if probe else {}
        measured: dict[str, Any] = dict(shared)
        entries = []
        for rivals, monitor in self.monitors:
            measured_here = vitals.at_step(self.system, rivals, self._updates, outcomes)
            measured = measured | (measured_here if len(self.monitors) == 1 else {_title(rivals): measured_here})
            entries += monitor.feed({**point, "vitals": shared | measured_here})
        for entry in entries:
            self.say(f"step {step}: {entry['says']} {entry['remedy']}".rstrip())
        point = {**point, "vitals": measured}
        return {**point, "health": entries} if entries else point

    def replay(self, log: list[dict[str, Any]]) -> None:
        """Restore what the log points of a run that continues have shown."""
        for rivals, monitor in self.monitors:
            title = _title(rivals)
            for point in log:
                measured = point.get("vitals", {}).get(title, {})
                monitor.feed({**point, "vitals": {**point.get("vitals", {}), **measured}})

    def check_losses(self, losses: Mapping[str, float]) -> None:
        """Stop the run unless they are finite."""
        broken = [f"{name} = {value}" for name, value in losses.items() if not isfinite(value)]
        if broken:
            self._broken(f"not finite: {', '.join(broken)}, because {self._culprit()}")

    def check_arrays(self) -> None:
        """Stop the run unless all that it would save is finite."""
        broken = checkpoint.not_finite(self.system.arrays())
        if broken:
            self._broken(
                f"{len(broken)} arrays hold NaN or infinite values, {broken[0]} for one, because {self._culprit()}"
            )

    def verdict(self) -> str:
        """The last line of a run: what is still wrong, or that nothing is."""
        active = [sentence for _, monitor in self.monitors for sentence in monitor.active.values()]
        if not active:
            return "health: nothing unusual"
        return "\n".join(["health, still so at the end:", *(f"  {sentence}" for sentence in active)])

    def say(self, sentence: str) -> None:
        """Print a sentence beside the progress bar, unless the run is quiet."""
        if not self.quiet:
            tqdm.write(sentence, file=sys.stderr)

    def _culprit(self) -> str:
        grads = {name: flatten(nested) for name, nested in self._grads.items()}
        return culprit(self.system, self.networks, self.draw, self._real, self._step, grads)

    def _is_of(self, name: str, error: NotFinite) -> bool:
        return error.grads.keys() == self.system.players[name].optimizer.params.keys()


def _by_player(turn: Turn, grads: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The gradients of a turn by player: a turn that moves several nests them under their names."""
    return {turn.moves[0]: grads} if len(turn.moves) == 1 else {name: grads.get(name, {}) for name in turn.moves}


def _title(rivals: Rivals) -> str:
    return rivals.G if rivals.D is None else f"{rivals.D}, {rivals.G}"

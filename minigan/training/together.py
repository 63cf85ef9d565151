"""Together: the processes of a run, all of which play the same turns at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from minigan.engine.processes import Processes
from minigan.layers import Layer
from minigan.training.draw import Draw
from minigan.training.schedule import Schedule
from minigan.training.system import System


class Together:
    """The first process trains, and between two turns does what it likes; the others play turns, and nothing else.

    processes   None: there is only one, and nothing happens here
    """

    def __init__(self, processes: Processes | None, system: System, draw: Draw, schedule: Schedule) -> None:
        self.processes, self.system, self.draw, self.schedule = processes, system, draw, schedule

    @contextmanager
    def others_follow(self, step: int, turns: int) -> Iterator[None]:
        """Inside, the other processes play all turns from this step on; so many were played before it."""
        if self.processes is None:
            yield
            return
        try:
            self.processes.start(partial(self._follow, step, turns))
            yield
        finally:
            self.processes.stop()

    def begin(self, name: str) -> None:
        """From here all processes compute together; they must agree on `name`, and on the parameters."""
        if self.processes is not None:
            players = self.system.players.values()
            state = [(player.optimizer.lr, player.optimizer.t, _sample(player.network)) for player in players]
            self.processes.begin(name, np.array(state))

    def end(self) -> None:
        """From here one process computes alone."""
        if self.processes is not None:
            self.processes.active = False

    def _follow(self, step: int, turns: int) -> None:
        """The turns of another process, in the same order as the first."""
        if step == 0:
            self.begin("preparation")
            for _ in self.system.before(self.draw):
                pass
            self.end()
        self.draw.seek(turns)
        for i in range(step, self.schedule.total):
            epoch = int(self._epochs())
            self.schedule.begin_step(i, self.draw)
            for turn, part in self.schedule.turns(i):
                self.draw.begin(i, part)
                self.begin(turn.name)
                turn.play(self.draw)
                self.end()
            if int(self._epochs()) > epoch:
                self.system.after_epoch()

    def _epochs(self) -> float:
        return self.schedule.epochs(next(iter(self.draw.seen.values())))


def _sample(network: Layer) -> float:
    """A sum over a few numbers of every parameter: were they changed in one process alone?"""
    return float(sum(param.reshape(-1)[:: param.size // 16 + 1].sum() for _, param in network.named_params()))

"""Step: the turns of one step of training, watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from minigan import device
from minigan.device import Array
from minigan.explain.events import Event, Log
from minigan.explain.watch import NOISE, watched
from minigan.explain.watch_objective import WatchedObjective, WatchedOptimizer
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Draw
from minigan.training.schedule import Schedule
from minigan.training.steps import Optimizer, discriminator_step, generator_step
from minigan.training.system import Player, System, Turn


@dataclass(frozen=True)
class Part:
    """A turn: its name, what it is for, and what happened in it."""

    turn: str
    purpose: str
    events: Sequence[Event]


@dataclass(frozen=True)
class Explanation:
    """The events of each turn of a step. `prepared`: did the system prepare itself before, with one batch?"""

    parts: Sequence[Part]
    prepared: bool = False


def explain(config: Config, at: float = 0.0) -> Explanation:
    """The turns of a step of the run that `config` describes, after the share `at` of it, with the networks of its
    beginning."""
    if not 0 <= at < 1:
        raise ValueError(f"the step to explain must be a share of the run in [0, 1), got {at}")
    datasets = build.datasets(config)
    system = build.system(config, {name: dataset.about() for name, dataset in datasets.items()})
    draw = WatchedDraw(datasets, config.batch_size, config.seed, device.choose(config.device))
    system.connect(draw)
    prepared = system.preparation(draw) > 0
    for _ in system.before(draw):
        pass
    total = Schedule(system, draw.per_epoch(system.data[0]), config.epochs, config.decay).total
    step = int(at * total)
    turns = list(system.turns(step, total))
    parts, shown = [], set()
    system.begin_step(step, total)
    draw.begin_step()
    for i, turn in enumerate(turns):
        if turn.name not in shown:  # of many turns of D the first
            shown.add(turn.name)
            draw.begin(0, 0 if i == len(turns) - 1 else i + 1)
            parts.append(Part(turn.name, _purpose(system, turn), watch_turn(system, turn, draw)))
    return Explanation(parts, prepared)


def watch_turn(system: System, turn: Turn, draw: WatchedDraw) -> list[Event]:
    """One turn of a system and what happened in it; networks and optimizers change as they always do."""
    log = draw.log = Log()
    with _replaced(system, log):
        turn.play(draw)
    return log.events


def watch_d(D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, real: Array, z: Array) -> list[Event]:
    """One `discriminator_step` and what happened in it; the networks change as in any other."""
    if not objective.trains_d:
        return []
    log = _log(real, z)
    moved = WatchedOptimizer(optimizer, D, "D", log)
    discriminator_step(watched(D, log, "D"), watched(G, log, "G"), _watched(objective, log), moved, real, z)
    return log.events


def watch_g(
    D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, z: Array, real: Array | None = None
) -> list[Event]:
    """One `generator_step` and what happened in it; `real` where the objective compares."""
    log = _log(real, z)
    moved = WatchedOptimizer(optimizer, G, "G", log)
    generator_step(watched(D, log, "D"), watched(G, log, "G"), _watched(objective, log), moved, z, real)
    return log.events


class WatchedDraw(Draw):
    """Draws whose arrays get names in the log of the turn. A pass over the data is one batch."""

    log = Log()

    def batch(self, name: str = "real") -> Array:
        x = super().batch(name)
        self.log.name(x, _samples_of(name))
        return x

    def labelled(self, name: str = "real") -> tuple[Array, Array]:
        x, labels = super().labelled(name)
        self.log.name(x, _samples_of(name))
        return x, labels

    def noise(self, n: int, size: int, *, again: bool = False) -> Array:
        z = super().noise(n, size, again=again)
        self.log.name(z, NOISE)
        return z

    def passes(self, n: int, name: str = "real") -> Iterator[Array]:
        for i in range(n):
            self._begin_preparation(i)
            yield self.device.asarray(self._batches[name](0))


@contextmanager
def _replaced(system: System, log: Log) -> Iterator[None]:
    """Inside, the networks, optimizers and objectives of a system are watched."""
    players = {name: (player.network, player.optimizer) for name, player in system.players.items()}
    objectives = {name: value for name, value in vars(system).items() if isinstance(value, Objective)}
    frozen = system.frozen
    try:
        for name, player in system.players.items():
            _watch_player(player, name, log)
        for name, objective in objectives.items():
            setattr(system, name, _watched(objective, log))
        system.frozen = {name: watched(network, log, name) for name, network in frozen.items()}
        yield
    finally:
        system.frozen = frozen
        for name, objective in objectives.items():
            setattr(system, name, objective)
        for name, (network, optimizer) in players.items():
            system.players[name].network, system.players[name].optimizer = network, optimizer


def _watch_player(player: Player, name: str, log: Log) -> None:
    network, optimizer = player.network, player.optimizer
    player.network = watched(network, log, name)
    player.optimizer = cast(Any, WatchedOptimizer(optimizer, network, name, log))


def _watched(objective: Objective, log: Log) -> Objective:
    return cast(Objective, WatchedObjective(objective, log))


def _purpose(system: System, turn: Turn) -> str:
    """The purpose of a turn, by the players that it moves."""
    moved = []
    for rivals in system.rivals():
        if rivals.D in turn.moves:
            moved.append(f"moves {rivals.D} to distinguish real samples from {rivals.G}'s")
        elif rivals.G in turn.moves:
            against = "" if rivals.D is None else f" to please {rivals.D}; {rivals.D} stays as it is"
            moved.append(f"moves {rivals.G}{against}")
    return "; ".join(moved) or f"moves {', '.join(turn.moves)}"


def _samples_of(name: str) -> str:
    return "real samples" if name == "real" else f"samples of {name}"


def _log(real: Array | None, z: Array) -> Log:
    log = Log()
    log.name(real, "real samples")
    log.name(z, NOISE)
    return log

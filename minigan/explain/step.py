"""Step: one update of D and one of G as a run would begin, watched."""

from __future__ import annotations

from dataclasses import dataclass

from minigan import data
from minigan.device import Array
from minigan.explain.events import Event, Log
from minigan.explain.watch import WatchedNetwork
from minigan.explain.watch_game import WatchedGame, WatchedOptimizer
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.random import Streams
from minigan.training.config import Config
from minigan.training.state import State
from minigan.training.steps import Optimizer, discriminator_step, generator_step


@dataclass(frozen=True)
class Explanation:
    """What happened in D's step (nothing, where there is no D to train) and in G's."""

    objective: Objective
    d_events: list[Event]
    g_events: list[Event]


def explain(config: Config) -> Explanation:
    """One step of D and one of G as the run that `config` describes begins.

    An objective that prepares itself before the run does so with this one batch.
    """
    dataset = data.load(config.data, size=config.size, rng=Streams(config.seed)("data"))
    batches = data.Batches(dataset, config.batch_size, config.seed)
    state = State(config, dataset.shape)
    real = state.device.asarray(batches(0))
    for _ in state.objective.prepare(state.D, state.d_optimizer, lambda: [real]):
        pass
    fakes = config.batch_size * state.objective.fakes
    state.streams.seek(0, 1)
    d_noise = state.noise(fakes, state.streams("noise"))
    d_events = watch_d(state.D, state.G, state.objective, state.d_optimizer, real, d_noise)
    state.streams.seek(0, 0)
    real = state.device.asarray(batches(1)) if state.objective.trains_d else real
    g_noise = state.noise(fakes, state.streams("noise"))
    g_events = watch_g(state.D, state.G, state.objective, state.g_optimizer, real, g_noise)
    return Explanation(state.objective, d_events, g_events)


def watch_d(D: Layer, G: Layer, game: Objective, optimizer: Optimizer, real: Array, z: Array) -> list[Event]:
    """One `discriminator_step` and what happened in it; the networks take it as they would take any."""
    if not game.trains_d:
        return []
    log = _log(real, z)
    players = WatchedNetwork(D, log, "D"), WatchedNetwork(G, log, "G")
    watched = WatchedOptimizer(optimizer, D, "D", log)
    discriminator_step(*players, WatchedGame(game, log), watched, real, z)
    return log.events


def watch_g(D: Layer, G: Layer, game: Objective, optimizer: Optimizer, real: Array, z: Array) -> list[Event]:
    """One `generator_step` and what happened in it; a game whose G loss compares looks at `real` first."""
    log = _log(real, z)
    players = WatchedNetwork(D, log, "D"), WatchedNetwork(G, log, "G")
    watched = WatchedGame(game, log)
    if game.compares:
        watched.face(players[0], real)
    generator_step(*players, watched, WatchedOptimizer(optimizer, G, "G", log), z)
    return log.events


def _log(real: Array, z: Array) -> Log:
    log = Log()
    log.name(real, "real samples")
    log.name(z, "the noise z")
    return log

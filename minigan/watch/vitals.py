"""Vitals: the numbers that a run's health is read from.

At log points they are what the step has produced anyway; at the end of an epoch a few samples are generated, sent
through the networks layer by layer, and shown to the judge. Where a number means nothing for an objective, it is left
out. All of them are plain numbers and lists, kept in the log under "vitals".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.device import Array, to_host
from minigan.engine.copies import places_of, twin
from minigan.layers import Autoencoder, Conditioned, Layer, LeakyReLU, Network, ReLU, Residual, Synthesis, Tanh
from minigan.layers.composite import Around
from minigan.layers.layer import Cache
from minigan.objectives import Objective
from minigan.optim import Optimizer, flatten
from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import Rivals, System
from minigan.watch.judge import Judge, counts

Vitals = dict[str, Any]
SCORES = ("score", "mean", "covariance")  # outputs of D that are one number per sample, high for real
PROBES = 64  # samples sent through the networks
SEEN = 300  # samples shown to the judge: a tenth of them is 30, give or take 5
STRIDE = 16  # every so many of D's weights are compared with the bounds
SAMPLED = 1000  # numbers of each parameter that are compared before and after an update


@dataclass
class Update:
    """The effect of an update on a player's parameters.

    norms   of the gradients by name
    rms     root mean square of all gradients
    moved   by how much the parameters changed, as a share of their own size
    """

    norms: dict[str, float]
    rms: float
    moved: float


def sampled(optimizer: Optimizer) -> np.ndarray:
    """Some numbers of each parameter, to compare before and after an update."""
    parts = [p.reshape(-1)[:: 1 + p.size // SAMPLED] for p in optimizer.params.values()]
    return to_host(np.concatenate(parts)).astype(np.float64)


def update(optimizer: Optimizer, before: np.ndarray, grads: Mapping[str, Any]) -> Update:
    """The effect of an update with `grads`; `before`: `sampled` before it."""
    flat = flatten(grads)
    squares = to_host(np.stack([g.reshape(-1) @ g.reshape(-1) for g in flat.values()])) if flat else np.zeros(0)
    norms = dict(zip(flat, np.sqrt(squares).tolist(), strict=True))
    count = sum(g.size for g in flat.values())
    size = np.sqrt(np.mean(before**2))
    moved = float(np.sqrt(np.mean((sampled(optimizer) - before) ** 2)) / max(size, 1e-30))
    return Update(norms, math.sqrt(sum(norm**2 for norm in norms.values()) / max(count, 1)), moved)


def at_step(system: System, rivals: Rivals, updates: Mapping[str, Update], outcomes: Mapping[str, Outcome]) -> Vitals:
    """Health numbers of the last step, for a discriminator and a generator.

    d_gradient, g_gradient  root mean square over all parameters' gradients
    d_moved, g_moved        by how much this step changed the parameters, as a share of their own size
    still                   weights (biases left out: with some objectives one cancels) whose gradient is exactly zero
    ranked, pull, slope, estimate, size: `verdicts`; bounded: `bounded`
    """
    vitals: Vitals = {"still": []}
    for role, name in (("d", rivals.D), ("g", rivals.G)):
        if name is None or name not in updates:
            continue
        made, params = updates[name], system.players[name].optimizer.params
        vitals |= {f"{role}_gradient": made.rms, f"{role}_moved": made.moved}
        zero = [param for param, p in params.items() if made.norms.get(param) == 0 and p.ndim > 1]
        vitals["still"] += [f"{name} {param}" for param in zero]
    objective, turn = rivals.objective, outcomes.get(rivals.D or "")
    if objective is not None and objective.output in SCORES and turn is not None and "real" in turn.scores:
        vitals |= verdicts(objective, turn.scores["real"], turn.scores["fake"])
    if objective is not None and rivals.D is not None:
        vitals["bounded"] = bounded(objective, system.players[rivals.D].network)
    return {name: value for name, value in vitals.items() if value is not None and value != []}


def verdicts(objective: Objective, a: Array, b: Array) -> Vitals:
    """Health numbers of D's scores a (m, 1) of real and b (n, 1) of generated samples.

    ranked    share of the pairs of a real and a generated sample that D puts in the right order; 1/2 by chance
    pull      how much the generated samples move D, as a share of how much they would if D took them for real
    slope     the same of G: the steepness of its loss where its samples are, over that where the real ones are
    estimate  mean a - mean b
    size      root mean square of all scores
    """
    above, equal = (a > b.T).mean(), (a == b.T).mean()
    vitals = {"ranked": above + equal / 2, "estimate": a.mean() - b.mean()}
    vitals["size"] = np.sqrt(((a * a).mean() + (b * b).mean()) / 2)
    vitals["pull"] = _ratio(objective.d_loss(a, b)[2], objective.d_loss(a, a)[2])
    if not objective.compares:
        vitals["slope"] = _ratio(objective.g_loss(b)[1], objective.g_loss(a)[1])
    return {name: float(value) for name, value in vitals.items()}


def _ratio(dy: Array, dx: Array) -> Array:
    return np.sqrt((dy * dy).mean() / np.maximum((dx * dx).mean(), 1e-30))


def bounds(objective: Objective) -> tuple[float, float] | None:
    """Between which numbers the objective clips D's weights; None where it does not."""
    if hasattr(objective, "lo") and hasattr(objective, "hi"):
        return objective.lo, objective.hi
    clip = getattr(objective, "clip", None)
    return None if clip is None else (-clip, clip)


def bounded(objective: Objective, D: Layer) -> float | None:
    """The share of D's parameters that lie at one of the bounds; None where nothing is clipped."""
    limits = bounds(objective)
    if limits is None:
        return None
    flat = np.concatenate([w.reshape(-1)[::STRIDE] for _, w in D.named_params()])
    low, high = (np.full_like(flat, limit, shape=()) for limit in limits)
    return float(((flat <= low) | (flat >= high)).mean())


def at_epoch(
    system: System, networks: Mapping[str, Layer], draw: Draw, real: Mapping[str, Array], step: int, judge: Judge
) -> Vitals:
    """Health numbers of some samples at the end of an epoch; `real`: some of each data set.

    probed         how many samples went through the networks
    idle           share of each ReLU layer's units that fire for none of them, for layers with such units
    linear         share of each LeakyReLU layer's units that stay on one side for all of them, likewise
    slope_of_tanh  the mean slope of a generator's tanh: 0 where all of its outputs are at -1 or 1
    counts         how many samples, out of `of`, are of each class, or near each of a mixture's Gaussians
    """
    fixed = draw.at("health", step)
    vitals: Vitals = {"probed": PROBES, "idle": {}, "linear": {}}
    generators = {rivals.G for rivals in system.rivals()}
    for player, (_, x, *condition) in system.probes(fixed, real, PROBES).items():
        if player not in networks:
            continue
        with networks[player].keeping_buffers():
            for name, layer, y in trace(networks[player], x, player, *condition):
                _watch(vitals, name, layer, y, in_generator=player in generators)
    if judge is not None:
        vitals["of"] = SEEN
        vitals["counts"] = counts(system.generate(fixed, SEEN), judge)
    return {name: value for name, value in vitals.items() if value != {}}


def _watch(vitals: Vitals, name: str, layer: Layer, y: Array, *, in_generator: bool) -> None:
    if isinstance(layer, LeakyReLU):
        axes = tuple(range(y.ndim - 1))
        fires, rests = to_host((y > 0).any(axis=axes)), to_host((y <= 0).any(axis=axes))
        if isinstance(layer, ReLU):
            kind, share = "idle", float((~fires).mean())
        else:
            kind, share = "linear", float((~(fires & rests)).mean())
        if share > 0:
            vitals[kind][name] = share
    elif isinstance(layer, Tanh) and in_generator:
        vitals["slope_of_tanh"] = float((1 - y * y).mean())


def trace(layer: Layer, x: Array, name: str, condition: Array | None = None) -> Iterator[tuple[str, Layer, Array]]:
    """Send x forward, in training mode: each layer's name ("G 3"), the layer and its output, in order.

    condition   of a network that takes one
    """
    if condition is not None:
        layer = layer.given(condition)
    parts: list[tuple[str, Layer]] = []
    if isinstance(layer, Conditioned):
        below = name + ("." if " " in name else " ")
        for traced in trace(layer.embed, layer.condition_of(x), f"{below}embed"):
            yield traced
            embedded = traced[2]
        yield from trace(layer.network, x, f"{below}network", embedded)
        return
    if isinstance(layer, Network):
        parts = [(f"{name}.{i}" if " " in name else f"{name} {i}", part) for i, part in enumerate(layer.layers)]
    elif isinstance(layer, Autoencoder):
        parts = [(f"{name} encoder", layer.encoder), (f"{name} decoder", layer.decoder)]
    if isinstance(layer, Synthesis):
        yield from _traced_inside(layer, x, name)
    elif not parts:
        yield name, layer, layer.forward(x)[0]
    start = x
    for place, part in parts:
        for traced in trace(part, x, place):
            x = traced[2]  # where the next part begins
            yield traced
    if isinstance(layer, Residual):
        yield name, layer, start + x


def _traced_inside(layer: Layer, x: Array, name: str) -> Iterator[tuple[str, Layer, Array]]:
    """As `trace`, of a layer whose parts stand in no row: they are recorded while it computes."""
    places, seen = dict(places_of(layer)), []

    class Recorded(Around):
        def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
            y, cache = self.network.forward(x, train)
            seen.append((f"{name}.{places[id(self.network)]}", self.network, y))
            return y, cache

    y, _ = twin(layer, lambda part, memo: Recorded(part) if id(part) in places else None).forward(x)
    yield from seen
    yield name, layer, y

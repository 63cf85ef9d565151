"""Vitals: the numbers that a run's health is read from.

At log points they are what the step has produced anyway, looked at; at the end of an epoch a few samples are drawn,
sent through the networks layer by layer, and shown to the feature network. Where a number means nothing for a game, it
is left out. All of them are plain numbers and lists, kept in the log under "vitals".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan.device import Array, to_host
from minigan.layers import Autoencoder, Layer, LeakyReLU, Network, ReLU, Tanh
from minigan.objectives import Objective
from minigan.training.observed import Observed
from minigan.training.state import State
from minigan.watch.judge import Sight, counts
from minigan.watch.watched import Watched

Vitals = dict[str, Any]
SCORES = ("score", "mean", "covariance")  # outputs of D that are one number per sample, high for real
PROBES = 64  # samples sent through the networks
SEEN = 300  # samples shown to the feature network: a tenth of them is 30, give or take 5
STRIDE = 16  # every so many of D's weights are compared with the bounds


def at_step(state: State, objective: Observed, d: Watched, g: Watched) -> Vitals:
    """What the last step left to look at.

    d_gradient, g_gradient  root mean square over all parameters' gradients
    d_moved, g_moved        by how much this step changed the parameters, as a share of their own size
    still                   weights (biases left out: in some games one cancels) whose gradient is exactly zero
    ranked, pull, slope, estimate, size: `verdicts`; bounded: `bounded`
    """
    found: Vitals = {"still": []}
    for player, optimizer in (("D", d), ("G", g)):
        found |= {f"{player.lower()}_gradient": optimizer.rms(), f"{player.lower()}_moved": optimizer.moved}
        zero = [name for name, p in optimizer.inner.params.items() if optimizer.norms.get(name) == 0 and p.ndim > 1]
        found["still"] += [f"{player} {name}" for name in zero]
    if objective.inner.output in SCORES and objective.a is not None:
        found |= verdicts(objective.inner, objective.a, objective.b)
    found["bounded"] = bounded(state.objective, state.D)
    return {name: value for name, value in found.items() if value is not None and value != []}


def verdicts(objective: Objective, a: Array, b: Array) -> Vitals:
    """What D's scores a (m, 1) of real and b (n, 1) of generated samples say.

    ranked    share of the pairs of a real and a generated sample that D puts in the right order; 1/2 by chance
    pull      how much the generated samples move D, as a share of how much they would if D took them for real
    slope     the same of G: the steepness of its loss where its samples are, over that where the real ones are
    estimate  mean a - mean b
    size      root mean square of all scores
    """
    above, equal = (a > b.T).mean(), (a == b.T).mean()
    found = {"ranked": above + equal / 2, "estimate": a.mean() - b.mean()}
    found["size"] = np.sqrt(((a * a).mean() + (b * b).mean()) / 2)
    found["pull"] = _ratio(objective.d_loss(a, b)[2], objective.d_loss(a, a)[2])
    if not objective.compares:
        found["slope"] = _ratio(objective.g_loss(b)[1], objective.g_loss(a)[1])
    return {name: float(value) for name, value in found.items()}


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


def at_epoch(state: State, real: np.ndarray, step: int, sight: Sight) -> Vitals:
    """What some samples show at the end of an epoch, `real` (N, ...) being some of the data.

    probed         how many samples went through the networks
    idle           share of each ReLU layer's units that fire for none of them, for layers with such units
    linear         share of each LeakyReLU layer's units that stay on one side for all of them, likewise
    slope_of_tanh  the mean slope of G's tanh: 0 where all of its outputs are at -1 or 1
    counts         how many samples, out of `of`, are of each class, or near each of a mixture's Gaussians
    """
    rng = state.streams.at("health", step)
    found: Vitals = {"probed": PROBES, "idle": {}, "linear": {}}
    with state.G.keeping_buffers(), state.D.keeping_buffers():
        z = state.noise(PROBES, rng)
        fake = z
        for name, layer, fake in trace(state.G, z, "G"):
            _watch(found, name, layer, fake)
        both = np.concatenate([fake, state.device.asarray(real[:PROBES])]) if fake.shape[1:] == real.shape[1:] else fake
        for name, layer, y in trace(state.D, both, "D"):
            _watch(found, name, layer, y)
    if sight is not None:
        found["of"] = SEEN
        found["counts"] = counts(state.sample(state.noise(SEEN, rng)), sight)
    return {name: value for name, value in found.items() if value != {}}


def _watch(found: Vitals, name: str, layer: Layer, y: Array) -> None:
    if isinstance(layer, LeakyReLU):
        axes = tuple(range(y.ndim - 1))
        fires, rests = to_host((y > 0).any(axis=axes)), to_host((y <= 0).any(axis=axes))
        if isinstance(layer, ReLU):
            kind, share = "idle", float((~fires).mean())
        else:
            kind, share = "linear", float((~(fires & rests)).mean())
        if share > 0:
            found[kind][name] = share
    elif isinstance(layer, Tanh) and name.startswith("G"):
        found["slope_of_tanh"] = float((1 - y * y).mean())


def trace(layer: Layer, x: Array, name: str) -> Iterator[tuple[str, Layer, Array]]:
    """Send x forward, in training mode: each layer's name ("G 3"), the layer and its output, in order."""
    parts: list[tuple[str, Layer]] = []
    if isinstance(layer, Network):
        parts = [(f"{name}.{i}" if " " in name else f"{name} {i}", part) for i, part in enumerate(layer.layers)]
    elif isinstance(layer, Autoencoder):
        parts = [(f"{name} encoder", layer.encoder), (f"{name} decoder", layer.decoder)]
    if not parts:
        yield name, layer, layer.forward(x)[0]
    for place, part in parts:
        for found in trace(part, x, place):
            x = found[2]  # where the next part begins
            yield found

"""Breakdown: where in two networks a NaN or an infinity came from."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.training.state import State
from minigan.watch.vitals import PROBES, trace
from minigan.watch.watched import Watched


def culprit(state: State, real: np.ndarray, step: int, d: Watched, g: Watched) -> str:
    """In words, the first thing that is not finite: a weight, a layer's output for noise or for `real` samples
    (N, ...), or a gradient, of those the one nearest to the output, where backprop began."""
    for player, network in (("D", state.D), ("G", state.G)):
        broken = [name for name, a in network.named_params() if not np.isfinite(a).all()]
        if broken:
            more = f" (and {len(broken) - 1} more of its arrays)" if len(broken) > 1 else ""
            return f"{player}'s {broken[0]} in {_owner(network, broken[0])} holds NaN or infinite values{more}"
    with state.G.keeping_buffers(), state.D.keeping_buffers():
        z = state.noise(PROBES, state.streams.at("health", step))
        for network, name, x, what in ((state.G, "G", z, "noise"), (state.D, "D", state.device.asarray(real), "real")):
            found = _overflow(network, x, name, what)
            if found:
                return found
        found = _overflow(state.D, state.G.forward(z)[0], "D", "generated")
        if found:
            return found
    for player, optimizer in (("D", d), ("G", g)):
        bad = [name for name, grad in optimizer.grads.items() if not np.isfinite(grad).all()]
        if bad:
            network = state.D if player == "D" else state.G
            return f"the gradient of {player}'s {bad[0]} in {_owner(network, bad[0])} is not finite"
    return "the losses alone: all weights, outputs and gradients are finite"


def _overflow(network: Layer, x: Array, name: str, what: str) -> str | None:
    for place, layer, y in trace(network, x, name):
        if not np.isfinite(y).all():
            player, _, number = place.partition(" ")
            samples = "noise" if what == "noise" else f"{what} samples"
            return f"{player}'s layer {number}, {layer}, gives NaN or infinite values for {samples}"
    return None


def _owner(network: Layer, name: str) -> str:
    """The layer that an array's name, such as "encoder.3.weight", belongs to."""
    layer, parts = network, name.split(".")[:-1]
    for part in parts:
        layer = layer.layers[int(part)] if part.isdecimal() and hasattr(layer, "layers") else getattr(layer, part)
    return repr(layer)

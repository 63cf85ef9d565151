"""Breakdown: where in the networks of a system a NaN or an infinity came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.training.draw import Draw
from minigan.training.system import System
from minigan.watch.vitals import PROBES, trace


def culprit(
    system: System,
    networks: Mapping[str, Layer],
    draw: Draw,
    real: Mapping[str, Array],
    step: int,
    grads: Mapping[str, Mapping[str, Array]],
) -> str:
    """In words, the first thing that is not finite: a weight, a layer's output for generated or for `real` samples, or
    a gradient of the last updates (`grads`, flat, by player), of those the one nearest to the output, where backprop
    began."""
    for player, network in networks.items():
        broken = [name for name, a in network.named_params() if not np.isfinite(a).all()]
        if broken:
            more = f" (and {len(broken) - 1} more of its arrays)" if len(broken) > 1 else ""
            return f"{player}'s {broken[0]} in {_owner(network, broken[0])} holds NaN or infinite values{more}"
    for player, (what, x, *condition) in system.probes(draw.at("health", step), real, PROBES).items():
        if player not in networks:
            continue
        with networks[player].keeping_buffers():
            overflow = _overflow(trace(networks[player], x, player, *condition), player, what)
        if overflow:
            return overflow
    for player, flat in grads.items():
        bad = [name for name, grad in flat.items() if not np.isfinite(grad).all()]
        if bad:
            return f"the gradient of {player}'s {bad[0]} in {_owner(networks[player], bad[0])} is not finite"
    return "the losses alone: all weights, outputs and gradients are finite"


def _overflow(traced: Iterable[tuple[str, Layer, Array]], player: str, what: str) -> str | None:
    for place, layer, y in traced:
        if not np.isfinite(y).all():
            number = place.partition(" ")[2]
            return f"{player}'s layer {number}, {layer}, gives NaN or infinite values for {what}"
    return None


def _owner(network: Layer, name: str) -> str:
    """The layer that an array's name, such as "encoder.3.weight", belongs to."""
    layer, parts = network, name.split(".")[:-1]
    for part in parts:
        layer = layer.layers[int(part)] if part.isdecimal() and hasattr(layer, "layers") else getattr(layer, part)
    return repr(layer)

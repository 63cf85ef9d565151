"""Twin: a second network with the same parameters, in which other layers may stand for some."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minigan.layers import Layer
from minigan.layers.composite import Composite

Memo = dict[int, Any]  # what stands for what, by id, as copy.deepcopy has it


def twin(network: Layer, stand_in: Callable[[Layer, Memo], Layer | None], own_buffers: bool = True) -> Layer:
    """A copy whose parameters are the network's own arrays, and its random generators; `own_buffers`: its buffers too.

    stand_in(layer, memo) makes the layer that stands for `layer`, or None: a copy does. `memo` holds the arrays that
    are kept.
    """
    memo: Memo = {}
    for layer in network.walk():  # every layer: a user's composite may not name the arrays of its parts
        memo |= {id(array): array for _, array in layer.named_params()}
        if own_buffers:
            memo |= {id(array): array for _, array in layer.named_buffers()}
        if layer.draws:
            memo[id(layer.rng)] = layer.rng
    for layer in network.walk():
        other = stand_in(layer, memo)
        if other is not None:
            memo[id(layer)] = other
    return copy.deepcopy(network, memo)


def places_of(layer: Layer, prefix: str = "") -> Iterator[tuple[int, str]]:
    """The layers that compute, by id, with their place among the composites."""
    if not isinstance(layer, Composite):
        yield id(layer), prefix.removesuffix(".")
        return
    for name, value in vars(layer).items():
        for inner_name, inner in _items(name, value):
            if isinstance(inner, Layer):
                yield from places_of(inner, f"{prefix}{inner_name}.")


def _items(name: str, value: Any) -> Iterable[tuple[Any, Any]]:
    """The layers in an attribute, by name; layers in a row are counted."""
    if isinstance(value, tuple | list):
        return enumerate(value)
    return value.items() if isinstance(value, dict) else [(name, value)]

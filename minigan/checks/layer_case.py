"""A layer that is checked: how it is made, its input, and the errors of its gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigan.gradcheck import layer_errors
from minigan.layers import Layer
from minigan.random import Streams


@dataclass(eq=False)
class LayerCase:
    """A layer to check at inputs of one shape, in training or evaluation mode.

    A layer that takes a condition is checked at one: `condition` is a number of classes, for labels, or the shape of
    one sample's vector. `wanted` asks for the gradient with respect to vectors, `tangent` gives them one.
    """

    make: Callable[[np.random.Generator], Layer]
    shape: tuple[int, ...]
    train: bool = True
    name: str = ""  # where the layer's own would be too long for a table
    condition: int | tuple[int, ...] | None = None
    wanted: bool = True
    tangent: bool = True
    streams: Streams = field(init=False)
    unbound: Layer = field(init=False)
    c: Any = field(init=False, default=None)  # the condition itself
    towards: Any = field(init=False, default=None)  # its tangent

    def __post_init__(self) -> None:
        self.streams = Streams(0)
        self.unbound = self.make(self.streams("layer"))
        numbers, N = self.streams.at("condition", 0), self.shape[0]
        if isinstance(self.condition, int):
            self.c = numbers.integers(self.condition, size=N)
        elif self.condition is not None:
            self.c, towards = numbers.normal(size=(2, N, *self.condition))
            self.towards = towards if self.tangent else None
        self.convert(lambda array: array.astype(np.float64))
        randomise(self.unbound, self.streams("weights"))

    def __str__(self) -> str:
        return f"{self.name or self.unbound}{'' if self.train else ', eval mode'}"

    @property
    def layer(self) -> Layer:
        """The layer, bound to its condition where it takes one."""
        if self.c is None:
            return self.unbound
        return self.unbound.given(self.c, wanted=self.wanted, towards=self.towards)

    def convert(self, change: Callable[[Any], Any]) -> None:
        """Replace every array of the layer and of its condition by change(array). Labels stay integers."""
        self.unbound.convert(change)
        if self.c is not None:
            labels = isinstance(self.condition, int)
            self.c = change(self.c).astype(self.c.dtype) if labels else change(self.c)
        if self.towards is not None:
            self.towards = change(self.towards)

    def rewind(self) -> None:
        """Let the layer draw the same random numbers again (dropout)."""
        self.streams.seek(0)

    def input(self) -> np.ndarray:
        """Random numbers of the case's shape, none near 0, where piecewise linear layers have their kink."""
        x = self.streams.at("input", 0).normal(size=self.shape)
        return x + 0.1 * np.sign(x)

    def errors(self) -> dict[str, float]:
        """Relative errors of all derivatives, by name."""
        rng = self.streams.at("directions", 0)
        return layer_errors(self.unbound, self.input(), rng, self.train, self.rewind, self.c, self.towards)


def randomise(layer: Layer, rng: np.random.Generator) -> None:
    """Fill parameters and buffers with random numbers; those of running variances are positive."""
    for _, param in layer.named_params():
        param[...] = rng.normal(size=param.shape)
    for name, buffer in layer.named_buffers():
        buffer[...] = rng.uniform(0.5, 2, buffer.shape) if name.endswith("var") else rng.normal(size=buffer.shape)

"""Base classes of layers that are made of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer


class Composite(Layer):
    """A layer that computes both gradients in `backward`, which input_grad and param_grads call."""

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return self.backward(dy, cache)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        grads: Grads = {}
        self.backward(dy, cache, grads, need_dx=False)
        return grads


class Around(Composite):
    """A layer around another, `network`. A subclass changes what it does; all else, its arrays and
    other attributes too, is that of `network`."""

    def __init__(self, network: Layer) -> None:
        self.network = network

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self.network.forward(x, train)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        return self.network.backward(dy, cache, grads, need_dx)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        return self.network.traced_backward(dy, cache)

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        return self.network.double_backward(ddx, dy, cache)

    def __getattr__(self, name: str) -> Any:
        """Other attributes that an objective reads of its D, such as its encoder."""
        if "network" not in vars(self):  # while it is being copied
            raise AttributeError(name)
        return getattr(self.network, name)

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_params()

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_buffers()

    def convert(self, change: Callable[[Array], Array]) -> None:
        self.network.convert(change)

    def __repr__(self) -> str:
        return repr(self.network)


class Numbered(Composite):
    """A composite of `layers`. A parameter's name is its layer's place and its own: "3.weight"."""

    def __init__(self, *layers: Layer) -> None:
        name = type(self).__name__
        if not layers:
            raise ValueError(f"{name} needs at least one layer")
        others = [layer for layer in layers if not isinstance(layer, Layer)]
        if others:  # often a class that was not called: ReLU for ReLU()
            raise ValueError(f"{name} is made of layers, got {others[0]!r}")
        self.layers = layers

    def named_params(self) -> Iterator[tuple[str, Array]]:
        for i, layer in enumerate(self.layers):
            yield from ((f"{i}.{name}", array) for name, array in layer.named_params())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        for i, layer in enumerate(self.layers):
            yield from ((f"{i}.{name}", array) for name, array in layer.named_buffers())

    def convert(self, change: Callable[[Array], Array]) -> None:
        for layer in self.layers:
            layer.convert(change)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


class Named(Composite):
    """A composite whose layers are the attributes listed in `parts`. A parameter's name is its
    layer's and its own, "encoder.0.weight"; `grads` nests in the same way."""

    parts: tuple[str, ...] = ()

    def __init__(self, **layers: Layer) -> None:
        for name, layer in layers.items():
            if not isinstance(layer, Layer):  # often a class that was not called
                needed = " and ".join(layers)
                raise ValueError(f"{needed} of {type(self).__name__} must be layers, got {layer!r}")
            setattr(self, name, layer)

    def named_params(self) -> Iterator[tuple[str, Array]]:
        for part in self.parts:
            layer = getattr(self, part)
            yield from ((f"{part}.{name}", array) for name, array in layer.named_params())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        for part in self.parts:
            layer = getattr(self, part)
            yield from ((f"{part}.{name}", array) for name, array in layer.named_buffers())

    def convert(self, change: Callable[[Array], Array]) -> None:
        for part in self.parts:
            getattr(self, part).convert(change)


def grads_of(part: str, grads: Grads | None) -> Grads | None:
    """The dict in `grads` for a part's gradients; None where they are not asked for."""
    return None if grads is None else grads.setdefault(part, {})

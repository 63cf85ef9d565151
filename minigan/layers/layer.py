"""Layer: the questions that every layer answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from minigan.device import Array

Cache: TypeAlias = Any  # whatever forward leaves for the backward pass; only the layer that made it looks inside
Grads: TypeAlias = dict[str, Any]  # {"weight": array}; a network's nests as its layers nest: {"3": {"weight": array}}


class Layer:
    """One differentiable function y = f(x; params), and what backprop asks of it.

    A layer remembers nothing between calls. What the backward pass needs travels in `cache`, which belongs to
    the caller: two forward passes give two caches that do not disturb each other. A cache is spent by the next
    update of the parameters. The one thing forward may change is a buffer (running statistics, when train is true).

    Everywhere, `d` + name is the gradient of the minimised scalar with respect to name, and `dd` + name the
    gradient, in the third sweep, with respect to that gradient.
    """

    params: tuple[str, ...] = ()  # names of the trained arrays; changed in place, by optimizers only
    buffers: tuple[str, ...] = ()  # names of arrays that are saved but not trained
    shown: tuple[str, ...] = ()  # names of the hyper-parameters that tell two layers of a class apart

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        """y and the cache."""
        raise NotImplementedError(f"{self} has no forward pass")

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        """dL/dy -> dL/dx."""
        raise NotImplementedError(f"{self} has no input gradient")

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        """dL/dy -> {name: dL/dparam}, in arrays that nobody else holds."""
        return {}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array | None, Grads]:
        """Backprop through input_grad, which made dx from (dy, x, params).

        Given ddx = dP/d(dx) of some scalar P, return dP/d(dy), dP/dx (None where dx does not depend on x) and
        {name: dP/dparam} (parameters that dx does not depend on are left out).
        """
        raise NotImplementedError(
            f"{self} has no second derivative: it cannot stand in a critic with a gradient penalty"
        )

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        """Both questions, as a network asks them. Parameter gradients are added to `grads` (a dict the caller
        owns; None: not asked). need_dx=False: the first layer, whose input gradient nobody wants."""
        if grads is not None:
            accumulate(grads, self.param_grads(dy, cache))
        return self.input_grad(dy, cache) if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and what double_backward wants to see again as its `dy`: for a layer, dy itself."""
        return self.input_grad(dy, cache), dy

    def named_params(self) -> Iterator[tuple[str, Array]]:
        """The trained arrays themselves, not copies, by name."""
        return ((name, getattr(self, name)) for name in self.params)

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The buffers themselves, not copies, by name."""
        return ((name, getattr(self, name)) for name in self.buffers)

    def convert(self, change: Callable[[Array], Array]) -> None:
        """Replace every parameter and buffer by change(array): to another device or data type. Before training."""
        for name in (*self.params, *self.buffers):
            setattr(self, name, change(getattr(self, name)))

    @contextmanager
    def keeping_buffers(self) -> Iterator[None]:
        """Forward passes inside leave the buffers as they were: the layer is consulted, not trained."""
        saved = [(buffer, buffer.copy()) for _, buffer in self.named_buffers()]
        try:
            yield
        finally:
            for buffer, before in saved:
                buffer[...] = before

    def check(self, x: Array, fits: Callable[[tuple[int, ...]], bool], expected: str) -> None:
        """ValueError unless x is an array of the layer's data type whose shape `fits`; `expected` tells which do."""
        came = getattr(x, "dtype", type(x).__name__)
        dtype = next((param.dtype for _, param in self.named_params()), None)
        other = dtype is not None and dtype != came  # not `in (None, came)`: NumPy takes None for float64
        if getattr(came, "kind", None) != "f" or other:
            wanted = dtype or "floating point"
            raise ValueError(f"{self}: x is {came}, expected {wanted}; convert it with numpy.asarray(x, dtype)")
        if not fits(x.shape):
            raise ValueError(f"{self}: x has shape {tuple(x.shape)}, expected {expected}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(getattr(self, name)) for name in self.shown)})"


def whole(*sizes: Any) -> bool:
    """Are all of these what a size must be: integers of at least 1?"""
    return all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 1 for size in sizes)


def any_shape(shape: tuple[int, ...]) -> bool:
    """What an elementwise layer accepts."""
    return True


def accumulate(grads: Grads, more: Grads) -> None:
    """grads += more, name by name: the gradients of a sum add up."""
    for name, value in more.items():
        if isinstance(value, dict):
            accumulate(grads.setdefault(name, {}), value)
        elif name in grads:
            grads[name] += value
        else:
            grads[name] = value

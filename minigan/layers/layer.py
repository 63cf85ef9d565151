"""Layer: the questions that every layer answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from minigan.device import Array

Cache: TypeAlias = Any  # what forward leaves for the backward pass; read by its layer alone
Grads: TypeAlias = dict[str, Any]  # {"weight": array}; nests as layers do: {"3": {"weight": array}}


class Layer:
    """One differentiable function y = f(x; params), and what backprop asks of it.

    A layer remembers nothing between calls. What the backward pass needs is in `cache`, which
    belongs to the caller: two forward passes give two caches that do not disturb each other. A
    cache is valid until the next update of the parameters. The one thing that forward may change
    is a buffer (running statistics, when train is true).

    Everywhere, `d` + name is the gradient of the minimised scalar with respect to name, and `dd` +
    name the gradient, in the second-order pass, with respect to that gradient.

    couples   May a batch not be split or joined in training? True where a sample's output depends
              on the other samples of its batch (BatchNorm), or on the number of passes
              (SpectralNorm).
    draws     Does a forward pass in training mode draw random numbers? Then from the attribute
              `rng`, which a trainer replaces by a generator of its run.

    Both are of the layer itself. Everything that splits or joins batches asks them of all layers
    that `walk` finds, and asks nothing else.
    """

    params: tuple[str, ...] = ()  # names of the trained arrays; optimizers change them in place
    buffers: tuple[str, ...] = ()  # names of arrays that are saved but not trained
    shown: tuple[str, ...] = ()  # names of the hyper-parameters that `repr` shows
    couples: bool = False
    draws: bool = False
    rng: Any  # of layers that draw

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        """y and the cache."""
        raise NotImplementedError(f"{self} has no forward pass")

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        """dL/dy -> dL/dx."""
        raise NotImplementedError(f"{self} has no input gradient")

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        """dL/dy -> {name: dL/dparam}, in arrays that nothing else holds."""
        return {}

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        """Backprop through input_grad, which made dx from (dy, x, params).

        Given ddx = dP/d(dx) of some scalar P, return dP/d(dy), dP/dx (None where dx does not depend
        on x) and {name: dP/dparam} (parameters that dx does not depend on are left out).
        """
        raise NotImplementedError(
            f"{self} has no second derivative: it cannot stand in a critic with a gradient penalty"
        )

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """Both gradients, as a network asks for them. Those of the parameters are added to `grads`,
        a dict of the caller (None: not asked for). need_dx=False: nobody needs the input gradient,
        as in the first layer."""
        if grads is not None:
            accumulate(grads, self.param_grads(dy, cache))
        return self.input_grad(dy, cache) if need_dx else None

    def forward_pair(self, x1: Array, x2: Array) -> tuple[Array, Array, Cache]:
        """Two batches, both in training mode: y1, y2 and the caches. The same as two calls of
        `forward`, one after the other; a layer may compute both together."""
        (y1, cache1), (y2, cache2) = self.forward(x1), self.forward(x2)
        return y1, y2, (cache1, cache2)

    def backward_pair(self, dy1: Array, dy2: Array, caches: Cache, grads: Grads) -> None:
        """The parameter gradients of both batches, added to `grads`."""
        self.backward(dy1, caches[0], grads, need_dx=False)
        self.backward(dy2, caches[1], grads, need_dx=False)

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> Layer:
        """f(. | condition): this layer with a condition bound to it, N labels or vectors.

        The result shares all arrays with this layer and is used for one batch. wanted: its
        parameter gradients contain the condition's too, under "condition" (see `taken`). towards:
        the tangent of the condition, for double_backward. A layer without layers inside that takes
        no condition is returned as it is; ValueError where no layer inside takes one.
        """
        if not any(True for _ in self.children()):
            return self
        if not self.takes_condition:
            kind = type(self).__name__
            raise ValueError(f"this {kind} takes no condition: none of its layers is conditional")

        def bind(layer: Layer) -> Layer:
            if not layer.takes_condition:
                return layer
            return layer.given(condition, wanted=wanted, towards=towards)

        bound = copy.copy(self)
        for name, value in vars(self).items():
            if any(layer.takes_condition for layer in _layers_of(value)):  # else the same object
                setattr(bound, name, _with_layers(value, bind))
        return bound

    @property
    def takes_condition(self) -> bool:
        """Does this layer, or one inside it, take a condition?"""
        return any(layer.takes_condition for layer in self.children())

    def children(self) -> Iterator[Layer]:
        """The layers directly inside: in the attributes, and in tuples, lists and dicts there."""
        for value in vars(self).values():
            yield from _layers_of(value)

    def walk(self) -> Iterator[Layer]:
        """This layer and all layers inside it."""
        yield self
        for layer in self.children():
            yield from layer.walk()

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and what double_backward takes as its `dy`: for a layer, dy itself."""
        return self.input_grad(dy, cache), dy

    def named_params(self) -> Iterator[tuple[str, Array]]:
        """The trained arrays themselves, not copies, by name."""
        return ((name, getattr(self, name)) for name in self.params)

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The buffers themselves, not copies, by name."""
        return ((name, getattr(self, name)) for name in self.buffers)

    def named_arrays(self) -> Iterator[tuple[str, Array]]:
        """The trained arrays, then the buffers, by name: all of the layer that is saved."""
        yield from self.named_params()
        yield from self.named_buffers()

    def convert(self, change: Callable[[Array], Array]) -> None:
        """Replace every parameter and buffer by change(array), before training: to another device
        or data type."""
        for name in (*self.params, *self.buffers):
            setattr(self, name, change(getattr(self, name)))

    @contextmanager
    def keeping_buffers(self) -> Iterator[None]:
        """Forward passes inside leave the buffers as they were: the layer is used, not trained."""
        saved = [(buffer, buffer.copy()) for _, buffer in self.named_buffers()]
        try:
            yield
        finally:
            for buffer, before in saved:
                buffer[...] = before

    def check(self, x: Array, fits: Callable[[tuple[int, ...]], bool], expected: str) -> None:
        """ValueError unless x is an array of the layer's data type whose shape `fits`; `expected`
        describes the shapes that do."""
        came = getattr(x, "dtype", type(x).__name__)
        dtype = getattr(self, self.params[0]).dtype if self.params else None
        other = dtype is not None and dtype != came  # NumPy's float64 == None: ask for None first
        if getattr(came, "kind", None) != "f" or other:
            wanted, how = dtype or "floating point", "convert it with numpy.asarray(x, dtype)"
            raise ValueError(f"{self}: x is {came}, expected {wanted}; {how}")
        if not fits(x.shape):
            raise ValueError(f"{self}: x has shape {tuple(x.shape)}, expected {expected}")

    def __repr__(self) -> str:
        numbers = ", ".join(str(getattr(self, name)) for name in self.shown)
        return f"{type(self).__name__}({numbers})"


def whole(*sizes: Any) -> bool:
    """Are all of these what a size must be: integers of at least 1?"""
    integers = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sizes)
    return integers and all(n >= 1 for n in sizes)


def any_shape(shape: tuple[int, ...]) -> bool:
    """An elementwise layer accepts arrays of any shape."""
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


def taken(grads: Grads) -> Array | None:
    """Remove every "condition" from nested gradients. Returns their sum, None without any."""
    total = grads.pop("condition", None)
    for inner in grads.values():
        if isinstance(inner, dict):
            more = taken(inner)
            if more is not None:
                total = more if total is None else total + more
    return total


def _layers_of(value: Any) -> Iterator[Layer]:
    """The layers in a value: itself, or those in a tuple, list or dict."""
    if isinstance(value, Layer):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _layers_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_of(item)


def _with_layers(value: Any, change: Callable[[Layer], Layer]) -> Any:
    """The same value with change(layer) instead of each layer in it."""
    if isinstance(value, Layer):
        return change(value)
    if isinstance(value, tuple | list):
        items = [_with_layers(item, change) for item in value]
        if isinstance(value, list):
            return items
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)  # named tuples
    if isinstance(value, dict):
        return {name: _with_layers(item, change) for name, item in value.items()}
    return value

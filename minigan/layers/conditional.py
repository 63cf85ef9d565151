"""Layers that take a condition: a label or a vector for every sample of the batch."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from minigan.device import Array
from minigan.layers.composite import Named, grads_of
from minigan.layers.layer import Cache, Grads, Layer, accumulate, taken, whole


class Conditional(Layer):
    """The base of layers that take a condition: f(x | c) is a function of x for every c.

    `given` binds a condition to a copy of the layer. The copy shares the parameters and buffers, so
    a subclass changes its buffers in place only. `convert` and optimizers see the unbound layer.

    condition   c, with one row for every sample of x: N labels, or N vectors; None: not bound
    towards     ddc, the gradient of a second-order pass with respect to dc, in the shape of c;
                None: the pass has no such part
    wanted      are the gradients with respect to c asked for, under the name "condition"?
    """

    condition: Any = None
    towards: Any = None
    wanted: bool = False

    @property
    def takes_condition(self) -> bool:
        return True

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> Self:
        bound = copy.copy(self)
        bound.condition, bound.wanted, bound.towards = condition, wanted, towards
        return bound

    def condition_of(self, x: Array) -> Any:
        """The condition; ValueError without one, or where its length is not that of x."""
        if self.condition is None:
            raise ValueError(f"{self} needs a condition: network.given({self.asks_for()})")
        if not hasattr(self.condition, "__len__") or len(self.condition) != len(x):
            expected = f"expected one condition for each of the {len(x)} samples"
            raise ValueError(f"{self}: {expected}, got {_seen(self.condition)}")
        return self.condition

    def labels_of(self, c: Any) -> Array:
        """The condition as N integers; ValueError where it is something else."""
        if getattr(getattr(c, "dtype", None), "kind", None) not in ("i", "u") or c.ndim != 1:
            raise ValueError(f"{self}: labels must be an array of N integers, got {_seen(c)}")
        return c

    def vectors_of(self, c: Any, x: Array, numbers: int | None) -> Array:
        """The condition as N vectors in the data type of x; ValueError for something else."""
        fits = getattr(c, "dtype", None) == x.dtype and c.ndim == 2
        if not fits or numbers not in (None, c.shape[1]):
            expected = f"vectors (N, {numbers or 'd'}) of type {x.dtype}"
            raise ValueError(f"{self}: the condition must be {expected}, got {_seen(c)}")
        return c

    def asks_for(self) -> str:
        """The kind of condition, in a word for messages."""
        return "condition"


class Join(Conditional):
    """Append the condition to every sample's features: to the channels at every pixel of an image.

    Shapes      x, dx, ddx (N, ..., C); y, dy, ddy (N, ..., C + d); c, dc, ddc (N, d), or N labels

    Forward     y = [x, c]        c the same at every pixel; labels as one-hot vectors, d = classes
    Backward    dx = dy[..., :C]        dc = Σ dy[..., C:] over the pixels; labels have no gradient
    Twice       ddy = [ddx, ddc], ddc the same at every pixel, 0 without one; no dx

    Join(K) takes integer labels in [0, K). Join() takes float vectors, Join(vectors=d) those of d
    numbers. Whoever reads the data checks the range of labels; one outside it joins zeros.

    Cache       C, because dy is cut there. The rest needs no cache: y is linear in x and c.
    Source      Mirza & Osindero 2014, section 3.2; as channels of an image: Reed et al. 2016.
    """

    def __init__(self, classes: int | None = None, vectors: int | None = None) -> None:
        sizes = [size for size in (classes, vectors) if size is not None]
        if len(sizes) > 1 or not whole(*sizes):
            expected = "labels of `classes` classes or vectors of `vectors` numbers, at least 1"
            raise ValueError(f"Join takes {expected}, one of the two, got {classes} and {vectors}")
        self.classes, self.vectors = classes, vectors

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 2, "(N, ..., C)")
        c = self.condition_of(x)
        if self.classes is None:
            rows = self.vectors_of(c, x, self.vectors)
        else:
            rows = self._one_hot(self.labels_of(c), self.classes, x)
        return np.concatenate([x, _spread(rows, x)], axis=-1), x.shape[-1]

    def input_grad(self, dy: Array, C: Cache) -> Array:
        return dy[..., :C]

    def param_grads(self, dy: Array, C: Cache) -> Grads:
        if not self.wanted or self.classes is not None:
            return {}
        N, d = len(dy), dy.shape[-1] - C
        return {"condition": dy[..., C:].reshape(N, -1, d).sum(axis=1)}

    def double_backward(self, ddx: Array, dy: Array, C: Cache) -> tuple[Array, None, Grads]:
        ddc = np.zeros_like(dy[..., C:])
        if self.towards is not None:
            ddc = _spread(self.towards, dy)
        return np.concatenate([ddx, ddc], axis=-1), None, {}

    def _one_hot(self, labels: Array, classes: int, x: Array) -> Array:
        """The labels as rows (N, classes), in the data type of x."""
        numbers = np.ones_like(labels, np.int64, shape=(classes,)).cumsum() - 1  # 0, 1, ..., K - 1
        return (labels[:, np.newaxis] == numbers).astype(x.dtype)

    def asks_for(self) -> str:
        return "vectors" if self.classes is None else "labels"

    def __repr__(self) -> str:
        if self.vectors is not None:
            return f"Join(vectors={self.vectors})"
        return f"Join({'' if self.classes is None else self.classes})"


class Conditioned(Named, Conditional):
    """A network whose condition is computed by another network, `embed`, from the condition c.

    Shapes      x, y and their gradients as of `network`; c as `embed` takes it; e, de, dde as of
                embed's outputs

    Forward     e = embed(c)        y = network(x | e)
    Backward    dx = the network's        de = its gradient with respect to e
                dc = embed's input gradient of de; integers have none
                embed is asked only for parameter gradients or dc, so not in G's step through D
    Twice       ddy, dx = the network's; its gradient with respect to e goes back through embed
                With ddc: de as in Backward. embed's second-order pass of ddc and de returns dde
                and a first part of dc. The network's second-order pass is then given dde.

    Names       "embed.weight", "network.3.weight"; grads {"embed": {...}, "network": {...}}.
    Cache       e, because every pass binds it to the network; the caches of both parts.
    Source      the chain rule; as a layer: a mapping network (Karras et al. 2019, section 2).
    """

    parts = ("embed", "network")
    embed: Layer
    network: Layer

    def __init__(self, embed: Layer, network: Layer) -> None:
        super().__init__(embed=embed, network=network)
        if not network.takes_condition:
            raise ValueError(f"Conditioned: {network} takes no condition, nothing would read embed")

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        e, embedded = self.embed.forward(self.condition_of(x), train)
        y, inner = self.network.given(e).forward(x, train)
        return y, (e, embedded, inner)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        e, embedded, inner = cache
        network = self.network.given(e, wanted=grads is not None)
        dx = network.backward(dy, inner, grads_of("network", grads), need_dx)
        if grads is not None:
            de = taken(grads["network"])
            dc = self._through_embed(de, embedded, grads.setdefault("embed", {}))
            self._state(dc, grads)
        return dx

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and the trace: dy, and what the network wants to see again."""
        e, _, inner = cache
        dx, seen = self.network.given(e).traced_backward(dy, inner)
        return dx, [dy, seen]

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself."""
        dy, seen = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        e, embedded, inner = cache
        dde, dc = None, None
        of_embed: Grads = {}
        if self.towards is not None:
            de = taken(self.network.given(e, wanted=True).param_grads(dy, inner))
            dde, dc, of_embed = self.embed.double_backward(self.towards, de, embedded)
        network = self.network.given(e, wanted=True, towards=dde)
        ddy, dx, of_network = network.double_backward(ddx, seen, inner)
        more = self._through_embed(taken(of_network), embedded, of_embed)
        grads = {"embed": of_embed, "network": of_network}
        self._state(dc, grads)
        self._state(more, grads)
        return ddy, dx, grads

    def _through_embed(self, de: Array | None, embedded: Cache, grads: Grads) -> Array | None:
        """dc of de, where it is asked for; embed's gradients are added to `grads`."""
        if de is None:
            return None
        wanted = self.wanted and self.condition.dtype.kind == "f"
        return self.embed.backward(de, embedded, grads, need_dx=wanted)

    def _state(self, dc: Array | None, grads: Grads) -> None:
        """Add dc to `grads`, where it is asked for and there is one."""
        if self.wanted and dc is not None:
            accumulate(grads, {"condition": dc})

    def __repr__(self) -> str:
        return f"Conditioned({self.embed}, {self.network})"


def _spread(rows: Array, x: Array) -> Array:
    """rows (N, d) as (N, ..., d), the same at every pixel of x (N, ..., C)."""
    N, d = rows.shape
    return np.broadcast_to(rows.reshape(N, *(1,) * (x.ndim - 2), d), (*x.shape[:-1], d))


def _seen(c: Any) -> str:
    """The shape or type of what was given, for messages."""
    return f"{c.dtype} of shape {tuple(c.shape)}" if hasattr(c, "dtype") else type(c).__name__

"""Optimizers on named arrays, in place.

They take the arrays of `network.named_params()` and, at each step, a dict of gradients under the same names. The
arithmetic runs in cache-sized pieces, every operation writing into scratch or into the array itself: a step costs a
few reads and one write of memory per number, whatever the formula looks like.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minigan.device import Array

CHUNK = 64 * 1024  # numbers per piece: parameter, gradient, two moments and scratch of float32 fit a 2 MiB cache


def flatten(grads: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """Nested gradients {"3": {"weight": g}} under their parameters' names {"3.weight": g}."""
    flat: dict[str, Array] = {}
    for name, value in grads.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


class Optimizer:
    """What all optimizers share: named parameters, named state, and the walk over both in pieces.

    `state` maps "moment/parameter" to an array; together with `t`, the number of steps taken, it is all that a
    checkpoint needs.
    """

    moments: tuple[str, ...] = ()  # names of the arrays kept for each parameter

    def __init__(self, params: Iterable[tuple[str, Array]], lr: float) -> None:
        self.params = dict(params)
        if not self.params:
            raise ValueError(f"{type(self).__name__} got no parameters")
        if not lr > 0:
            raise ValueError(f"learning rate must be positive, got {lr}")
        scattered = [name for name, p in self.params.items() if not p.flags.c_contiguous]
        if scattered:  # cut into flat pieces they would be copies, and the parameters would stand still
            raise ValueError(f"{', '.join(scattered)} are not contiguous in memory; make them so before training")
        self.lr, self.t = lr, 0
        self.state = {f"{m}/{name}": np.zeros_like(p) for m in self.moments for name, p in self.params.items()}
        some = next(iter(self.params.values()))
        self._scratch = [np.empty_like(some, shape=(CHUNK,)) for _ in range(2)]

    def step(self, grads: Mapping[str, Any]) -> None:
        """Move every parameter by its gradient; ValueError for a wrong name or shape, before anything moves."""
        flat = flatten(grads)
        if flat.keys() != self.params.keys():
            missing, unknown = self.params.keys() - flat.keys(), flat.keys() - self.params.keys()
            raise ValueError(f"gradients missing for {sorted(missing)}, unknown {sorted(unknown)}")
        for name, p in self.params.items():
            if flat[name].shape != p.shape:
                raise ValueError(f"{name}: the gradient has shape {flat[name].shape}, the parameter {p.shape}")
        self.t += 1
        for name, p in self.params.items():
            state = [self.state[f"{m}/{name}"] for m in self.moments]
            for piece in _pieces(p, flat[name], *state):
                scratch = [s[: piece[0].size] for s in self._scratch]
                self._update(*piece, *scratch)

    def _update(self, *arrays: Array) -> None:
        """One piece: the parameter, its gradient, its moments in order, two pieces of scratch."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")


def _pieces(*arrays: Array) -> Iterator[list[Array]]:
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, flat[0].size, CHUNK):
        yield [a[i : i + CHUNK] for a in flat]


class SGD(Optimizer):
    """Gradient descent, with momentum.

    v ← momentum · v + g        p ← p - lr · v

    Source: Polyak 1964, in PyTorch's form.
    """

    moments = ("v",)

    def __init__(self, params: Iterable[tuple[str, Array]], lr: float = 0.1, *, momentum: float = 0.0) -> None:
        super().__init__(params, lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        self.momentum = momentum

    def _update(self, *arrays: Array) -> None:
        p, g, v, u, _ = arrays
        np.multiply(v, self.momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, self.lr, out=u)
        np.subtract(p, u, out=p)


class RMSProp(Optimizer):
    """Gradient descent with steps measured in the gradient's recent size.

    s ← alpha · s + (1 - alpha) · g²        p ← p - lr · g / (√s + ε)

    Source: Tieleman & Hinton 2012, in PyTorch's form.
    """

    moments = ("s",)

    def __init__(
        self, params: Iterable[tuple[str, Array]], lr: float = 1e-2, *, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= alpha < 1 and eps > 0):
            raise ValueError(f"RMSProp needs alpha in [0, 1) and eps > 0, got {alpha} and {eps}")
        self.alpha, self.eps = alpha, eps

    def _update(self, *arrays: Array) -> None:
        p, g, s, u, _ = arrays
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - self.alpha, out=u)
        np.multiply(s, self.alpha, out=s)
        np.add(s, u, out=s)
        np.sqrt(s, out=u)
        np.add(u, self.eps, out=u)
        np.divide(g, u, out=u)
        np.multiply(u, self.lr, out=u)
        np.subtract(p, u, out=p)


class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for their start at zero.

    m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
    p ← p - lr · m̂ / (√v̂ + ε)    m̂ = m / (1 - β₁ᵗ)    v̂ = v / (1 - β₂ᵗ)

    The corrections are folded into two constants per step: with c = √(1 - β₂ᵗ),
    lr · m̂ / (√v̂ + ε) = (lr · c / (1 - β₁ᵗ)) · m / (√v + c · ε).

    Source: Kingma & Ba 2014, algorithm 1 and the remark below it.
    """

    moments = ("m", "v")

    def __init__(
        self,
        params: Iterable[tuple[str, Array]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1 and eps > 0):
            raise ValueError(f"Adam needs both betas in [0, 1) and eps > 0, got {betas} and {eps}")
        self.betas, self.eps = betas, eps

    def _update(self, *arrays: Array) -> None:
        p, g, m, v, u, w = arrays
        b1, b2 = self.betas
        c = math.sqrt(1 - b2**self.t)
        np.multiply(m, b1, out=m)
        np.multiply(g, 1 - b1, out=u)
        np.add(m, u, out=m)
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - b2, out=u)
        np.multiply(v, b2, out=v)
        np.add(v, u, out=v)
        np.sqrt(v, out=u)
        np.add(u, c * self.eps, out=u)
        np.divide(m, u, out=w)
        np.multiply(w, self.lr * c / (1 - b1**self.t), out=w)
        np.subtract(p, w, out=p)


class Average:
    """An exponential moving average of named arrays: average ← decay · average + (1 - decay) · array.

    The average of a generator's weights paints steadier samples than any one step's (Yazıcı et al. 2018). `target`
    holds the arrays to write: those of a second network that started as a copy. In the first t steps the decay is
    capped at (1 + t) / (10 + t), so that the start is soon forgotten.
    """

    def __init__(self, source: Iterable[tuple[str, Array]], target: Iterable[tuple[str, Array]], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay of the average must lie in [0, 1), got {decay}")
        self.source, self.target = dict(source), dict(target)
        if self.source.keys() != self.target.keys():
            raise ValueError("the average and its source have different arrays")
        for name, a in self.target.items():
            if a.shape != self.source[name].shape or not a.flags.c_contiguous:
                raise ValueError(f"{name}: the average must be contiguous and of shape {self.source[name].shape}")
        self.decay, self.t = decay, 0
        self._scratch = [np.empty_like(a, shape=(CHUNK,)) for a in list(self.source.values())[:1]]

    def update(self) -> None:
        """Take in the source as it is now."""
        self.t += 1
        weight = 1 - min(self.decay, (1 + self.t) / (10 + self.t))
        for name, source in self.source.items():
            for new, average in _pieces(source, self.target[name]):
                u = self._scratch[0][: new.size]
                np.subtract(new, average, out=u)
                np.multiply(u, weight, out=u)
                np.add(average, u, out=average)

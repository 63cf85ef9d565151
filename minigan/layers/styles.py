"""Style mixing, as two layers around the network that maps noise to styles."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole
from minigan.random import Random, generator


class Partners(Layer):
    """Give every noise vector a second one, whose style may take over in some layers.

    Shapes      x, dx, ddx (N, d); y, dy, ddy (2N, d)

    Forward     y[2n] = x[n]        y[2n + 1] = z'[n] ~ N(0, 1)
    Backward    dx[n] = dy[2n]
    Twice       ddy[2n] = ddx[n]        ddy[2n + 1] = 0

    Eval mode   y = x: nothing is mixed.

    Cache       train, because only then dy has twice the rows.
    Source      Karras et al. 2018 (StyleGAN), section 3.1.
    """

    draws = True

    def __init__(self, *, rng: Random) -> None:
        self.rng = generator(rng)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 2, "(N, d)")
        return (_in_turn(x, self._noise(x)) if train else x), train

    def _noise(self, x: Array) -> Array:
        """z' for the rows of x."""
        return kernels.normal(x, x.shape, self.rng)

    def input_grad(self, dy: Array, train: Cache) -> Array:
        return dy[::2].copy() if train else dy

    def double_backward(self, ddx: Array, dy: Array, train: Cache) -> tuple[Array, None, Grads]:
        return (_in_turn(ddx, np.zeros_like(ddx)) if train else ddx), None, {}


class Styles(Layer):
    """Give every layer of the synthesis a style: up to a random layer the sample's, then another's.

    Shapes      x, dx, ddx (2N, d), rows 2n and 2n + 1 a sample and its partner; y, dy, ddy
                (N, L, d), L = `layers`; keep (N, L, 1), of zeros and ones

    Forward     keep[n, l] = 1 where l < cut_n        cut_n is one of 1 ... L - 1, all equally
                                                      likely, with probability `mixing`, else L
                y[n, l] = keep · x[2n] + (1 - keep) · x[2n + 1]
                mean ← mean + momentum (mean of x[2n] over n - mean)
    Backward    dx[2n] = Σ_l keep · dy        dx[2n + 1] = Σ_l (1 - keep) · dy
    Twice       ddy from ddx as y from x

    Eval mode   and with mixing = 0: x (N, d), y[n, l] = x[n], dx = Σ_l dy.

    `mean`, the running mean of the styles in training, is where truncation leads to.

    Cache       keep, by which all derivatives are multiplied; None where nothing is mixed.
    Source      Karras et al. 2018 (StyleGAN), section 3.1 and appendix B. One cut for each sample;
                the published code has one for the batch.
    """

    buffers = ("mean",)
    shown = ("layers", "features", "mixing")
    couples = True  # every pass in training moves the mean

    def __init__(
        self,
        layers: int,
        features: int,
        *,
        mixing: float = 0.9,
        momentum: float = 0.005,
        rng: Random,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(layers, features):
            raise ValueError(f"Styles needs layers and features, got {layers} and {features}")
        if not 0 <= mixing <= 1 or (mixing > 0 and layers < 2):
            expected = "a mixing probability in [0, 1], and 2 layers for more than 0"
            raise ValueError(f"Styles needs {expected}, got {mixing} of {layers} layers")
        self.layers, self.features, self.mixing, self.momentum = layers, features, mixing, momentum
        self.rng, self.draws = rng, mixing > 0
        self.mean = np.zeros(features, dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        d, mixes = self.features, train and self.mixing > 0
        rows = "(2N, {})" if mixes else "(N, {})"
        self.check(
            x,
            lambda shape: len(shape) == 2 and shape[1] == d and not (mixes and shape[0] % 2),
            rows.format(d),
        )
        keep = self._keep(x[::2]) if mixes else None
        if train:
            self._move_mean(x[::2] if mixes else x)
        return self._given_out(x, keep), keep

    def _given_out(self, x: Array, keep: Array | None) -> Array:
        """The style of each layer, (N, L, d)."""
        if keep is None:
            return np.repeat(x[:, np.newaxis], self.layers, axis=1)
        return keep * x[::2, np.newaxis] + (1 - keep) * x[1::2, np.newaxis]

    def input_grad(self, dy: Array, keep: Cache) -> Array:
        if keep is None:
            return dy.sum(axis=1)
        return _in_turn((keep * dy).sum(axis=1), ((1 - keep) * dy).sum(axis=1))

    def double_backward(self, ddx: Array, dy: Array, keep: Cache) -> tuple[Array, None, Grads]:
        return self._given_out(ddx, keep), None, {}

    def _keep(self, rows: Array) -> Array:
        """keep for the rows: l < cut, with cut = 1 + ⌊u (L - 1)⌋, is l <= u (L - 1)."""
        u = self._uniform(rows)
        l = np.ones_like(rows, shape=(self.layers,)).cumsum() - 1
        mixed, cut = u[:, :1] < self.mixing, u[:, 1:] * (self.layers - 1)
        return (~mixed | (l <= cut)).astype(rows.dtype)[..., np.newaxis]

    def _uniform(self, rows: Array) -> Array:
        """Two numbers in [0, 1) for each of the rows."""
        return kernels.uniform(rows, (len(rows), 2), self.rng)

    def _move_mean(self, w: Array) -> None:
        self.mean += self.momentum * (w.mean(axis=0) - self.mean)


def _in_turn(first: Array, second: Array) -> Array:
    """The rows of both (N, d), one of each in turn: (2N, d)."""
    return np.stack([first, second], axis=1).reshape(2 * len(first), -1)

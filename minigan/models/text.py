"""Captions: a network that encodes them, and the loss that matches them with their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Conv2d, Embedding, Linear, MaskedMax, Network, ReLU, Reshape
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class TextEncoder(Around):
    """A caption becomes a vector: a convolution over neighbouring words, and a maximum over the caption.

    Shapes      x (N, T), the numbers of the words, 0 where there is none; y, dy (N, features)

    Forward     e = embedding of x, 0 where there is no word            (N, T, embedding)
                h = ReLU of a convolution over three words of e          (N, T, channels)
                y = linear in the maximum of h over the words that are there
    Backward    of the layers inside; words have no gradient

    A sum over words would be the same for "a red three on blue" and "a blue three on red"; three words in a row are
    enough to distinguish them.

    Cache       x, which the maximum is bound to; the caches inside.
    Source      Kim 2014; Reed et al. 2016 (1605.05395) train a larger one for the same purpose.
    """

    def __init__(
        self,
        words: int,
        length: int,
        features: int,
        *,
        embedding: int = 32,
        channels: int = 64,
        rng: np.random.Generator,
    ) -> None:
        three = Conv2d(embedding, channels, (3, 1), 1, (1, 0), rng=rng)
        row = Embedding(words + 1, embedding, 0, rng=rng), Reshape(length, 1, embedding), three, ReLU()
        super().__init__(Network(*row, Reshape(length, channels), MaskedMax(), Linear(channels, features, rng=rng)))

    @property
    def takes_condition(self) -> bool:
        """The words are its input. It binds them itself."""
        return False

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        y, caches = self.network.given(x).forward(x, train)
        return y, (x, caches)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        x, caches = cache
        return self.network.given(x).backward(dy, caches, grads, need_dx)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        raise TypeError("TextEncoder: words have no gradient")


def matching(texts: Array, views: Array, sharpness: float = 10.0) -> tuple[Array, Array, Array]:
    """How badly do N captions and N pictures find each other? The loss, d texts and d views; all are (N, n).

        e = texts / |texts|     v = views / |views|     S = sharpness · e · vᵀ
        L = CE(S, 0 ... N - 1) + CE(Sᵀ, 0 ... N - 1)    CE the mean softmax cross entropy
        dS = (softmax of the rows + softmax of the columns - 2 I) / N
        de = sharpness · dS · v     d texts = (de - e <de, e>) / |texts|     views likewise

    Source: Reed et al. 2016 (1605.05395) with a hinge on the same scores; the symmetric softmax is Sohn's 2016.
    """
    e, texts_size = _unit(texts)
    v, views_size = _unit(views)
    S, N = sharpness * (e @ v.T), len(texts)
    numbers = np.ones_like(texts, shape=(N,)).cumsum()
    same = (numbers[:, np.newaxis] == numbers).astype(S.dtype)
    loss, dS = 0, -2 / N * same
    for axis in (0, 1):
        highest = S.max(axis=axis, keepdims=True)
        shares = np.exp(S - highest)
        total = shares.sum(axis=axis, keepdims=True)
        loss = loss + (highest + np.log(total)).mean() - (S * same).sum() / N
        dS = dS + shares / total / N
    de, dv = sharpness * (dS @ v), sharpness * (dS.T @ e)
    return loss, _along(de, e) / texts_size, _along(dv, v) / views_size


def _unit(x: Array) -> tuple[Array, Array]:
    """The rows of x with length 1, and their lengths (N, 1)."""
    size = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / size, size


def _along(d: Array, unit: Array) -> Array:
    """The component of d orthogonal to the rows `unit`."""
    return d - unit * (d * unit).sum(axis=1, keepdims=True)

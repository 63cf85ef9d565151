"""A network whose large fully connected layers are split: a team makes each product, every thread some columns of it.

By rows of the batch, as in `sharded.py`, every thread would read all weights for a few rows. Here the caller's thread
runs the network, and the others join it for the products, which are nearly all that there is to do. Every layer gets
whole batches, so that layers which couple their rows need no form for threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.engine.copies import Memo, twin
from minigan.engine.team import Team
from minigan.layers import Layer, Linear, SpectralNorm, accumulate
from minigan.layers.layer import Cache, Grads

LARGE = 256  # numbers on both sides from which on a product takes longer than two threads need to meet


class SplitLinear(Linear):
    """Linear, its products made by a team. Of I inputs and J outputs, a thread's share,

    y[:, J] = x · weight[:, J]     dx[:, I] = dy · weight[I]ᵀ     dweight[I] = x[:, I]ᵀ · dy
    """

    def __init__(self, page: Linear, team: Team) -> None:
        vars(self).update(vars(page))
        self.team = team

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 2 and shape[1] == self.in_features, f"(N, {self.in_features})")
        y = self._times_weight(x)
        if "bias" in self.params:
            y += self.bias
        return y, x

    def backward(self, dy: Array, x: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        dx = np.empty_like(x) if need_dx else None
        dweight = None if grads is None else np.empty_like(self.weight)

        def share(I: slice) -> None:
            if dweight is not None:
                np.matmul(x[:, I].T, dy, out=dweight[I])
            if dx is not None:
                dx[:, I] = kernels.matmul(dy, self.weight[I].T)

        self._together(self.in_features, share)
        if grads is not None:
            bias = {"bias": kernels.channel_sum(dy)} if "bias" in self.params else {}
            accumulate(grads, {"weight": dweight} | bias)
        return dx

    def input_grad(self, dy: Array, x: Cache) -> Array:
        dx = self.backward(dy, x)
        assert dx is not None
        return dx

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        grads: Grads = {}
        self.backward(dy, x, grads, need_dx=False)
        return grads

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        return self._times_weight(ddx), None, {"weight": self.param_grads(dy, ddx)["weight"]}

    def _times_weight(self, x: Array) -> Array:
        y = np.empty_like(x, shape=(len(x), self.out_features))

        def share(J: slice) -> None:
            np.matmul(x, self.weight[:, J], out=y[:, J])

        self._together(self.out_features, share)
        return y

    def _together(self, n: int, job: Callable[[slice], None]) -> None:
        """The job for every thread's share of n columns."""
        size = self.team.size
        self.team.run(lambda rank: job(slice(n * rank // size, n * (rank + 1) // size)))


def split(network: Layer, team: Team) -> Layer:
    """The network, with its own parameters and buffers, its large layers split over the team."""
    # SpectralNorm computes with a copy of its layer that has another weight.
    wrapped = {id(layer.layer) for layer in network.walk() if isinstance(layer, SpectralNorm)}

    def part(layer: Layer, memo: Memo) -> Layer | None:
        if isinstance(layer, Linear) and is_large(layer) and id(layer) not in wrapped:
            return SplitLinear(layer, team)
        return None

    return twin(network, part)


def is_large(layer: Layer) -> bool:
    """Is this a fully connected layer whose products are worth splitting?"""
    return type(layer) is Linear and min(layer.weight.shape) >= LARGE

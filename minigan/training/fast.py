"""Two short cuts around Algorithm 1: one batch for D instead of two, and one painting for D and G instead of two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.composite import Composite
from minigan.layers.layer import Cache, Grads
from minigan.objectives import Objective
from minigan.training.steps import Optimizer
from minigan.training.team import walk


def discriminator_step_in_one_batch(
    D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, real: Array, z: Array
) -> Array:
    """`steps.discriminator_step` for a D that looks at every sample alone: [a, b] = D([x, G(z)]).

    Products with twice the rows take less than twice the time, and weights are read once. Where D draws random numbers
    (dropout), it draws others than in two passes.
    """
    fake, _ = G.forward(z)
    ab, cache = D.forward(np.concatenate([real, fake]))
    loss, da, db = objective.d_loss(ab[: len(real)], ab[len(real) :])
    grads: Grads = {}
    D.backward(np.concatenate([da, db]), cache, grads, need_dx=False)
    if objective.penalty is not None:
        loss = loss + objective.penalty(D, real, fake, grads)
    optimizer.step(grads)
    objective.after_d_update(D)
    return loss


def sees_each_alone(D: Layer) -> bool:
    """Is D's output for a sample the same whatever else is in the batch, and its state untouched by a pass?"""
    return not any(layer.buffers for layer in walk(D))


class OnePainting(Composite):
    """A generator that paints the same noise once: for D's step, and then for its own, which finds it unchanged.

    Told by the noise being the very same array. What was painted is forgotten when G is asked for gradients, because
    its parameters are about to move.
    """

    def __init__(self, network: Layer) -> None:
        self.network = network
        self._painted: tuple[Array, tuple[Array, Cache]] | None = None

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        if not train:
            return self.network.forward(x, train)
        if self._painted is None or self._painted[0] is not x:
            self._painted = x, self.network.forward(x, train)
        return self._painted[1]

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        self._painted = None
        return self.network.backward(dy, cache, grads, need_dx)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        return self.network.traced_backward(dy, cache)

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        return self.network.double_backward(ddx, dy, cache)

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_params()

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_buffers()

    def __repr__(self) -> str:
        return repr(self.network)

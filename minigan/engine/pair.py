"""Short cuts around Algorithm 1: one batch for D instead of two, or two at the same time; one painting for D and G."""

from __future__ import annotations

import numpy as np

from minigan.device import Array

from minigan.engine.sharded import copy_buffers, replica, shares
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Dropout, Layer, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads
from minigan.objectives import Objective
from minigan.training.steps import Optimizer


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
    return not any(layer.buffers for layer in D.walk())


class SideBySide:
    """D's step with real and generated samples at the same time: half of a team takes each.

    For a D whose batch norm sums over all rows of its batch, and whose passes leave nothing but running statistics:
    in two halves it meets half as many threads, with two threads none. Algorithm 1 moves a running statistic r twice,
    first by the real batch, then by the generated one: r ← r + μ (s - r). Both halves begin at r, and find r' and r'';
    one after the other they would have found r'' + (1 - μ) (r' - r).
    """

    def __init__(self, D: Layer, team: Team) -> None:
        self.D, self.team, self.half = D, team, team.size // 2
        sides = [team.part(self.half) for _ in range(2)]
        self.replicas = [replica(D, side, rank, own=False) for side in sides for rank in range(self.half)]

    @staticmethod
    def suits(D: Layer, team: Team) -> bool:
        """Can the team be halved, and does nothing but batch norm look beyond a sample?"""
        layers = list(D.walk())
        plain = all(type(layer) is BatchNorm or not layer.buffers for layer in layers)
        return team.size % 2 == 0 and plain and not any(isinstance(layer, Dropout) for layer in layers)

    def discriminator_step(
        self, D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, real: Array, z: Array
    ) -> Array:
        """`steps.discriminator_step`; D is the network this was made for, or the same shared by the team."""
        fake, _ = G.forward(z)
        a, b, caches = self._forward(real, fake)
        loss, da, db = objective.d_loss(a, b)
        grads = self._backward(da, db, caches)
        if objective.penalty is not None:
            loss = loss + objective.penalty(D, real, fake, grads)
        optimizer.step(grads)
        objective.after_d_update(D)
        return loss

    def _forward(self, real: Array, fake: Array) -> tuple[Array, Array, list[Cache]]:
        parts = [x[rows] for x in (real, fake) for rows in shares(x, self.half)]
        for one in self.replicas:
            copy_buffers(self.D, one)
        ys, caches = zip(*self.team.run(lambda rank: self.replicas[rank].forward(parts[rank])), strict=True)
        self._move_buffers()
        return np.concatenate(ys[: self.half]), np.concatenate(ys[self.half :]), list(caches)

    def _move_buffers(self) -> None:
        sides = (self.D, self.replicas[0], self.replicas[self.half])
        for layer, seen_real, seen_fake in zip(*(side.walk() for side in sides), strict=True):
            for name in layer.buffers:
                r, r1, r2 = (getattr(one, name) for one in (layer, seen_real, seen_fake))
                r[...] = r2 + (1 - layer.momentum) * (r1 - r)

    def _backward(self, da: Array, db: Array, caches: list[Cache]) -> Grads:
        parts = [d[rows] for d in (da, db) for rows in shares(d, self.half)]
        own: list[Grads] = [{} for _ in parts]
        self.team.run(lambda rank: self.replicas[rank].backward(parts[rank], caches[rank], own[rank], need_dx=False))
        grads, *others = own
        for more in others:
            accumulate(grads, more)
        return grads


class OnePainting(Around):
    """A generator that paints the same noise once: for D's step, and then for its own, which finds it unchanged.

    Told by the noise being the very same array. What was painted is forgotten when G is asked for gradients, because
    its parameters are about to move.
    """

    def __init__(self, network: Layer) -> None:
        super().__init__(network)
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

"""Algorithm 1 of the 2014 paper: one update of the discriminator, one update of the generator."""

from __future__ import annotations

from typing import Any, Protocol

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.objectives import Objective


class Optimizer(Protocol):
    """What a step asks of an optimizer."""

    def step(self, grads: Grads) -> Any:
        """Use the gradients."""


def discriminator_step(D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, real: Array, z: Array) -> Array:
    """Move D to tell `real` (N, ...) from G(z), z (N, z_dim); returns D's loss, a 0-d array."""
    fake, _ = G.forward(z)
    a, cache_real = D.forward(real)
    b, cache_fake = D.forward(fake)
    loss, da, db = objective.d_loss(a, b)
    grads: Grads = {}
    D.backward(da, cache_real, grads, need_dx=False)
    D.backward(db, cache_fake, grads, need_dx=False)  # gradients of a sum add up
    if objective.penalty is not None:
        loss = loss + objective.penalty(D, real, fake, grads)
    optimizer.step(grads)
    objective.after_d_update(D)  # clip, project, multiplier
    return loss


def generator_step(D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, z: Array) -> Array:
    """Move G to please D at z (N, z_dim); D stays as it is, to the last bit. Returns G's loss, a 0-d array."""
    fake, cache_g = G.forward(z)
    with D.keeping_buffers():
        b, cache_d = D.forward(fake)
    loss, db = objective.g_loss(b)
    d_image = D.backward(db, cache_d)  # what would make the image more convincing?
    grads: Grads = {}
    G.backward(d_image, cache_g, grads, need_dx=False)
    optimizer.step(grads)
    return loss

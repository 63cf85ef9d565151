"""The discriminator's step with real and generated samples in one batch: the same gradients from half of the calls."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.layer import Grads
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

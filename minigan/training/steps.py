"""Algorithm 1 of Goodfellow et al. 2014: one update of D, one update of G.

    z --G--> fake --D--> score --objective--> d_score --D--> d_fake --G--> d_weights

The steps are functions of networks, an objective, an optimizer and arrays. They keep nothing
between calls: caches and gradients are local variables. A condition is bound before:
discriminator_step(D.given(c), G.given(c), ...).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.objectives import Objective


class Optimizer(Protocol):
    """The part of an optimizer that a step uses."""

    def step(self, grads: Grads) -> Any:
        """Move the parameters by their gradients."""


class Outcome(NamedTuple):
    """The results of an update, for the log, the health monitor and `explain`."""

    loss: Array  # 0-d
    scores: dict[str, Array]  # D's raw outputs by name: {"real": a, "fake": b}
    grads: Grads  # of the parameters that moved, nested as their network nests


def update_discriminator(
    D: Layer,
    objective: Objective,
    optimizer: Optimizer,
    real: Array,
    fake: Array,
) -> Outcome:
    """Move D to score `real` (N, ...) higher than `fake` (M, ...)."""
    a, b, caches = D.forward_pair(real, fake)
    loss, da, db = objective.d_loss(a, b)
    grads: Grads = {}
    D.backward_pair(da, db, caches, grads)
    if objective.penalty is not None:
        loss = loss + objective.penalty(D, real, fake, grads)
    optimizer.step(grads)
    objective.after_d_update(D)  # clip, project, multiplier
    return Outcome(loss, {"real": a, "fake": b}, grads)


def generator_gradient(
    D: Layer, objective: Objective, fake: Array, real: Array | None = None
) -> tuple[Array, Array, dict[str, Array]]:
    """G's loss, its gradient with respect to `fake` (M, ...), and D's scores.

    D stays as it is, to the last bit. `real`: a batch to compare with, where the objective
    `compares`.
    """
    scores: dict[str, Array] = {}
    if objective.compares:
        if real is None:
            raise ValueError(f"{objective.name} compares two batches: pass the real one as `real`")
        with D.keeping_buffers():
            scores["real"], _ = D.forward(real)
    with D.keeping_buffers():
        scores["fake"], cache = D.forward(fake)
    if objective.compares:
        loss, db = objective.joint_g_loss(scores["real"], scores["fake"])
    else:
        loss, db = objective.g_loss(scores["fake"])
    d_fake = D.backward(db, cache)
    assert d_fake is not None  # only need_dx=False gives None
    return loss, d_fake, scores


def discriminator_step(
    D: Layer, G: Layer, objective: Objective, optimizer: Optimizer, real: Array, z: Array
) -> Outcome:
    """Move D to score `real` (N, ...) higher than G(z), z (M, z_dim)."""
    fake, _ = G.forward(z)
    return update_discriminator(D, objective, optimizer, real, fake)


def generator_step(
    D: Layer,
    G: Layer,
    objective: Objective,
    optimizer: Optimizer,
    z: Array,
    real: Array | None = None,
) -> Outcome:
    """Move G so that D takes G(z), z (M, z_dim), for real; `real` as in `generator_gradient`."""
    fake, cache = G.forward(z)
    loss, d_fake, scores = generator_gradient(D, objective, fake, real)
    grads: Grads = {}
    G.backward(d_fake, cache, grads, need_dx=False)
    optimizer.step(grads)
    return Outcome(loss, scores, grads)

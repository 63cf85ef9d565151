"""Penalties on the critic's gradient, and what they add to the gradients of its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers import Layer, accumulate
from minigan.random import Random

Seed = Callable[[Array], Array]  # the critic's outputs h -> their slope u

EPS = 1e-12  # under a root: keeps its slope finite where a gradient is zero


class Slope:
    """The slope g of the critic at points x, and the gradient of a penalty on g.

    g is computed from the critic's weights, by a backward pass. So a penalty R(g) has a gradient
    with respect to these weights: backprop through that backward pass, layer by layer.

    Shapes      x, g, ddx (N, ...); h, u, ddu (N, d): the critic's outputs, the slope of a scalar
                function of them

    Forward     h = critic(x)        u = seed(h)        g = Jᵀ · u, that function's gradient at x

    Backward    ddx = dR/dg goes up through the backward pass that computed g, and every layer adds
                the gradient of its weights (`double_backward`). What curved layers add to their
                inputs goes down again, as in any backward pass (Network, "Twice"). At the top
                ddu = dR/du = J · ddx is left. Where u depends on h, the objective's page states
                dR/dh = (du/dh)ᵀ · ddu; `critic.backward(dh, caches, grads)` does the rest.

    The forward pass is one of training (batch norm normalises by its batch) but leaves running
    statistics alone.
    Source      Drucker & Le Cun 1992; the passes are derived in layers/network.py.
    """

    def __init__(self, critic: Layer, x: Array, seed: Seed = np.ones_like) -> None:
        self.critic = critic
        with critic.keeping_buffers():
            self.h, self.caches = critic.forward(x)
        self.g, self._trace = critic.traced_backward(seed(self.h), self.caches)

    def backward(self, ddx: Array, grads: dict[str, Any]) -> Array:
        """Add dR/dparams to `grads`, for a seed that is a constant; returns ddu."""
        ddu, _, new = self.critic.double_backward(ddx, self._trace, self.caches)
        accumulate(grads, new)
        return ddu


def between(name: str, rng: Random | None, real: Array, fake: Array) -> Array:
    """x̂_i = ε_i x_i + (1 - ε_i) y_i between real x and fake y (N, ...), ε_i ~ U[0, 1) per sample.

    ValueError names the objective: it was given no generator, or batches that do not pair.
    """
    if rng is None:
        raise ValueError(f"{name} draws random points: objectives.get({name!r}, rng=generator)")
    if real.shape != fake.shape:
        raise ValueError(f"{name} pairs real with fake samples, got {real.shape} and {fake.shape}")
    eps = kernels.uniform(real, (len(real),) + (1,) * (real.ndim - 1), rng)
    return eps * real + (1 - eps) * fake


def towards(
    g: Array, *, weight: float, target: float = 1.0, one_sided: bool = False, eps: float = EPS
) -> tuple[Array, Array]:
    """R = weight · mean (r_i - target)² and dR/dg, with r_i = √(Σ g_i² + eps) of sample i.

    dR/dg_i = 2 weight / N · (r_i - target) · g_i / r_i. One-sided: (r_i - target) becomes
    max(r_i - target, 0).
    """
    r = np.sqrt((g * g).sum(axis=tuple(range(1, g.ndim)), keepdims=True) + eps)
    excess = np.maximum(r - target, 0) if one_sided else r - target
    return weight * (excess * excess).mean(), (2 * weight / len(g)) * excess / r * g


def gradient_penalty(
    critic: Layer,
    x: Array,
    grads: dict[str, Any],
    *,
    weight: float,
    target: float = 1.0,
    one_sided: bool = False,
    eps: float = EPS,
) -> Array:
    """Pull the norm of the critic's gradient at x towards `target`; add to `grads`.

    Shapes      x (N, ...) any points; the critic's output (N, 1)

    Penalty     g = ∂ Σ critic(x) / ∂x        R = weight · mean (‖g_i‖ - target)²

    Source      Gulrajani et al. 2017, equation 3.
    """
    slope = Slope(critic, x)
    value, ddx = towards(slope.g, weight=weight, target=target, one_sided=one_sided, eps=eps)
    slope.backward(ddx, grads)
    return value


def zero_centred_penalty(critic: Layer, x: Array, grads: dict[str, Any], *, weight: float) -> Array:
    """Pull the critic's gradient at x towards zero; add the penalty's gradient to `grads`.

    Shapes      x (N, ...) any points; the critic's output (N, 1)

    Penalty     g = ∂ Σ critic(x) / ∂x    R = weight / 2 · mean ‖g_i‖²    dR/dg_i = weight / N · g_i

    Source      Mescheder et al. 2018, equation 9.
    """
    slope = Slope(critic, x)
    slope.backward(weight / len(x) * slope.g, grads)
    return weight / 2 * (slope.g * slope.g).sum() / len(x)

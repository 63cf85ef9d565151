"""Cramér GAN."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective
from minigan.penalties import EPS, Slope, between, towards
from minigan.random import Random, generator


class Cramer(Objective):
    """Energy distance between features: its gradient is unbiased, which WGAN's is not.

    D gives features. Every real sample meets two fakes: h = a (m, d) on real samples, b (2m, d) on
    fakes, first half h¹, second half h². ‖v‖ = √(Σ v² + 1e-12), e(v) = v / ‖v‖ its gradient:

    D           f(t) = ‖t - h²‖ - ‖t‖                h² is the anchor, 0 stands in for a real sample
                L = mean f(h¹) - mean f(h) + R
                dh  = -[e(h - h²) - e(h)] / m         dh¹ = [e(h¹ - h²) - e(h¹)] / m
                dh² = [e(h - h²) - e(h¹ - h²)] / m

    G           L = mean (‖h - h¹‖ + ‖h - h²‖ - ‖h¹ - h²‖)
                the energy distance, up to what G cannot change
                dh¹ = -[e(h - h¹) + e(h¹ - h²)] / m   dh² = -[e(h - h²) - e(h¹ - h²)] / m

    Penalty     x̂_i = ε_i x_i + (1 - ε_i) y_i,  y the first fakes,  t = D(x̂)
                ε_i ~ U[0, 1) one number per sample
                R = λ mean (‖∂f(t_i) / ∂x̂_i‖ - 1)²

    Its way     u = ∂f/∂t = e(t - h²) - e(t)       is the seed of the backward sweep, and depends on
                t and h². With Q = dR/du from the second-order pass and, the derivative of e,
                N(v) Q = (Q - e(v) <e(v), Q>) / ‖v‖:
                dR/dt = N(t - h²) Q - N(t) Q          dR/dh² = -N(t - h²) Q
                go back through D, in an ordinary backward pass each.

    Defaults    `weight` λ 10, 256 `features`, Adam 1e-4, betas (0.5, 0.9), n_critic 5, batch 64.
    Healthy     L of G falls, then stays; slopes of f near 1.
    Fails       f uses one fake as anchor and 0 instead of the data: L of D can be near 0 while the
                distributions differ. Watch L of G as well.
    Source      Bellemare, Danihelka, Dabney, Mohamed, Lakshminarayanan, Hoyer & Munos 2017,
                algorithm 1. Codes differ in which fakes make x̂ and in what of R is derived: here
                the first, and all of it.
    """

    name = "cramer"
    defaults = Defaults(lr=1e-4, betas=(0.5, 0.9), n_critic=5)
    output = "features"
    constraint = "gradient penalty"
    critic_norm = "layer"
    fakes = 2
    compares = True

    def __init__(
        self, *, weight: float = 10.0, features: int = 256, rng: Random | None = None
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"weight of the gradient penalty must not be negative, got {weight}")
        if not features >= 1:
            raise ValueError(f"features is the number of D's outputs, at least 1, got {features}")
        self.weight, self.features = weight, features
        self.rng = generator(rng, needed=False)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        h, (h1, h2) = a, _halves(a, b)
        (r, e_r), (f, e_f) = _norm(h - h2), _norm(h1 - h2)
        (r0, e_r0), (f0, e_f0) = _norm(h), _norm(h1)
        # f0 - r0, without the difference of two large numbers where all features are far from 0
        gap = ((h1 - h) * (h1 + h)).sum(axis=1, keepdims=True) / (f0 + r0)
        loss = (f - r - gap).mean()
        m = len(h)
        return loss, (e_r0 - e_r) / m, np.concatenate([e_f - e_f0, e_r - e_f]) / m

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        h, (h1, h2) = a, _halves(a, b)
        (r1, e_r1), (r2, e_r2), (f, e_f) = _norm(h - h1), _norm(h - h2), _norm(h1 - h2)
        return (r1 + r2 - f).mean(), np.concatenate([-e_r1 - e_f, e_f - e_r2]) / len(h)

    def penalty(self, D: Any, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
        first, anchors = _halves(real, fake)
        x = between(self.name, self.rng, real, first)
        with D.keeping_buffers():
            h2, cache = D.forward(anchors)
        slope = Slope(D, x, lambda t: _norm(t - h2)[1] - _norm(t)[1])
        value, ddx = towards(slope.g, weight=self.weight)
        Q = slope.backward(ddx, grads)
        dh2 = -_norm_curvature(slope.h - h2, Q)
        D.backward(-dh2 - _norm_curvature(slope.h, Q), slope.caches, grads, need_dx=False)
        D.backward(dh2, cache, grads, need_dx=False)
        return value

    def critic(self) -> dict[str, Any]:
        return {"output": self.output, "features": self.features}


def _halves(a: Array, b: Array) -> tuple[Array, Array]:
    """The two fakes of every real sample; ValueError unless there are two."""
    if len(b) != 2 * len(a) or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"cramer needs two fakes for every real sample, got shapes {a.shape} real and "
            f"{b.shape} fake"
        )
    return b[: len(a)], b[len(a) :]


def _norm(v: Array) -> tuple[Array, Array]:
    """‖v_i‖, (m, 1), and its gradient e(v_i), (m, d)."""
    r = np.sqrt((v * v).sum(axis=1, keepdims=True) + EPS)
    return r, v / r


def _norm_curvature(v: Array, q: Array) -> Array:
    """N(v) q = (q - e <e, q>) / ‖v‖: the second derivative of the norm, applied to q."""
    r, e = _norm(v)
    return (q - e * (e * q).sum(axis=1, keepdims=True)) / r

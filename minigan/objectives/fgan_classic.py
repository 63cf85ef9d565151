"""f-GANs that are the original GAN: as a Jensen-Shannon divergence, and to the letter."""

from __future__ import annotations

import math

from minigan.device import Array
from minigan.objectives.fgan import FGAN
from minigan.objectives.objective import sigmoid, softplus

LOG2 = math.log(2)


class FGANJS(FGAN):
    """f-GAN for twice the Jensen-Shannon divergence: the original GAN, counted from 0.

    Divergence  f(u) = u log u - (u + 1) log((u + 1) / 2)         f*(t) = -log(2 - eᵗ)   2 JSD(p, q)

    D, G        as in FGAN, with sp(t) = log(1 + eᵗ), σ = sp' and
                g(v) = log 2 - sp(-v)     g'(v) = σ(-v)
                h(v) = sp(v) - log 2      h'(v) = σ(v)

    Optimum     v = log(p / q), so that σ(v) = p / (p + q) is the probability of being real.
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D between 0 and log 4 = 1.386, falling.
    Fails       As the original: a sure D leaves G without a gradient; then `alternative`.
    Deviates    The usual Jensen-Shannon divergence is half of this; the paper's f is kept.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-js"
    logit = True

    def g(self, v: Array) -> tuple[Array, Array]:
        return LOG2 - softplus(-v), sigmoid(-v)

    def h(self, v: Array) -> tuple[Array, Array]:
        return softplus(v) - LOG2, sigmoid(v)


class FGANGAN(FGAN):
    """The original GAN as an f-GAN: minimax bit for bit; with `alternative` non-saturating.

    Divergence  f(u) = u log u - (u + 1) log(u + 1)       f*(t) = -log(1 - eᵗ)   2 JSD(p, q) - log 4

    D, G        as in FGAN, with sp(t) = log(1 + eᵗ), σ = sp' and
                g(v) = -sp(-v) = log σ(v)     g'(v) = σ(-v)
                h(v) = sp(v)                  h'(v) = σ(v)

    Optimum     v = log(p / q), so that σ(v) = p / (p + q) is the probability of being real. f(1) is
                -log 4, not 0.
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D between -log 4 = -1.386 (D cannot separate them) and 0, falling.
    Fails       A sure D leaves G without a gradient; then `alternative`.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-gan"
    logit = True

    def g(self, v: Array) -> tuple[Array, Array]:
        return -softplus(-v), sigmoid(-v)

    def h(self, v: Array) -> tuple[Array, Array]:
        return softplus(v), sigmoid(v)

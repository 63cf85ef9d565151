"""f-GAN: an objective for every f-divergence; here both directions of Kullback and Leibler's."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective


def capped_exp(t: Array) -> Array:
    """e^min(t, 20), in values and slopes alike.

    Beyond 20 a value stands still, and its slope is still given as e²⁰: finite in float32, and not
    the 0 with which an output that strayed there could never come back.
    """
    return np.exp(np.minimum(t, 20))


class FGAN(Objective):
    """Minimise an f-divergence between data p and generator q: a lower bound by its conjugate.

    Divergence  D_f = Σ q f(p / q), f convex, f(1) = 0 (log 4 less in fgan-gan)

    Derivation  f(u) ≥ t u - f*(t) for every t, with equality at t = f'(u); f* is the convex
                conjugate. With one t = T(x) per sample:  D_f ≥ E_p T - E_q f*(T)
                D maximises the bound. T = g(v), where v is D's raw output and g increases onto the
                numbers for which f* is finite. T above f'(1) means "rather real".

    D           L = -mean g(a) + mean h(b),  h = f* ∘ g
                the best D has g(v) = f'(p / q), and L = -D_f
                da = -g'(a) / m        db = h'(b) / n

    G           L = -mean h(b)        db = -h'(b) / n      the saddle point: G has no other term
                L = -mean g(b)        db = -g'(b) / n      with `alternative`: "be called real"

    h is stated and computed as one function of v: that way no logarithm meets a 0.

    Deviates    Noise is normal; the paper's is uniform in [-1, 1].
    """

    defaults = Defaults()

    def __init__(self, *, alternative: bool = False) -> None:
        self.alternative = alternative

    def g(self, v: Array) -> tuple[Array, Array]:
        """The activation g(v), and its slope g'(v)."""
        raise NotImplementedError

    def h(self, v: Array) -> tuple[Array, Array]:
        """The conjugate after the activation, f*(g(v)), and its slope."""
        raise NotImplementedError

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        (ga, da), (hb, db) = self.g(a), self.h(b)
        return hb.mean() - ga.mean(), -da / len(a), db / len(b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        value, slope = self.g(b) if self.alternative else self.h(b)
        return -value.mean(), -slope / len(b)


class FGANKL(FGAN):
    """f-GAN for KL(p | q): data that G never generates costs most: G covers all, and blurs.

    Divergence  f(u) = u log u        f*(t) = eᵗ⁻¹        Σ p log(p / q)

    D, G        as in FGAN, with
                g(v) = v              g'(v) = 1
                h(v) = eᵛ⁻¹           h'(v) = eᵛ⁻¹
                exponents are capped at 20, and slopes stay at e²⁰ there

    Optimum     v = 1 + log(p / q); outputs above 1 mean "rather real".
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D positive, small, falling.
    Fails       Fakes far up (b above 5) have exponential gradients in D; far down (b → -∞), G's
                vanish: then `alternative`, which here is WGAN's loss of G.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-kl"

    def g(self, v: Array) -> tuple[Array, Array]:
        return v, np.ones_like(v)

    def h(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(v - 1)
        return e, e


class FGANReverseKL(FGAN):
    """f-GAN for KL(q | p): fakes where no data is cost most: G is sharp, and leaves modes out.

    Divergence  f(u) = -log u         f*(t) = -1 - log(-t)        Σ q log(q / p)

    D, G        as in FGAN, with
                g(v) = -e⁻ᵛ           g'(v) = e⁻ᵛ         (exponents capped at 20, slopes at e²⁰)
                h(v) = v - 1          h'(v) = 1

    Optimum     v = log(p / q); outputs above 0 mean "rather real".
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D positive, small, falling. G's gradient is WGAN's.
    Fails       Modes are left out. Data far down (a below -5) has exponential gradients in D.
    Deviates    The activation is printed as -eᵛ in places; the increasing -e⁻ᵛ has a high output
                mean "real".
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-reverse-kl"

    def g(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(-v)
        return -e, e

    def h(self, v: Array) -> tuple[Array, Array]:
        return v - 1, np.ones_like(v)

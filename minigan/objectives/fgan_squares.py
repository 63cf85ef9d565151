"""f-GANs of the divergences that add up squares: Pearson's and Neyman's χ², Hellinger's."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.objectives.fgan import FGAN, capped_exp


class FGANPearson(FGAN):
    """f-GAN for Pearson's χ²: least squares, but of the ratio of densities.

    Divergence  f(u) = (u - 1)²       f*(t) = t² / 4 + t          Σ (p - q)² / q

    D, G        as in FGAN, with
                g(v) = v              g'(v) = 1
                h(v) = v² / 4 + v     h'(v) = v / 2 + 1

    Optimum     v = 2 (p / q - 1); outputs above 0 mean "rather real".
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D positive, small, falling.
    Fails       Explodes where the fakes leave data out (p / q large). At b = -2, where D sends sure
                fakes, G's gradient is 0, and below it has the wrong sign: then `alternative`.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-pearson"

    def g(self, v: Array) -> tuple[Array, Array]:
        return v, np.ones_like(v)

    def h(self, v: Array) -> tuple[Array, Array]:
        return v * v / 4 + v, v / 2 + 1


class FGANNeyman(FGAN):
    """f-GAN for Neyman's χ², Pearson's with the roles of data and generator exchanged.

    Divergence  f(u) = (1 - u)² / u   f*(t) = 2 - 2 √(1 - t)      Σ (p - q)² / p

    D, G        as in FGAN, with
                g(v) = 1 - e⁻ᵛ        g'(v) = e⁻ᵛ         (exponents capped at 20, slopes at e²⁰)
                h(v) = 2 - 2 e^(-v/2)     h'(v) = e^(-v/2)

    Optimum     v = 2 log(p / q); outputs above 0 mean "rather real".
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D positive, small, falling.
    Fails       Explodes for samples far down: there fakes push G, and data pushes D, with
                exponential gradients. A D that is spectrally normalised keeps the exponents small,
                but not at a large rate. On digits at 1e-3, gradients of D at step 100 filled Adam's
                second moments: with betas (0.5, 0.999) D moved 10,000 times less from then on, and
                G generated a few shapes again and again: 57 and 47 % recognised with seeds 0 and 1,
                3 and 2 classes. With D at 2e-4, G at 5e-4, betas (0.5, 0.9) and twice the steps:
                65 and 72 %, 10 and 9 classes.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-neyman"

    def g(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(-v)
        return 1 - e, e

    def h(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(-v / 2)
        return 2 - 2 * e, e


class FGANHellinger(FGAN):
    """f-GAN for the squared Hellinger distance, symmetric and at most 2.

    Divergence  f(u) = (√u - 1)²      f*(t) = t / (1 - t)         Σ (√p - √q)²

    D, G        as in FGAN, with
                g(v) = 1 - e⁻ᵛ        g'(v) = e⁻ᵛ         (exponents capped at 20, slopes at e²⁰)
                h(v) = eᵛ - 1         h'(v) = eᵛ

    Optimum     v = ½ log(p / q); outputs above 0 mean "rather real".
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64 (the paper's MNIST run: 4096).
    Healthy     -L of D between 0 and 2, falling.
    Fails       Misjudged samples have exponential gradients in D on both sides; for sure fakes
                (b → -∞) G's vanish: then `alternative`. Even with a spectral norm D needs a small
                rate: on digits at 1e-3, 53 and 35 % recognised with seeds 0 and 1, 8 and 7 classes.
                With D at 2e-4, G at 5e-4, betas (0.5, 0.9) and twice the steps: 70 and 71 %, 10
                classes.
    Source      Nowozin, Cseke & Tomioka 2016, tables 1 and 2, equation 6.
    """

    name = "fgan-hellinger"

    def g(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(-v)
        return 1 - e, e

    def h(self, v: Array) -> tuple[Array, Array]:
        e = capped_exp(v)
        return e - 1, e

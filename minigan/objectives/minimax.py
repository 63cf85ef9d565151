"""The original GAN, as the zero-sum game of its value function."""

from __future__ import annotations

from minigan.device import Array
from minigan.objectives.objective import Defaults, Objective, sigmoid, softplus


class Minimax(Objective):
    """D is a classifier, real against fake; G plays the opposite sign of D's log-likelihood.

    With σ(t) = 1 / (1 + e⁻ᵗ) and sp(t) = log(1 + eᵗ) = -log(1 - σ(t)):

    D           L = mean sp(-a) + mean sp(b)                = -mean log D(x) - mean log(1 - D(G(z)))
                da = -σ(-a) / m        db = σ(b) / n

    G           L = -mean sp(b)                                   = mean log(1 - D(G(z)))
                db = -σ(b) / n

    Smoothing   `real_label` t (0.9 is usual) replaces the target 1 of the real samples; G's loss is
                not smoothed:
                L = mean [sp(-a) + (1 - t) a] + mean sp(b)        da = (1 - t - σ(-a)) / m
                Only the real side: a smoothed fake target would reward D for the fakes that are
                already there.

    Optimum     D = p / (p + q); then L of D is log 4 - 2 JSD(p, q).
    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64, as the field trains it since DCGAN.
    Healthy     L of D between 0.8 and 2 log 2 = 1.386 (D cannot separate them); L of G falls
                towards -0.693.
    Fails       A sure D has σ(b) → 0, and with it the gradient of G: G stops. Mode collapse:
                samples near identical, the losses swing in antiphase.
    Deviates    Noise is normal; the paper's is uniform.
    Source      Goodfellow et al. 2014, equation 1; smoothing: Salimans et al. 2016, section 3.4.
    """

    name = "minimax"
    defaults = Defaults()
    logit = True

    def __init__(self, *, real_label: float = 1.0) -> None:
        if not 0.5 < real_label <= 1:
            raise ValueError(
                f"real_label is the target of the real samples, in (0.5, 1], got {real_label}"
            )
        self.real_label = real_label

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        t = self.real_label
        loss = (softplus(-a) + (1 - t) * a).mean() + softplus(b).mean()
        return loss, (1 - t - sigmoid(-a)) / len(a), sigmoid(b) / len(b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return -softplus(b).mean(), -sigmoid(b) / len(b)

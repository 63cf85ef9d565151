"""MMD GAN: GMMN with a learned kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.objectives.kernel import RBF, centred
from minigan.objectives.mmd import mmd2, root
from minigan.objectives.objective import Defaults, Objective
from minigan.objectives.wgan import long_at_first


class MMDGAN(Objective):
    """D is an autoencoder whose codes maximise the MMD of the two batches; G minimises it.

    D's output is [energy, code]: a = [e, X] on real samples, b = [e', Y] on fakes. With d numbers
    δ = mean X - mean Y:

    D           J = √MMD²(X, Y) + w mean_k min(δ_k, 0)
                L = -J + v mean e + v mean e'
                da = [v / m, -dJ/dX]        db = [v / n, -dJ/dY]

    G           L = J
                db = [0, dJ/dY]

    Gradient    dJ/dX = dMMD²/dX / (2 √MMD²) + w / (d m) · 1[δ < 0]   the same row for all samples
                dJ/dY = dMMD²/dY / (2 √MMD²) - w / (d n) · 1[δ < 0]   first part 0 where MMD² = 0

    Kernel      k = Σ_σ exp(-‖X_i - Y_j‖² / (2 σ²)); the estimator with diagonals, its gradient:
                mmd.py

    Energy      e = mean (x - decoder(encoder(x)))² over the sample's numbers. It keeps the code
                injective: what the decoder can tell apart, the kernel can.

    Constraint  δ >= 0 is a one-sided wish: D keeps the mean code of real samples above that of
                fakes, G works against it. After every update of D  w ← clip(w, -c, c)  for the
                encoder's parameters, never the decoder's.

    Schedule    100 critic steps before each of the first 25 generator updates and of every 500th;
                n_critic otherwise. `warmup=False` turns this off.

    Defaults    `sigmas` 1, 2, 4, 8, 16, `one_sided` w 16, `reconstruction` v 8, c 0.01, codes of 10
                numbers (`features`), RMSProp 5e-5, n_critic 5, batch 64.
    Healthy     √MMD² small and steady, the one-sided term near 0, the energy of real samples
                falling.
    Fails       Without clipping MMD² saturates at twice the number of bandwidths, and its gradient
                vanishes. Near
                MMD² = 0 the factor 1 / (2 √MMD²) amplifies noise.
    Source      Li, Chang, Cheng, Yang & Póczos 2017, algorithm 1; the root, the weights and the
                one-sided term as in the authors' code.
    """

    name = "mmd-gan"
    defaults = Defaults(optimizer="rmsprop", lr=5e-5, n_critic=5)
    output = "autoencoder"
    constraint = "clipped encoder"
    compares = True

    def __init__(
        self,
        *,
        sigmas: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0),
        one_sided: float = 16.0,
        reconstruction: float = 8.0,
        clip: float = 0.01,
        features: int = 10,
        warmup: bool = True,
    ) -> None:
        if not one_sided >= 0 or not reconstruction >= 0:
            raise ValueError(
                f"the weights one_sided and reconstruction must not be negative, got {one_sided} "
                f"and {reconstruction}"
            )
        if not clip > 0:
            raise ValueError(f"clip must be positive, got {clip}")
        if not features >= 1:
            raise ValueError(f"features is the size of the code, at least 1, got {features}")
        self.kernel = RBF(tuple(sigmas))
        self.one_sided, self.reconstruction = one_sided, reconstruction
        self.clip, self.features, self.warmup = clip, features, warmup

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        v = self.reconstruction
        J, dX, dY = self._distance(a[:, 1:], b[:, 1:])
        loss = v * a[:, 0].mean() + v * b[:, 0].mean() - J
        return loss, _beside(v / len(a), -dX), _beside(v / len(b), -dY)

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        J, _, dY = self._distance(a[:, 1:], b[:, 1:], need_dx=False)
        return J, _beside(0.0, dY)

    def _distance(self, X: Array, Y: Array, need_dx: bool = True) -> tuple[Array, Array, Array]:
        """J, dJ/dX (None unless need_dx) and dJ/dY."""
        X, Y = centred(X, Y)
        value, dX, dY = mmd2(X, Y, self.kernel, need_dx=need_dx)
        r, slope = root(value)
        delta = X.mean(axis=0) - Y.mean(axis=0)
        push = self.one_sided / delta.size * (delta < 0).astype(delta.dtype)
        J = r + self.one_sided * np.minimum(delta, 0).mean()
        return J, None if dX is None else slope * dX + push / len(X), slope * dY - push / len(Y)

    def after_d_update(self, D: Any) -> None:
        for _, w in D.encoder.named_params():
            np.clip(w, -self.clip, self.clip, out=w)

    def critic_steps(self, step: int, n_critic: int) -> int:
        return long_at_first(step, n_critic) if self.warmup else n_critic

    def critic(self) -> dict[str, Any]:
        return {"output": self.output, "energy": "mse", "features": self.features}


def _beside(denergy: float, dcode: Array) -> Array:
    """[energy, code]'s gradient: one number for every sample's energy, then the code's gradient."""
    return np.concatenate([np.full_like(dcode[:, :1], denergy), dcode], axis=1)

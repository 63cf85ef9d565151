"""Generative moment matching network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.device import Array
from minigan.objectives.kernel import RBF
from minigan.objectives.mmd import mmd2, root
from minigan.objectives.objective import Defaults, Objective

SIGMAS = {"samples": (8.0, 20.0, 40.0, 80.0, 160.0, 320.0), "codes": (1.0,)}


class GMMN(Objective):
    """No discriminator: G minimises a kernel's distance between real and generated batches.

    a and b are rows: the samples themselves, or their codes (`space="samples"` or `"codes"`).

    D           none to train; `critic_steps` is 0

    G           L = w √MMD²(a, b)                                 `root=False`: w MMD²
                db = w dMMD²/db / (2 √MMD²)                       0 where MMD² = 0

    Kernel      k(x, y) = Σ_σ exp(-‖x - y‖² / (2 σ))        σ is a squared length, not squared again
                MMD² = mean k(a, a) + mean k(b, b) - 2 mean k(a, b)
                dMMD²/db = 2 / n² · pull(b, b) - 2 / (mn) · pull(b, a)
                pull(b, a)_i = ∂/∂b_i Σ_j k(b_i, a_j): mmd.py
                `sigmas`: 2, 5, 10, 20, 40, 80 for pixels in [0, 1]. Ours lie in [-1, 1], where
                squared distances are 4 times as large, and so are the default bandwidths: 8, 20,
                40, 80, 160, 320. For codes, 32 numbers in (0, 1): 1.

    Codes       An autoencoder learns from `passes` walks over the data before the first step, by
                L = mean (rec - x)² over all numbers, drec = 2 (rec - x) / x.size. Then it is
                frozen: G makes codes of `features` numbers, real samples are encoded, and the
                decoder shows what the codes mean.

    Defaults    `weight` w 1000, SGD 2 with momentum 0.9, batch 1000. With Adam: w 1, rate 1e-3.
    Healthy     √MMD² falls tenfold in the first 2,000 steps, then flattens; samples by way of codes
                are sharper.
    Fails       A batch of 100 is too small: blur. One narrow bandwidth: every kernel entry is 0,
                and so is the gradient. One wide bandwidth: only the means match.
    Deviates    The autoencoder ends in tanh and learns all its layers at once by squared error; the
                paper's ends in a sigmoid and is pre-trained layer by layer with cross-entropy and
                dropout. Real batches are encoded when they are met, not once beforehand. After
                10,000 steps the paper continues with rate 0.2 and momentum 0.99; runs here decay
                the rate instead, and their SGD has no momentum. Noise is normal; the paper's is
                uniform in [-1, 1].
    Source      Li, Swersky & Zemel 2015, algorithm 1; bandwidths, σ unsquared, and w: the authors'
                code.
    """

    name = "gmmn"
    defaults = Defaults(optimizer="sgd", lr=2.0, batch_size=1000)
    compares = True

    def __init__(
        self,
        *,
        space: str = "samples",
        sigmas: Sequence[float] | None = None,
        weight: float = 1000.0,
        root: bool = True,
        features: int = 32,
        passes: int = 20,
    ) -> None:
        if space not in SIGMAS:
            raise ValueError(f"space is what gmmn compares, {' or '.join(SIGMAS)}, got {space!r}")
        if not weight > 0:
            raise ValueError(f"weight of the loss must be positive, got {weight}")
        if not features >= 1 or not passes >= 0:
            raise ValueError(
                f"a code has at least one feature and the autoencoder learns from at least 0 "
                f"passes over the data, "
                f"got {features} and {passes}"
            )
        self.output, self.features, self.passes = space, features, passes if space == "codes" else 0
        self.kernel = RBF(tuple(SIGMAS[space] if sigmas is None else sigmas), power=1)
        self.weight, self.root = weight, root

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        raise TypeError("gmmn has no D to train, and so no loss for it: only G's steps are played")

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        value, _, db = mmd2(a, b, self.kernel, need_dx=False)
        if not self.root:
            return self.weight * value, self.weight * db
        r, slope = root(value)
        return self.weight * r, self.weight * slope * db

    def critic_steps(self, step: int, n_critic: int) -> int:
        return 0

    def critic(self) -> dict[str, Any]:
        size = {"features": self.features} if self.output == "codes" else {}
        return {"output": self.output} | size

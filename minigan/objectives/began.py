"""Boundary equilibrium GAN."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.objectives.ebgan import EnergyObjective, energy_gradient
from minigan.objectives.objective import Defaults


class BEGAN(EnergyObjective):
    """Match the energies of real and fake samples; a controller holds their ratio at gamma.

    With E the mean energy of the real samples and F that of the fakes, k a constant for both
    losses:

    D           L = E - k F
                de = 1 / m         df = -k / n

    G           L = F
                df = 1 / n

    State       after every update of D, with the E and F of its batches:
                k ← clip(k + rate · (gamma E - F), 0, 1)          from k = 0
                convergence = E + |gamma E - F|
                `clip_k=False` leaves k free, as in the code of Lucic et al. 2018.
                Where the fakes are still too good for D (F < gamma E), k grows: D weighs them more.

    Energy      l1, the mean of |r - x| over the image.
    Defaults    gamma 0.5 (diversity grows with it: 0.3 to 0.7), rate 1e-3, code of 64 numbers
                (`features`), Adam 1e-4, betas (0.5, 0.999), batch 16.
    Healthy     F / E → gamma, k drifts slowly inside (0, 1), convergence falls on average and
                tracks the quality.
    Fails       k stays at 0: D only reconstructs, G wins or learns too fast. k climbs to 1 and the
                samples are blurred and alike: collapse, raise gamma. With gamma below 1 the best
                fakes are easier to reconstruct than data: on digits, 0.7 gives small strokes and
                empty images, 44 and 53 % recognised with seeds 0 and 1, 7 and 6 classes. With
                gamma 1 they are as hard as data, and 14 epochs in place of 8 give 71 and 69 %, 10
                classes. In the plane: an autoencoder redraws whole curves that pass through data,
                its energy depends little on where on them a point should be, and modes are lost
                (see Measured).
    Deviates    D has batch norm. The paper's has none; but with pixels in [-1, 1] an image of zeros
                is nearly its own reconstruction in a D without normalisation, and G never leaves
                that grey. The paper lowers the learning rate when the convergence measure stalls;
                here that is the run's schedule. k moves by F of the fakes of D's update; the paper
                takes those of G's update. Noise is normal; the paper's is uniform in [-1, 1].
    Source      Berthelot, Schumm & Metz 2017, section 3.
    """

    name = "began"
    defaults = Defaults(lr=1e-4, batch_size=16)
    constraint = "balance k"
    buffers = readings = ("k", "convergence")
    energy = "l1"

    def __init__(
        self, *, gamma: float = 0.5, rate: float = 1e-3, features: int = 64, clip_k: bool = True
    ) -> None:
        super().__init__(features)
        if not 0 <= gamma <= 1:
            raise ValueError(
                f"gamma, the wanted ratio of fake to real energy, lies in [0, 1], got {gamma}"
            )
        if not rate > 0:
            raise ValueError(f"rate, the step size of k, must be positive, got {rate}")
        self.gamma, self.rate, self.clip_k = gamma, rate, clip_k
        self.k, self.convergence = np.zeros(()), np.zeros(())
        # real and fake energy of the last D loss
        self._means: tuple[Array | float, Array | float] = (0.0, 0.0)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        real, fake = a[:, :1].mean(), b[:, :1].mean()
        self._means = real, fake
        k = self.k.astype(a.dtype)
        return real - k * fake, energy_gradient(a, 1 / len(a)), energy_gradient(b, -k / len(b))

    def after_d_update(self, D: object) -> None:
        real, fake = self._means
        balance = self.gamma * real - fake
        k = self.k + self.rate * balance
        self.k[...] = np.clip(k, 0, 1) if self.clip_k else k
        self.convergence[...] = real + np.abs(balance)

"""Margin adaptation GAN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.objectives.ebgan import EnergyObjective, energy_gradient, margin_loss
from minigan.objectives.objective import Defaults

# above every energy; infinity is what a diverged run would save
NO_EPOCH = np.finfo(np.float64).max


class MAGAN(EnergyObjective):
    """EBGAN with a margin that starts at the data's own energy and falls when G stops improving.

    D           L = mean e + mean max(0, margin - f)
                e energies of the real samples, f of the fakes
                de = 1 / m         df = -1[f < margin] / n

    G           L = mean f
                df = 1 / n

    Prepare     two passes over the data that minimise mean e, D alone; a third, without training,
                measures margin = mean e. With a `margin` given there is nothing to prepare.

    State       over epoch t:  A_t = mean e,  B_t = mean f    over all batches, as D's loss saw them
                at its end, from the second epoch on:
                if B_t > B_t-1 and A_t < B_t and A_t < margin:  margin ← A_t
                G has stopped lowering the energy of its samples and they are still worse than data:
                ask for less. The margin never rises.

    Energy      sse, Σ (r - x)² over the image.
    Defaults    code of 256 numbers (`features`), AdaMax 5e-4, betas (0.5, 0.999), batch 64.
    Healthy     The margin falls in a few visible steps and freezes; A + |A - B| falls.
    Fails       The margin drops to nearly nothing in the first epochs: D was prepared for too long.
    Deviates    D has batch norm, the authors' has none. Without it nothing compares the samples of
                a batch. On digits 69 % and none were recognised (seeds 0 and 1), 7 classes and 1:
                with seed 1 G generated empty images of energy 0.2, far below the margin of 61, but
                the slope of their energy, 2 (r - x), is nearly 0, and D cannot raise it. Longer
                runs with other codes, rates and margins left classes out: at most 3 % were a 2.
                With batch norm: 72 and 71 %, 10 classes.
    Source      Wang, Cully, Chang & Demiris 2017, algorithm 1; hinge for each sample, as in the
                authors' code.
    """

    name = "magan"
    defaults = Defaults(optimizer="adamax", lr=5e-4)
    constraint = "falling margin"
    readings = ("margin",)
    buffers = ("margin", "sum_real", "sum_fake", "count", "before")
    passes = 3
    energy = "sse"

    def __init__(self, *, margin: float | None = None, features: int = 256) -> None:
        super().__init__(features)
        if margin is not None and not 0 < margin < math.inf:
            raise ValueError(
                f"margin is an energy, a positive number, or None to measure it, got {margin}"
            )
        if margin is not None:
            self.passes = 0
        self.margin = np.full((), margin or 0.0, np.float64)
        self.sum_real, self.sum_fake, self.count = np.zeros(()), np.zeros(()), np.zeros(())
        self.before = np.full((), NO_EPOCH, np.float64)
        # real and fake energy of the last D loss
        self._means: tuple[Array | float, Array | float] = (0.0, 0.0)

    def prepare(
        self, D: Any, optimizer: Any, batches: Callable[[], Iterable[Array]]
    ) -> Iterator[None]:
        if self.passes == 0:
            return
        for _ in range(self.passes - 1):
            for x in batches():
                y, cache = D.forward(x)
                grads: dict[str, Any] = {}
                D.backward(energy_gradient(y, 1 / len(y)), cache, grads, need_dx=False)
                optimizer.step(grads)
                yield
        total, count = np.zeros_like(self.margin), 0
        for x in batches():
            with D.keeping_buffers():
                y, _ = D.forward(x)
            total += y[:, :1].mean()
            count += 1
            yield
        self.margin[...] = total / count

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        self._means = a[:, :1].mean(), b[:, :1].mean()
        return margin_loss(a, b, self.margin.astype(a.dtype))

    def after_d_update(self, D: object) -> None:
        real, fake = self._means
        self.sum_real += real
        self.sum_fake += fake
        self.count += 1

    def after_epoch(self) -> None:
        updates = np.maximum(self.count, 1)
        real, fake = self.sum_real / updates, self.sum_fake / updates
        # 1 or 0: asking `if` would wait for a GPU
        stalled = ((fake > self.before) & (real < fake)).astype(real.dtype)
        self.margin[...] = stalled * np.minimum(real, self.margin) + (1 - stalled) * self.margin
        self.before[...] = fake
        for number in (self.sum_real, self.sum_fake, self.count):
            number[...] = 0

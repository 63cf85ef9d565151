"""A small StyleGAN for gradient checks and tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.data import Dataset
from minigan.models.stylegan import generator, plain_discriminator, residual_discriminator
from minigan.objectives import NonSaturating, Objective, RpGAN
from minigan.optim import Adam
from minigan.systems.stylegan import StyleGAN

GROUP = 3  # of two samples the second derivative nearly cancels


def small_stylegan(
    objective: Objective | None = None,
    *,
    discriminator: str = "plain",
    path_length: float = 2.0,
    average: float = 0.0,
    shape: tuple[int, int, int] = (8, 8, 1),
    **networks: Any,
) -> tuple[StyleGAN, dict[str, Dataset]]:
    """Style mixing and the penalty on path lengths, and random pictures."""
    rng, plain = np.random.default_rng(0), discriminator == "plain"
    sizes: dict[str, Any] = {"z_dim": 3, "w_dim": 4, "depth": 2, "width": 0.2, "mixing": 0.7, "tanh": plain}
    G = generator(rng, sample_shape=shape, **sizes | networks)
    if plain:
        D = plain_discriminator(rng, sample_shape=shape, width=0.2)
    else:
        D = residual_discriminator(rng, sample_shape=shape, width=0.2, group=GROUP)
    system = StyleGAN(
        G,
        D,
        NonSaturating() if objective is None else objective,
        path_length=path_length,
        g_optimizer=Adam(G.named_params(), 1e-3, betas=(0.0, 0.99)),
        d_optimizer=Adam(D.named_params(), 1e-3, betas=(0.0, 0.99)),
        average=average,
        sample_shape=shape,
    )
    images = np.random.default_rng(1).integers(0, 256, (30, *shape), dtype=np.uint8)
    return system, {"real": Dataset("random", images, None, "random pixels")}


def small_papers() -> tuple[StyleGAN, dict[str, Dataset]]:
    """AdaIN, a constant, and a residual D of groups whose penalty is on both sides."""
    objective = RpGAN(every=1)
    return small_stylegan(objective, discriminator="residual", style="adain", first="constant", skip=False)

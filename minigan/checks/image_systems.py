"""Small systems from images to images, for the gradient check and for tests."""

from __future__ import annotations

import numpy as np

from minigan.data import Dataset
from minigan.layers import Conv2d, Layer, MaxPool2d, Network, Tanh
from minigan.losses import Content
from minigan.models.resnet import patchgan, translator
from minigan.models.srresnet import enlarged_or_real, srresnet
from minigan.objectives import LSGAN, NonSaturating
from minigan.systems.cyclegan import CycleGAN, Weights
from minigan.systems.srgan import SRGAN
from minigan.training.stages import Stage, Stages
from minigan.training.system import System

Case = tuple[System, dict[str, Dataset]]


def random_images(n: int, shape: tuple[int, int, int], seed: int = 0) -> Dataset:
    """n images of random pixels, with labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return Dataset("random", pixels, rng.integers(0, 3, n), "random pixels")


def small_srgan(*, content: bool = True) -> Case:
    """x2, 8 x 12 pixels, one block, two stages of equal length, all three losses in the second."""
    shape, rng = (8, 12, 1), np.random.default_rng(0)
    G = srresnet(1, scale=2, width=3, blocks=1, rng=rng)
    phi = Network(Conv2d(1, 2, 3, 1, 1, rng=rng), Tanh(), MaxPool2d(2))
    system = SRGAN(
        G,
        enlarged_or_real(shape, width=2, rng=rng),
        NonSaturating(),
        scale=2,
        shape=shape,
        content=Content(phi, 0.5) if content else None,
        weights={"pixel": 1.0, "adversarial": 0.5, "content": 0.7},
        stages=Stages(
            Stage(0.5, {"G": 1e-3}, (0.9, 0.999)), Stage(0.5, {"D": 2e-4, "G": 2e-4}, (0.5, 0.999)), decay=0.5
        ),
    )
    return system, {"real": random_images(60, shape), "held out": random_images(20, shape, 1)}


def small_cyclegan(*, identity: float = 0.0, colours: int = 3, pool: int = 12, noise: float = 0.0) -> Case:
    """8 x 12 pixels, 1 channel to `colours`, one block."""
    shapes, rng = {"A": (8, 12, 1), "B": (8, 12, colours)}, np.random.default_rng(0)
    networks: dict[str, Layer] = {
        "G_AB": translator(1, colours, width=3, blocks=1, rng=rng),
        "G_BA": translator(colours, 1, width=3, blocks=1, rng=rng),
        "D_A": patchgan(1, width=2, rng=rng),
        "D_B": patchgan(colours, width=2, rng=rng),
    }
    weights = Weights(2.0, 3.0, identity)
    system = CycleGAN(networks, LSGAN(), shapes=shapes, weights=weights, pool=pool, noise=noise, paired=True)
    sides = {side: random_images(60, shape, 10 + i) for i, (side, shape) in enumerate(shapes.items())}
    held = {f"held out {side}": random_images(20, shape, 12 + i) for i, (side, shape) in enumerate(shapes.items())}
    return system, sides | held

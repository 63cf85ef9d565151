"""A small StackGAN for gradient checks and tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.data import Dataset
from minigan.data.vocabulary import Vocabulary
from minigan.models.stackgan import stackgan
from minigan.objectives import NonSaturating, Objective
from minigan.random import Streams
from minigan.systems.stackgan import StackGAN, Weights
from minigan.training.stages import Stage, Stages

TEXTS = ("a red one", "the one in red", "red two on blue", "a blue two", "blue three here", "a red three on a blue one")


def captioned_pictures(n: int = 24, shape: tuple[int, ...] = (8, 8, 3)) -> Dataset:
    """n random pictures, each with one caption or two."""
    rng = np.random.default_rng(0)
    captions = tuple((TEXTS[i % len(TEXTS)], TEXTS[(i + 1) % len(TEXTS)])[: 1 + i % 2] for i in range(n))
    images = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return Dataset("captioned", images, None, "random pixels", captions)


def small_stackgan(
    objective: Objective | None = None, *, width: float = 0.1, large: bool = False, **weights: float
) -> tuple[StackGAN, dict[str, Dataset]]:
    """Stages of 20 %, 40 % and 40 %, and its data. `large`: as for pictures of 56 pixels and more."""
    dataset = captioned_pictures()
    about = dataset.about()["captions"]
    vocabulary = Vocabulary(tuple(about["words"]), about["length"])
    scale = 4 if large else 2
    sizes: dict[str, Any] = {"scale": scale, "z_dim": 3, "width": width, "features": 5, "codes": 4, "skip": large}
    networks = stackgan(
        Streams(0), sample_shape=dataset.shape, words=len(vocabulary), length=vocabulary.length, **sizes
    )
    rates: list[tuple[float, tuple[str, str]]] = [(0.2, ("text", "view")), (0.4, ("D1", "G1")), (0.4, ("D2", "G2"))]
    stages = Stages(*(Stage(share, dict.fromkeys(names, 1e-3), (0.5, 0.999)) for share, names in rates), decay=0.5)
    system = StackGAN(
        networks,
        NonSaturating(real_label=0.9) if objective is None else objective,
        vocabulary=vocabulary,
        examples=about["examples"],
        z_dim=3,
        scale=scale,
        sample_shape=dataset.shape,
        stages=stages,
        weights=Weights(**{"pull": 4.0, **weights}),
        half=large,
    )
    return system, {"real": dataset}

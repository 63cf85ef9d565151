"""A small system that is given ages, for gradient checks and tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minigan import models
from minigan.data import Dataset
from minigan.models import Critic
from minigan.models.conditional import conditional
from minigan.objectives import R1
from minigan.optim import Adam
from minigan.random import Streams
from minigan.systems.ageing import Ageing
from minigan.training.stages import Stage, Stages

SHAPE, CLASSES = (8, 8, 1), 3


def pictures_with_ages(n: int = 40) -> Dataset:
    """n random pictures with labels and ages between 0 and 1."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    dataset = Dataset("random", images, rng.integers(CLASSES, size=n), "random pixels")
    return replace(dataset, attributes={"age": rng.uniform(size=n).astype(np.float32)})


def small_ageing(classes: bool = True, width: float = 0.05) -> tuple[Ageing, dict[str, Dataset]]:
    """Stages of 60 % and 40 %, with R1, and its data."""
    dataset, streams = pictures_with_ages(), Streams(0)
    about = dataset.about()
    names, counts = (about["names"], about["counts"]) if classes else ((), ())
    sizes: dict[str, Any] = {"sample_shape": SHAPE, "z_dim": 4, "width": width, "hidden": 7}
    model = conditional(
        "infogan", streams, vectors=5 + len(names), place="both", critic_norm="layer", critic=Critic(), **sizes
    )
    E = models.get("infogan", streams, critic=Critic(output="features", features=4), **sizes).D
    rng = streams("weights")
    for network in (model.G, model.D, E):  # so large that samples differ
        for name, array in network.named_params():
            scale = array.ndim == 1 and name.endswith("weight")  # of a normalisation
            array[...] = rng.normal(0, 0.3, array.shape) + scale
    stages = Stages(Stage(0.6, {"D": 1e-3, "G": 1e-3}, (0.5, 0.999)), Stage(0.4, {"E": 1e-3}, (0.9, 0.999)), decay=0.5)
    system = Ageing(
        model.G,
        model.D,
        E,
        R1(),
        age="age",
        knots=about["knots"]["age"],
        names=names,
        counts=counts,
        stages=stages,
        e_optimizer=Adam(E.named_params(), 1e-3),
        z_dim=4,
        sample_shape=SHAPE,
    )
    return system, {"real": dataset}

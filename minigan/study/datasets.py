"""The data sets of the study: what is trained on, what configurations are chosen by, what is reported."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from minigan import data
from minigan.data import Dataset, Mixture
from minigan.metrics import Statistics, features, references
from minigan.metrics.features import Extractor
from minigan.study import triangles

MIXTURES = {"ring8": data.ring, "grid25": data.grid}
# Data set and the images at the end of it that are held out.
IMAGES = {"mnist": ("mnist", 5000), "mnist-10k": ("mnist-10k", 2500), "fashion": ("fashion-mnist", 5000)}
NAMES = (*MIXTURES, *IMAGES, "triangles")
POINTS = 100_000


@dataclass(frozen=True, eq=False)
class Images:
    """Images, with what their samples are compared with.

    extractor  the feature network
    holdout    statistics of images that are not trained on: configurations are chosen by them
    test       statistics of the test images: for the numbers that are reported
    """

    train: Dataset
    extractor: Extractor
    holdout: Statistics
    test: Statistics


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a mixture whose density is known."""

    train: Dataset
    mixture: Mixture


@lru_cache(maxsize=4)
def load(name: str) -> Images | Points:
    """The data set of this name, once per process; ValueError for an unknown name, and the errors of `data.load`."""
    if name in MIXTURES:
        mixture = MIXTURES[name]()
        points = mixture.sample(POINTS, np.random.default_rng(0))
        return Points(Dataset(name, points, None, f"{POINTS:,} points drawn from {name}"), mixture)
    if name == "triangles":
        extractor = _extractor("lenet-mnist-v1")
        train = Dataset(name, triangles.images("train"), None, "drawn by minigan/study/triangles.py")
        sides = (references.measure(extractor, f"triangles/{s}", triangles.images(s)) for s in ("holdout", "test"))
        return Images(train, extractor, *sides)
    if name not in IMAGES:
        raise ValueError(f"data must be one of {', '.join(NAMES)}, got {name!r}")
    known, held = IMAGES[name]
    everything = data.load(known)
    train = Dataset(name, everything.images[:-held], None, f"{everything.source}, without the last {held:,}")
    extractor = _extractor(features.for_data(known) or "")
    holdout = references.measure(extractor, f"{known}/holdout", everything.images[-held:])
    return Images(train, extractor, holdout, references.statistics(extractor, references.USUAL[known]))


def _extractor(name: str) -> Extractor:
    extractor = features.get(name)
    extractor.threads = 1  # a worker has one
    return extractor

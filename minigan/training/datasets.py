"""The data set that a config names: the one way in which a run, its scores, its report and its resume read it."""

from __future__ import annotations

from minigan import data
from minigan.data import Dataset
from minigan.random import Streams
from minigan.training.config import Config


def dataset_of(config: Config) -> Dataset:
    """The data set, with pictures in the size and on the background that the config states; errors of `data.load`."""
    prepared = {"size": config.size, "background": config.background}
    return data.load(config.data, **prepared, rng=Streams(config.seed)("data"))  # type: ignore[arg-type]

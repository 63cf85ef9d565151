"""Sources: the density that a session's data follow: a mixture of Gaussians, or a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan import data
from minigan.data import Dataset, Mixture
from minigan.lab import distances
from minigan.lab.drawing import Drawing, shapes


def source_of(what: dict[str, Any]) -> Mixture | Drawing:
    """The density that a preset's data names."""
    if "strokes" in what:
        return Drawing.of(what["strokes"])
    if what["name"] in data.MIXTURES:
        return data.ring() if what["name"] == "ring" else data.grid()
    return Drawing.of(shapes()[what["name"]], what["name"])


def window_of(source: Mixture | Drawing) -> float:
    """Half the side of the window that shows it: [-w, w]²."""
    return 5.0 if source.name == "grid" else 3.0


def config_data(source: Mixture | Drawing) -> str:
    """The value of Config.data for a source of points."""
    return source.name if isinstance(source, Mixture) else "ring"


def dataset_of(source: Mixture | Drawing, rng: np.random.Generator) -> Dataset:
    """Points to train on."""
    if isinstance(source, Mixture):
        return data.load(source.name, rng=rng)
    return source.dataset(rng)


def cells_of(source: Mixture | Drawing, window: float) -> np.ndarray:
    """The exact probability of each cell of `distances.histogram`."""
    return distances.mixture_cells(source, window) if isinstance(source, Mixture) else source.cells()

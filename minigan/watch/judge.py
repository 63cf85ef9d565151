"""What a run sees its own samples with: a feature network, the true Gaussians of a mixture, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from minigan import data
from minigan.data import Mixture
from minigan.metrics import Statistics, features, references
from minigan.metrics.features import Extractor


@dataclass(frozen=True, eq=False)
class Eyes:
    """A feature network, and the statistics of what it sees in the images that samples are compared with."""

    extractor: Extractor
    reference: Statistics


Sight: TypeAlias = Eyes | Mixture | None


def sight_for(name: str) -> Sight:
    """What was made for the data set of this name; None where nothing was, as for a folder of images."""
    if name in data.MIXTURES:
        return data.ring() if name == "ring" else data.grid()
    network, reference = features.for_data(name), references.for_data(name)
    if network is None or reference is None:
        return None
    extractor = features.get(network)
    return Eyes(extractor, references.statistics(extractor, reference))


def kinds(sight: Sight) -> tuple[str, ...]:
    """The names of what samples are counted by: classes, or the centres of Gaussians."""
    if isinstance(sight, Mixture):
        return tuple(f"({x + 0.0:.3g}, {y + 0.0:.3g})" for x, y in np.round(sight.centres, 2))
    return () if sight is None else tuple(sight.extractor.classes)


def counts(samples: np.ndarray, sight: Eyes | Mixture) -> list[int]:
    """How many samples are of each class, or nearer to each Gaussian than half of the way to the next one.

    The reach is wider than the three deviations of `Mixture.coverage`: a Gaussian painted loosely is not lost.
    """
    K = len(kinds(sight))
    if isinstance(sight, Mixture):
        distances = np.linalg.norm(samples[:, np.newaxis] - sight.centres, axis=2)
        apart = np.linalg.norm(sight.centres - sight.centres[:, np.newaxis], axis=2)
        reach = apart[apart > 0].min() / 2
        found = distances.argmin(axis=1)[distances.min(axis=1) < reach]
    else:
        found = sight.extractor(samples).logits.argmax(axis=1)
    return np.bincount(found, minlength=K).tolist()

"""Judge: what a run recognises its own samples by: a feature network, the true Gaussians of a mixture, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from minigan import data
from minigan.data import Mixture
from minigan.metrics import Statistics, features, references
from minigan.metrics.features import Extractor


@dataclass(frozen=True, eq=False)
class FeatureJudge:
    """A feature network, and the statistics of its features of the images that samples are compared with."""

    extractor: Extractor
    reference: Statistics


Judge: TypeAlias = FeatureJudge | Mixture | None


def judge_for(name: str) -> Judge:
    """The judge of the data set of this name; None where there is none, as for a folder of images."""
    if name in data.MIXTURES:
        return data.ring() if name == "ring" else data.grid()
    network, reference = features.for_data(name), references.for_data(name)
    if network is None or reference is None:
        return None
    extractor = features.get(network)
    return FeatureJudge(extractor, references.statistics(extractor, reference))


def kinds(judge: Judge) -> tuple[str, ...]:
    """The names of what samples are counted by: classes, or the centres of Gaussians."""
    if isinstance(judge, Mixture):
        return tuple(f"({x + 0.0:.3g}, {y + 0.0:.3g})" for x, y in np.round(judge.centres, 2))
    return () if judge is None else tuple(judge.extractor.classes)


def counts(samples: np.ndarray, judge: FeatureJudge | Mixture) -> list[int]:
    """How many samples are of each class, or nearer to each Gaussian than half of the way to the next one.

    The reach is wider than the three deviations of `Mixture.coverage`: a Gaussian whose points scatter is not lost.
    """
    K = len(kinds(judge))
    if isinstance(judge, Mixture):
        distances = np.linalg.norm(samples[:, np.newaxis] - judge.centres, axis=2)
        apart = np.linalg.norm(judge.centres - judge.centres[:, np.newaxis], axis=2)
        reach = apart[apart > 0].min() / 2
        nearest = distances.argmin(axis=1)[distances.min(axis=1) < reach]
    else:
        nearest = judge.extractor(samples).logits.argmax(axis=1)
    return np.bincount(nearest, minlength=K).tolist()

"""Facts: what the signs must know of a run besides its log."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minigan.data import Mixture
from minigan.training.system import Rivals
from minigan.watch.judge import Judge, kinds
from minigan.watch.vitals import bounds


@dataclass(frozen=True)
class Facts:
    """Facts about a discriminator and a generator that the health signs need beside the log.

    D, G     their names
    classes  the names of what samples are counted by; () where they are not counted
    kind     what these are called: "classes", "Gaussians"
    logit    is D's output a logit?
    clip     the bounds of D's weights, None where they are not clipped
    reach    how far apart the scores of real and of generated samples can be if D is not steeper than 1: the distance
             of the two real samples that lie farthest apart, of a few; infinite where scores are squares
    """

    classes: tuple[str, ...] = ()
    kind: str = "classes"
    logit: bool = False
    clip: tuple[float, float] | None = None
    reach: float = 1.0
    D: str = "D"
    G: str = "G"

    @classmethod
    def of(cls, rivals: Rivals, judge: Judge, real: np.ndarray) -> Facts:
        """The facts about `rivals`, whose samples `judge` recognises; `real` (N, ...) some of the data."""
        rows = real.reshape(len(real), -1).astype(np.float64)
        squares = (rows * rows).sum(axis=1)
        farthest = (squares[:, np.newaxis] + squares - 2 * rows @ rows.T).max()
        kind = "Gaussians" if isinstance(judge, Mixture) else "classes"
        objective = rivals.objective
        covariance = objective is not None and objective.output == "covariance"
        return cls(
            classes=kinds(judge),
            kind=kind,
            logit=objective is not None and objective.logit,
            clip=None if objective is None else bounds(objective),
            reach=math.inf if covariance else math.sqrt(max(farthest, 0.0)),
            D=rivals.D or "D",
            G=rivals.G,
        )

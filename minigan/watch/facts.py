"""Game: what the signs must know of a run beside its log."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minigan.data import Mixture
from minigan.objectives import Objective
from minigan.watch.judge import Sight, kinds
from minigan.watch.vitals import bounds


@dataclass(frozen=True)
class Game:
    """What of a run the conditions must know beside its log.

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

    @classmethod
    def of(cls, objective: Objective, sight: Sight, real: np.ndarray) -> Game:
        """The game that is played for `objective`, its samples seen by `sight`; `real` (N, ...) some of the data."""
        rows = real.reshape(len(real), -1).astype(np.float64)
        squares = (rows * rows).sum(axis=1)
        farthest = (squares[:, np.newaxis] + squares - 2 * rows @ rows.T).max()
        kind = "Gaussians" if isinstance(sight, Mixture) else "classes"
        reach = math.inf if objective.output == "covariance" else math.sqrt(max(farthest, 0.0))
        return cls(kinds(sight), kind, objective.logit, bounds(objective), reach)

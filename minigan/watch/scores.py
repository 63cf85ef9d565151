"""Scores of a run while it trains, and which of its moments was the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigan import data
from minigan.data import Mixture
from minigan.metrics import Origin, Protocol, Score, Statistics, frechet_distance, softmax
from minigan.metrics.features import MADE_FOR, Seen
from minigan.metrics.modes import Modes, class_modes
from minigan.training.state import State
from minigan.version import __version__
from minigan.watch.judge import Eyes, Sight

SAMPLES = 2000


class Scoring:
    """Scores every so many steps, always of the same noise, so that the scores show the generator's progress and
    nothing else; ValueError where scores are asked for and nothing can see the samples.

    best   {"step", and the scores} of the best moment so far; None before the first
    """

    def __init__(self, state: State, sight: Sight) -> None:
        self.state, self.every = state, state.config.score_every
        self.best: dict[str, Any] | None = None
        if self.every is not None and sight is None:
            raise ValueError(
                f"there is no feature network for {state.config.data}, so its samples cannot be scored; data sets with "
                f"one are {', '.join(MADE_FOR)}, and the points of {' and '.join(data.MIXTURES)} need none. "
                "Leave out --score-every"
            )
        self.sight = sight

    def due(self, step: int) -> bool:
        """Is this one of the steps with scores?"""
        return self.every is not None and step % self.every == 0

    def take(self, step: int) -> dict[str, Any]:
        """The scores of the generator as it is now; for images "fid", "covered" and "entropy" (of the classes, in
        nats), for mixtures "covered" and "good" (the share of points within three deviations of a Gaussian)."""
        z = self.state.noise(SAMPLES, self.state.streams.at("score", 0))
        found = _numbers(self.state.sample(z), self.sight)
        self.remember({"step": step, **found})
        return found

    def remember(self, point: Mapping[str, Any]) -> None:
        """Take note of a log point with scores."""
        scores = {name: point[name] for name in ("step", "fid", "covered", "entropy", "good") if name in point}
        if len(scores) > 1 and (self.best is None or _rank(scores) > _rank(self.best)):
            self.best = scores

    def replay(self, log: Iterable[Mapping[str, Any]]) -> None:
        """Take note of all points of a log."""
        for point in log:
            self.remember(point)


def _numbers(samples: np.ndarray, sight: Sight) -> dict[str, Any]:
    if isinstance(sight, Mixture):
        found = sight.coverage(samples)
        return {"covered": found.captured, "good": found.high_quality}
    assert sight is not None
    fid, modes = judged(sight, sight.extractor(samples))
    return {"fid": fid.value, "covered": int(modes.captured.value), "entropy": modes.entropy.value}


def judged(eyes: Eyes, seen: Seen) -> tuple[Score, Modes]:
    """The FID of 8-bit images that have been `seen`, and the modes among their classes."""
    origin = Origin(eyes.extractor.id, eyes.extractor.variant, quantised=True)
    fid = frechet_distance(
        eyes.reference, Statistics.of(seen.features, origin), protocol=Protocol("fid", version=__version__)
    )
    return fid, class_modes(softmax(seen.logits), protocol=fid.protocol)


def _rank(scores: Mapping[str, Any]) -> tuple[float, ...]:
    """The better, the larger."""
    return (-scores["fid"],) if "fid" in scores else (scores["covered"], scores["good"])

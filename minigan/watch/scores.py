"""Scores of a run while it trains, and which of its steps was the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigan.data import MIXTURES, Mixture
from minigan.metrics import score_images
from minigan.metrics.swd import SIDE, swd
from minigan.training.draw import Draw
from minigan.training.system import System
from minigan.watch.judge import Judge

SAMPLES = 2000
PIXELS, DIRECTIONS = 512, 128  # images and directions where pixels are compared: a few seconds
NAMES = ("fid", "swd", "covered", "entropy", "good", "held_out_error")


class Scoring:
    """Scores every so many steps, always of the same noise, so that the scores show the generator's progress and
    nothing else. Where there is no judge of the samples, the score is the system's error of held-out images, or else
    the sliced Wasserstein distance to the run's own pictures; ValueError where scores are asked for and there is none.

    best   {"step", and the scores} of the best step so far; None before the first
    """

    def __init__(self, system: System, draw: Draw, judge: Judge, every: int | None) -> None:
        self.system, self.draw, self.judge, self.every = system, draw, judge, every
        self.best: dict[str, Any] | None = None
        if every is not None and judge is None and system.held_out_error() is None:
            dataset = next(iter(draw.datasets.values()))
            small = not dataset.is_image or min(dataset.shape[:2]) < SIDE or len(dataset) < 2
            other = type(system).generate is System.generate or system.sample_shape not in (None, dataset.shape)
            if small or other:
                raise ValueError(
                    f"--score-every needs a system that generates images of the shape of the data, at least "
                    f"{SIDE} x {SIDE}, or the points of {' or '.join(MIXTURES)}; leave it out for {dataset.name}"
                )

    def due(self, step: int) -> bool:
        """Is this one of the steps with scores?"""
        return self.every is not None and step % self.every == 0

    def take(self, step: int) -> dict[str, Any]:
        """The scores of the generator as it is now; for images "fid", "covered" and "entropy" (of the classes, in
        nats), for mixtures "covered" and "good" (the share of points within three deviations of a Gaussian); without
        a judge "held_out_error" or "swd"."""
        error = self.system.held_out_error() if self.judge is None else None
        if error is not None:
            scores = {"held_out_error": error}
        elif self.judge is None:
            scores = {"swd": self._swd()}
        else:
            scores = _numbers(self.system.generate(self.draw.at("score", 0), SAMPLES), self.judge)
        self.remember({"step": step, **scores})
        return scores

    def _swd(self) -> float:
        real = next(iter(self.draw.datasets.values())).images
        samples = self.system.generate(self.draw.at("score", 0), PIXELS)
        rng = self.draw.at("swd", 0).generator
        return swd(real, samples, rng=rng, most=PIXELS, directions=DIRECTIONS)[0].value

    def remember(self, point: Mapping[str, Any]) -> None:
        """Take note of a log point with scores."""
        scores = {name: point[name] for name in ("step", *NAMES) if name in point}
        if len(scores) > 1 and (self.best is None or _rank(scores) > _rank(self.best)):
            self.best = scores

    def replay(self, log: Iterable[Mapping[str, Any]]) -> None:
        """Take note of all points of a log."""
        for point in log:
            self.remember(point)


def _numbers(samples: np.ndarray, judge: Judge) -> dict[str, Any]:
    if isinstance(judge, Mixture):
        coverage = judge.coverage(samples)
        return {"covered": coverage.captured, "good": coverage.high_quality}
    assert judge is not None
    fid, modes = score_images(judge.extractor, judge.reference, samples)
    return {"fid": fid.value, "covered": int(modes.captured.value), "entropy": modes.entropy.value}


def _rank(scores: Mapping[str, Any]) -> tuple[float, ...]:
    """The better, the larger."""
    lower = next((scores[name] for name in ("held_out_error", "swd", "fid") if name in scores), None)
    return (scores["covered"], scores["good"]) if lower is None else (-lower,)

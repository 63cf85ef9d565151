"""The scores of a run at a checkpoint. The one that models are ranked by is called "score"; lower is better."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from minigan import data
from minigan.data import Mixture
from minigan.metrics import Origin, Statistics, frechet_distance, kid
from minigan.metrics.images import score_features
from minigan.metrics.neighbours import prdc
from minigan.study import manifold, triangles
from minigan.study.datasets import Images, Points
from minigan.study.methods import Bound, Method
from minigan.study.tasks import Task

SEED = 42  # of the noise of every score of every run, as in the study
PIECE = 250
DIRECTIONS = 32
Scores = dict[str, float]


class NotFiniteSamples(FloatingPointError):
    """The generator's samples hold a NaN or an infinity."""


def samples(method: Method, n: int, seed: int = SEED) -> np.ndarray:
    """n samples, always of the same noise: pixels in [0, 1] or points; NotFiniteSamples."""
    z = method.noise(np.random.default_rng(seed), n)
    made = np.concatenate([method.generate(z[i : i + PIECE]) for i in range(0, n, PIECE)])
    if not np.isfinite(made).all():
        raise NotFiniteSamples("the generator's samples are not finite")
    return made


def of(method: Method, task: Task, known: Images | Points, *, last: bool) -> Scores:
    """All scores that the task asks for; some of them only at the last checkpoint."""
    n = task["size"]["samples"]
    if isinstance(known, Points):
        chosen = of_points(samples(method, n), known.mixture)
        return {**chosen, "test": of_points(samples(method, n, SEED + 1), known.mixture)["score"]}
    return _of_images(method, task, known, last)


def of_points(points: np.ndarray, mixture: Mixture) -> Scores:
    """How well points (n, 2) match a mixture.

    score         the sliced Wasserstein distance W1: the mean over directions of the distance, along each of them, by
                  which the points must be moved to lie as the mixture's do; 0 is perfect
    modes, high_quality, kl     Mixture.coverage; kl is left out where no point is of high quality
    frechet       between the points' Gaussian and the mixture's: 0 for any points of the same mean and covariance
    """
    coverage, K = mixture.coverage(points), len(mixture.centres)
    real = _projected_mixture(mixture.name, len(points))
    moved = np.abs(_projected(points) - real).mean()
    scores: Scores = {"score": float(moved), "modes": coverage.captured, "high_quality": coverage.high_quality}
    if np.isfinite(coverage.kl):
        scores["kl"] = coverage.kl
    centred = mixture.centres - mixture.centres.mean(axis=0)
    covariance = centred.T @ centred / K + mixture.sigma**2 * np.eye(2)
    truth = Statistics.of_moments(mixture.centres.mean(axis=0), covariance, 10**6, Origin("plane", "plane"))
    scores["frechet"] = frechet_distance(truth, Statistics.of(points, Origin("plane", "plane"))).value
    return scores


def _projected(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) along `DIRECTIONS` directions, in order along each: (n, DIRECTIONS)."""
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return np.sort(points.astype(np.float64) @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)


@lru_cache(maxsize=4)
def _projected_mixture(name: str, n: int) -> np.ndarray:
    mixture = data.ring() if name == "ring" else data.grid()
    return _projected(mixture.sample(n, np.random.default_rng(SEED)))


def _of_images(method: Method, task: Task, known: Images, last: bool) -> Scores:
    made = samples(method, task["size"]["samples"])
    pixels, wanted = np.rint(255 * made).astype(np.uint8), task["size"]["scores"]
    features = known.extractor(pixels).features
    scores: Scores = {
        "score": score_features(known.extractor, known.holdout, features).value,
        "test": score_features(known.extractor, known.test, features).value,
    }
    if last and ("kid" in wanted or "pr" in wanted):
        scores |= _of_features(known, features, wanted)
    if last and "triangles" in wanted:
        scores |= of_triangles(method, made, **wanted["triangles"])
    return {name: float(value) for name, value in scores.items()}


def _of_features(known: Images, generated: np.ndarray, wanted: dict[str, Any]) -> Scores:
    """KID, and k-NN precision and recall, against images that were trained on."""
    n = min(len(generated), len(known.train))
    real = known.extractor(known.train.images[:n]).features
    scores: Scores = {}
    if "kid" in wanted:
        rng = np.random.default_rng(SEED)
        scores["kid"] = kid(real, generated[:n], rng=rng, subset_size=min(1000, n), subsets=50).value
    if "pr" in wanted:
        overlap = prdc(real, generated[:n])
        scores |= {"knn_precision": overlap.precision.value, "knn_recall": overlap.recall.value}
    return scores


def of_triangles(method: Method, made: np.ndarray, *, n: int, starts: int, steps: int) -> Scores:
    """Precision, recall and F1 of triangles at δ = 0.75, and precision and recall at the other δ."""
    real = triangles.images("test")[:n].astype(np.float32) / 255
    near, rng = manifold.distances(made[:n]), np.random.default_rng(SEED)
    box = None if isinstance(method, Bound) else 1.0
    reached = manifold.inverted(method.decoder, real, rng, starts=starts, steps=steps, z_dim=64, box=box)
    scores: Scores = {}
    for delta in manifold.DELTAS:
        scores[f"precision_{delta:g}"] = float((near <= delta).mean())
        scores[f"recall_{delta:g}"] = float((reached <= delta).mean())
    precision, recall = (scores.pop(f"{name}_{manifold.DELTA:g}") for name in ("precision", "recall"))
    return {**scores, "precision": precision, "recall": recall, "f1": manifold.f1(precision, recall)}

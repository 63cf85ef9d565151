"""The Inception score: do samples look like one class each, and like all classes together?

    IS = exp( mean_x sum_y p(y|x) (log p(y|x) - log q(y)) )        q(y) = mean_x p(y|x), 0 log 0 = 0

the exponential of the mutual information between sample and class, from 1 (all samples get the same answer) to the
number of classes (each is certain, and all are equally frequent). It never looks at real data: samples that repeat one
image per class get the highest score. Of few samples per class it comes out too small.

Source: Salimans et al. 2016, Improved techniques for training GANs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from minigan.device import Array, to_host
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import checked

TOLERANCE = 1e-4  # of a row's sum from 1: a float32 softmax over 1000 classes is off by about 1e-6


def softmax(logits: Array) -> Array:
    """Class probabilities (N, C) of logits (N, C), float64; rows sum to 1."""
    logits = checked(logits, "logits").astype(np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def inception_score(
    probabilities: Array, *, rng: np.random.Generator | None, splits: int = 10, protocol: Protocol | None = None
) -> Score:
    """The mean Inception score of `splits` equal parts of the samples, given p(y|x) as probabilities (N, C).

    rng shuffles the samples first; rng = None takes them as they come, as the authors' code does: then they must not
    be sorted in any way. With the FID network take the softmax of logits without bias. Details: the standard
    deviation of the parts (with 1/splits), the numbers of classes and of samples per part, and notes.

    ValueError: not probabilities (`softmax` makes them from logits), or fewer samples than splits; NonFiniteSamples.
    """
    p = _normalised(probabilities)
    n, classes = p.shape
    if not 1 <= splits <= n:
        raise ValueError(f"expected from 1 split to as many as there are samples, {n}; got {splits}")
    order = np.arange(n) if rng is None else rng.permutation(n)
    bounds = [i * n // splits for i in range(splits + 1)]
    values = np.array([_score(p[order[a:b]]) for a, b in pairwise(bounds)])
    notes = [f"{n // splits} samples per part for {classes} classes: the score is too small"]
    protocol = protocol or Protocol("inception_score")
    completed = replace(
        protocol,
        metric="inception_score",
        parameters={**protocol.parameters, "splits": splits, "shuffled": rng is not None},
        reference="",
        n_reference=None,
        n_generated=n,
    )
    details = {"deviation": float(values.std()), "classes": classes, "samples_per_part": n // splits}
    return Score(float(values.mean()), completed, {**details, "notes": notes if n // splits <= classes else []})


def _normalised(probabilities: Array) -> np.ndarray:
    """The probabilities in float64, with the rounding of their sums removed."""
    p = to_host(checked(probabilities, "probabilities")).astype(np.float64)
    sums = p.sum(axis=1, keepdims=True)
    if p.min() < 0 or np.abs(sums - 1).max() > TOLERANCE:
        raise ValueError(
            f"expected probabilities, numbers from 0 whose rows sum to 1; got a minimum of {p.min():.4g} and sums "
            f"from {sums.min():.4g} to {sums.max():.4g}. Logits become probabilities by `softmax`"
        )
    return p / sums


def _score(p: np.ndarray) -> float:
    """exp of the mean divergence of the rows of p from their mean."""
    q = p.mean(axis=0)
    logs = np.log(np.where(p > 0, p, 1)) - np.log(np.where(q > 0, q, 1))
    return math.exp((p * logs).sum(axis=1).mean())

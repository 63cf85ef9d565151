"""Scores of samples that were asked for: is it the class, and the age, that was asked for?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from minigan.metrics.frechet import frechet_distance
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import Origin, Statistics

NONE = "none: every class is in the training data"  # samples of a class that was never seen cannot be asked for
FEW = 50  # samples of a class, the least for a distance of its own


def few(features: np.ndarray) -> int:
    """Samples of a class below which it has no distance of its own: a covariance of so few would be singular."""
    return max(FEW, features.shape[1] + 1)


def asked_class(asked: np.ndarray, logits: np.ndarray, names: Sequence[str], protocol: Protocol) -> list[Score]:
    """The share of samples in which a classifier sees the class that was asked for, and the least share of a class.

    asked (N,) labels, logits (N, K) of a classifier that took no part in training; the protocol names it. Details:
    the share of every class.
    """
    right = logits.argmax(axis=1) == asked
    shares = {names[k]: float(right[asked == k].mean()) for k in np.unique(asked)}
    protocol = _without_reference(protocol, len(asked))
    least = min(shares, key=lambda name: shares[name])
    return [
        Score(float(right.mean()), replace(protocol, metric="asked_class"), {"classes": shares, "held_out": NONE}),
        Score(shares[least], replace(protocol, metric="asked_class_least"), {"class": least}),
    ]


def fid_within_classes(
    asked: np.ndarray,
    features: np.ndarray,
    real_labels: np.ndarray,
    real_features: np.ndarray,
    protocol: Protocol,
) -> list[Score]:
    """The mean over all classes of the FID of samples that were asked for as the class against real ones of it.

    It sees what the FID of all samples does not: classes that are mixed up, and little variety within a class.
    """
    origin, distances = Origin(protocol.extractor, protocol.variant), []
    for k in np.unique(asked):
        generated, real = features[asked == k], real_features[real_labels == k]
        if min(len(generated), len(real)) < few(features):
            continue
        pair = (Statistics.of(rows, origin) for rows in (real, generated))
        distances.append(float(frechet_distance(*pair).value))
    if not distances:
        return []
    measured = replace(protocol, metric="fid_within_classes", n_generated=len(asked))
    return [Score(float(np.mean(distances)), measured, {"classes": len(distances)})]


def asked_age(asked: np.ndarray, measured: np.ndarray, rows: np.ndarray, protocol: Protocol) -> list[Score]:
    """How near a measured attribute is to what was asked for, and how often it rises.

    asked     (N,) ages of samples, measured (N,) what they have; NaN where nothing is drawn: it counts as no rise
    rows      (M, T) measured ages of one noise at T rising ages

    Scores: the mean error, NaN where nothing is drawn at all; the correlation, 0 where one of the two is constant; and
    the share of rows that rise at every step.
    """
    seen = np.isfinite(measured)
    a, b = asked[seen], measured[seen]
    error = float(np.abs(a - b).mean()) if len(a) else float("nan")
    correlation = float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 < np.ptp(b) else 0.0
    rises = float((np.diff(rows, axis=1) > 0).all(axis=1).mean())
    protocol = replace(_without_reference(protocol, len(asked)), extractor="none", variant="measured")
    drawn = {"undrawn": int((~seen).sum())}
    return [
        Score(error, replace(protocol, metric="age_error"), drawn),
        Score(correlation, replace(protocol, metric="age_correlation"), drawn),
        Score(rises, replace(protocol, metric="age_rises", n_generated=rows.size), {"ages": rows.shape[1]}),
    ]


def _without_reference(protocol: Protocol, n: int) -> Protocol:
    return replace(protocol, reference="", n_reference=None, n_generated=n, seed=None)

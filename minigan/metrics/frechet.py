"""The Fréchet distance between features of real and of generated images; with Inception features, the FID.

    FID = |m1 - m2|^2 + Tr S1 + Tr S2 - 2 Tr (S1 S2)^(1/2)

This is the squared 2-Wasserstein distance between the Gaussians with the means m and covariances S of the two sets of
features: 0 where the two sets agree in both. It is already a square; its root is never taken.

From finite samples it comes out too large, by an amount that depends on n and on the model: only scores of equal n may
be compared, and the mean of the scores of parts is not the score of the whole. To first order, two samples of the same
Gaussian, whose covariance has the eigenvalues l, are at the distance

    E[FID] = (1/n1 + 1/n2) (sum_i l_i + 1/2 sum_ij l_i l_j (1 + [i = j]) / (l_i + l_j))        0/0 = 0

which is what a perfect generator would score; every score states it. It follows from the distance's second-order
expansion and the variance of the entries of a Wishart matrix.

Source: Heusel et al. 2017, GANs trained by a two time-scale update rule; Dowson & Landau 1982; FID-infinity: Chong &
Forsyth 2020, Effectively unbiased FID and Inception score.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from minigan.device import CPU, Array, Device
from minigan.metrics.score import UNKNOWN, NonFiniteSamples, Protocol, ProtocolMismatch, Score
from minigan.metrics.sqrtm import Root, sqrtm_product
from minigan.metrics.statistics import Origin, Statistics, checked

ROUNDING = 1e-6  # of Tr S1 + Tr S2: a distance of minus this much is a rounded 0, below it is a mistake
DOUBTFUL = ("disagree", "max_iter")  # states of a root that `Root` marks as not to be trusted


def frechet_distance(
    reference: Statistics, generated: Statistics, *, protocol: Protocol | None = None, on: Device = CPU
) -> Score:
    """The FID of generated samples against a reference, both as statistics of their features.

    protocol: what is known besides; the origins of the two statistics complete it. The order of the two matters to
    the protocol alone. on: where the root is taken, on a GPU by products alone. Details: the two parts of the
    distance, the trace of the root and how it was found, `perfect` (what a perfect generator would score, None where
    an n is unknown), and notes, which are also issued as RuntimeWarning: on n <= d, which makes a covariance singular,
    and on a root that is not to be trusted.

    ValueError: different numbers of features, or fewer than 2 samples; ProtocolMismatch: the two (or the protocol)
    name different extractors or variants; NonFiniteSamples: the distance is beyond the range of float64;
    ArithmeticError: it is negative by more than rounding.
    """
    completed = _completed(protocol or Protocol("fid"), reference.origin, generated.origin)
    value, details = _distance(reference, generated, on)
    for note in details["notes"]:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    perfect = perfect_score(reference.covariance, reference.n, generated.n)
    completed = replace(completed, metric="fid", n_reference=reference.n, n_generated=generated.n)
    return Score(value, completed, {**details, "perfect": perfect})


def perfect_score(covariance: np.ndarray, n_reference: int | None, n_generated: int | None) -> float | None:
    """The mean FID of two samples of these sizes from one Gaussian, to first order in 1/n (see the page).

    None where a size is unknown. A rough guide only where a size is not well above d.
    """
    if n_reference is None or n_generated is None:
        return None
    l = np.maximum(np.linalg.eigvalsh(covariance), 0)
    sums = l[:, np.newaxis] + l
    pairs = np.divide(np.outer(l, l), sums, out=np.zeros_like(sums), where=sums > 0)
    bracket = l.sum() + (pairs.sum() + pairs.trace()) / 2
    return float((1 / n_reference + 1 / n_generated) * bracket)


def fid_infinity(
    reference: Statistics,
    features: Array,
    *,
    rng: np.random.Generator,
    origin: Origin | None = None,
    smallest: int | None = None,
    points: int = 15,
    protocol: Protocol | None = None,
    on: Device = CPU,
) -> Score:
    """FID as the number of generated samples goes to infinity: FID = a + b/n fitted to random parts of them; a.

    features: of generated samples, (N, d), of the given origin. The parts have `points` sizes from `smallest` to N;
    None means N/10, at least 4 d (the paper takes at least 5000 for Inception). The reference stays finite, and
    with it that share of the bias. May be slightly negative. Details: the sizes and their distances, and the slope b.
    """
    n, d = checked(features, "features").shape
    smallest = max(n // 10, 4 * d) if smallest is None else smallest
    if not (2 <= smallest < n and points >= 2):
        raise ValueError(
            f"FID-infinity fits a line through parts of different sizes: expected 2 <= smallest < N and at least "
            f"2 points, got smallest = {smallest}, N = {n} and {points} points"
        )
    origin = origin or Origin()
    completed = _completed(protocol or Protocol("fid_infinity"), reference.origin, origin)
    sizes = np.linspace(smallest, n, points).round().astype(int)
    parts = (Statistics.of(features[rng.permutation(n)[:size]], origin) for size in sizes)
    distances = [_distance(reference, part, on)[0] for part in parts]
    slope, value = np.polyfit(1 / sizes, distances, 1)
    completed = replace(
        completed,
        metric="fid_infinity",
        parameters={**completed.parameters, "smallest": smallest, "points": points},
        n_reference=reference.n,
        n_generated=n,
    )
    return Score(float(value), completed, {"sizes": sizes.tolist(), "distances": distances, "slope": float(slope)})


def _distance(a: Statistics, b: Statistics, on: Device) -> tuple[float, dict[str, Any]]:
    """The distance of two sets of features; its parts, how the root was found, and notes."""
    if a.d != b.d:
        raise ValueError(f"statistics of different features: the reference has {a.d} of them, the generated {b.d}")
    s1, s2 = a.covariance, b.covariance
    traces = float(s1.trace() + s2.trace())
    root = sqrtm_product(on.asarray(s1), on.asarray(s2))
    mean_part = float(((a.mean - b.mean) ** 2).sum())
    covariance_part = traces - 2 * root.trace
    raw = mean_part + covariance_part
    if not math.isfinite(raw):
        raise NonFiniteSamples(f"the Fréchet distance is {raw}: the features are too large for float64")
    if raw < -ROUNDING * traces:
        raise ArithmeticError(f"a Fréchet distance of {raw:.6g} is more than rounding: root by {root.status!r}")
    about_root = {name: getattr(root, name) for name in ("rank1", "rank2", "iterations", "status", "spectral")}
    parts = {"mean_part": mean_part, "covariance_part": covariance_part, "rounded_up_to_0": raw < 0}
    return max(raw, 0.0), {**parts, "root_trace": root.trace, **about_root, "notes": _notes(a, b, root)}


def _notes(reference: Statistics, generated: Statistics, root: Root) -> list[str]:
    """Reasons to doubt the distance."""
    notes = [
        f"{s.n} {name} samples of {s.d} features: the covariance is singular and the distance far too large; "
        f"take many more than {s.d} samples"
        for name, s in (("reference", reference), ("generated", generated))
        if s.n is not None and s.n <= s.d
    ]
    if root.status in DOUBTFUL:
        notes.append(f"the root ended as {root.status!r}: trace {root.trace}, by the spectral route {root.spectral}")
    return notes


def _completed(protocol: Protocol, reference: Origin, generated: Origin) -> Protocol:
    """The protocol with what the two origins state."""
    return replace(
        protocol,
        extractor=_agreed("extractor", protocol.extractor, reference.extractor, generated.extractor),
        variant=_agreed("variant", protocol.variant, reference.variant, generated.variant),
        reference=_agreed("reference", protocol.reference, reference.reference),
        quantised=_agreed("quantised", protocol.quantised, generated.quantised),
    )


def _agreed(field: str, given: Any, *stated: Any) -> Any:
    """The given value, else that of all origins; unknown as soon as one does not state it."""
    unknown = (UNKNOWN, None)
    known = {value for value in (given, *stated) if value not in unknown}
    if len(known) > 1:
        raise ProtocolMismatch(f"the {field} is not one and the same: {' and '.join(sorted(map(repr, known)))}")
    return given if given not in unknown else next((value for value in stated if value in unknown), stated[0])

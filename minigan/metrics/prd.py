"""PRD: precision and recall of a generator as a curve, from histograms over common clusters of features."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from minigan.device import Array, to_host
from minigan.metrics.neighbours import as_float64, nearest
from minigan.metrics.score import NonFiniteSamples, Protocol, Score

SCOUTS = 2000  # samples on which the runs of k-means compete
EDGE = 1e-10  # how far the angles stay from 0 and π/2, where λ is 0 and infinite


@dataclass(frozen=True, eq=False)
class PRD:
    """The curve of precision against recall, both float64 (angles,), and its two ends in one number each.

    recall_heavy     F₈, large where the generator reaches all of the reference
    precision_heavy  F⅛, large where all that is generated is like the reference
    """

    precision: np.ndarray = field(repr=False)
    recall: np.ndarray = field(repr=False)
    recall_heavy: Score
    precision_heavy: Score


def prd(
    reference: Array,
    generated: Array,
    *,
    rng: np.random.Generator,
    clusters: int = 20,
    clusterings: int = 10,
    restarts: int = 10,
    angles: int = 1001,
    protocol: Protocol | None = None,
) -> PRD:
    """PRD of equal numbers of reference and generated features (n, d): the mean over clusterings of both together.

    Raises TypeError, ValueError or NonFiniteSamples for features that do not fit, ValueError for unequal numbers or
    fewer than `clusters` features in all.
    Source: Sajjadi et al. 2018, whose own code takes mini-batch k-means; ours is Lloyd's, on all features.
    """
    x, y = as_float64(reference, "reference features"), as_float64(generated, "generated features")
    if x.shape != y.shape:
        raise ValueError(
            f"PRD needs equal numbers of reference and generated features: got shapes {x.shape} and {y.shape}"
        )
    protocol = protocol or Protocol("prd")
    together, curves = np.concatenate([x, y]), []
    for _ in range(clusterings):
        index, _ = nearest(together, kmeans(together, clusters, rng, restarts=restarts))
        p, q = (np.bincount(half, minlength=clusters) / len(x) for half in np.split(index, 2))
        curves.append(curve(p, q, angles))
    precision, recall = np.mean(curves, axis=0)
    numbers = {"clusters": clusters, "clusterings": clusterings, "restarts": restarts, "angles": angles}

    def score(metric: str, beta: float) -> Score:
        measured = replace(
            protocol,
            metric=metric,
            parameters={**protocol.parameters, **numbers},
            n_reference=len(x),
            n_generated=len(y),
        )
        return Score(best_f(precision, recall, beta), measured)

    return PRD(precision, recall, recall_heavy=score("prd_f8", 8), precision_heavy=score("prd_f1/8", 1 / 8))


def curve(reference: Array, generated: Array, angles: int = 1001) -> tuple[np.ndarray, np.ndarray]:
    """Precision α and recall β of histogram Q (generated) against P (reference), each (bins,): float64 (angles,) each.

        λ = tan(angle),   α = Σᵢ min(λ Pᵢ, Qᵢ),   β = α / λ = Σᵢ min(Pᵢ, Qᵢ / λ)

    α and β are the largest masses of Q and of P that one common component explains.
    Raises ValueError for histograms of different lengths or that are not shares with sum 1.
    """
    p, q = _as_histogram(reference, "reference histogram"), _as_histogram(generated, "generated histogram")
    if p.shape != q.shape:
        raise ValueError(f"histograms have different numbers of bins: {len(p)} and {len(q)}")
    slopes = np.tan(np.linspace(EDGE, np.pi / 2 - EDGE, angles))
    precision = np.minimum(slopes[:, np.newaxis] * p, q).sum(axis=1)
    return precision.clip(0, 1), (precision / slopes).clip(0, 1)


def best_f(precision: np.ndarray, recall: np.ndarray, beta: float) -> float:
    """max F_β over a curve, F_β = (1 + β²) α r / (β² α + r): recall counts β times as much as precision."""
    f = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-10)
    return float(f.max())


def kmeans(
    x: np.ndarray, clusters: int, rng: np.random.Generator, *, restarts: int = 10, iterations: int = 100
) -> np.ndarray:
    """Centres (clusters, d) of float64 x (n, d): the best of several runs by the sum of squared distances to them.

    A run starts from k-means++ and takes Lloyd's steps until the centres' squared shift is at most 1e-4 of the mean
    variance of a coordinate. A centre that loses its last point stays where it is. Of many samples the runs see 2,000
    at random, and the best of them continues with all.
    Raises ValueError unless 1 ≤ clusters ≤ n. Source: Lloyd 1982; Arthur & Vassilvitskii 2007.
    """
    if not 1 <= clusters <= len(x):
        raise ValueError(f"expected from 1 to {len(x)} clusters of {len(x)} samples, got {clusters}")
    some = x if len(x) <= SCOUTS else x[np.sort(rng.permutation(len(x))[: max(SCOUTS, clusters)])]
    runs = [_lloyd(some, _plus_plus(some, clusters, rng), iterations) for _ in range(restarts)]
    best = min(runs, key=lambda centres: nearest(some, centres)[1].sum())
    return best if some is x else _lloyd(x, best, iterations)


def _plus_plus(x: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Samples as first centres, each drawn in proportion to its squared distance from the centres before it."""
    norms = (x**2).sum(axis=1)
    chosen, squares = [int(rng.integers(len(x)))], np.full(len(x), np.inf)
    while len(chosen) < clusters:
        last = chosen[-1]
        squares = np.minimum(squares, (norms + norms[last] - 2 * (x @ x[last])).clip(0))
        total = squares.sum()
        shares = squares / total if total > 0 else None  # 0: every sample is a centre already
        chosen.append(int(rng.choice(len(x), p=shares)))
    return x[chosen]


def _lloyd(x: np.ndarray, centres: np.ndarray, iterations: int) -> np.ndarray:
    from scipy.sparse import csr_array

    enough = 1e-4 * x.var(axis=0).mean()
    for _ in range(iterations):
        index = ((centres**2).sum(axis=1) - 2 * (x @ centres.T)).argmin(axis=1)  # |x|² is the same for all centres
        member = csr_array((np.ones(len(x)), index, np.arange(len(x) + 1)), shape=(len(x), len(centres)))
        counts = np.bincount(index, minlength=len(centres))[:, np.newaxis]
        moved = np.where(counts > 0, member.T @ x / np.maximum(counts, 1), centres)
        shift, centres = ((moved - centres) ** 2).sum(), moved
        if shift <= enough:
            break
    return centres


def _as_histogram(x: Array, what: str) -> np.ndarray:
    x = to_host(x).astype(np.float64)
    if not np.isfinite(x).all():
        raise NonFiniteSamples(f"{what}: {x} is not finite")
    if x.ndim != 1 or (x < 0).any() or abs(x.sum() - 1) > 1e-6:
        raise ValueError(f"{what}: expected shares (bins,) ≥ 0 with sum 1, got shape {x.shape} with sum {x.sum()}")
    return x

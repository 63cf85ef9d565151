"""Nearest neighbours in feature space: precision, recall, density and coverage, and the distances they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigan.device import Array, to_host
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import checked

CELLS = 2**22  # distances held at a time: 32 MiB of float64
ROUNDING = 1e-13  # |a|² + |b|² - 2 a·b below this share of |a|² + |b|² is rounding, not distance
TIE = 1 + 1e-9  # a squared distance equal to a squared radius but for rounding lies within it


@dataclass(frozen=True)
class PRDC:
    """How two clouds of features overlap, each value a Score.

    precision  share of generated samples inside the reference cloud: fidelity
    recall     share of reference samples inside the generated cloud: diversity
    f_score    2 PR / (P + R), 0 where both are 0
    density    in how many reference neighbourhoods a generated sample lies, in units of k: 1 for equal distributions,
               and it may be larger
    coverage   share of reference neighbourhoods that hold a generated sample
    """

    precision: Score
    recall: Score
    f_score: Score
    density: Score
    coverage: Score


def prdc(
    reference: Array, generated: Array, *, k: int = 3, density_k: int = 5, protocol: Protocol | None = None
) -> PRDC:
    """k-NN precision and recall (with k) and density and coverage (with density_k) of features (N, d) and (M, d).

        precision = meanⱼ [∃i: |Yⱼ - Xᵢ| ≤ r(Xᵢ)]           recall   = meanᵢ [∃j: |Xᵢ - Yⱼ| ≤ r(Yⱼ)]
        density   = 1/kM Σⱼ #{i: |Yⱼ - Xᵢ| ≤ r(Xᵢ)}         coverage = meanᵢ [minⱼ |Xᵢ - Yⱼ| ≤ r(Xᵢ)]

    r(z) is the distance from z to its k-th nearest neighbour in its own set, z itself not counted. Precision and
    recall are usually measured at N = M = 50,000, density and coverage at N = M = 10,000; all of them depend on N and
    M, so only equal sizes compare. `expected_coverage` is the coverage of a perfect generator; precision and recall
    have no such value, they depend on the dimension.

    Raises TypeError, ValueError or NonFiniteSamples for features that do not fit, ValueError for a k that is not from
    1 to N - 1 (and M - 1).
    Source: Kynkäänniemi et al. 2019; Naeem et al. 2020 (density and coverage).
    """
    x = as_float64(reference, "reference features")
    y = as_float64(generated, "generated features", x.shape[1])
    _require_neighbours(k, min(len(x), len(y)))
    _require_neighbours(density_k, len(x))
    x, y = x - x[0], y - x[0]  # distances do not change; a common offset would drown them in rounding
    N, M = len(x), len(y)
    near_x, wide_x = squared_radii(x, (k, density_k)) * TIE
    (near_y,) = squared_radii(y, (k,)) * TIE
    precise, recalled = np.zeros(M, bool), np.zeros(N, bool)
    inside, closest = 0, np.full(N, np.inf)
    protocol = protocol or Protocol("prdc")
    for rows in blocks(M, N):
        squares = squared_distances(y[rows], x)
        precise[rows] = (squares <= near_x).any(axis=1)
        recalled |= (squares <= near_y[rows, np.newaxis]).any(axis=0)
        inside += int(np.count_nonzero(squares <= wide_x))
        closest = np.minimum(closest, squares.min(axis=0))

    def score(metric: str, value: float, k: int) -> Score:
        measured = replace(
            protocol,
            metric=metric,
            parameters={**protocol.parameters, "k": k},
            n_reference=N,
            n_generated=M,
            seed=None,
        )
        return Score(float(value), measured)

    p, r = precise.mean(), recalled.mean()
    return PRDC(
        precision=score("precision", p, k),
        recall=score("recall", r, k),
        f_score=score("f_score", 2 * p * r / (p + r) if p + r else 0.0, k),
        density=score("density", inside / (density_k * M), density_k),
        coverage=score("coverage", (closest <= wide_x).mean(), density_k),
    )


def expected_coverage(n_reference: int, n_generated: int, k: int = 5) -> float:
    """The mean coverage of a perfect generator, 1 - ∏ᵢ₌₁..ₖ (N - i) / (N + M - i): whatever the distribution.

    Of X's other N - 1 samples and the M generated ones, in random order of distance, the k nearest are all reference
    samples with that probability; about 1 - 2⁻ᵏ for N = M.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n_reference - i) / (n_reference + n_generated - i)))


def squared_radii(x: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """Squared distance from each row of x (N, d) to its k-th nearest other row: (len(ks), N)."""
    radii = np.empty((len(ks), len(x)))
    for rows in blocks(len(x), len(x)):
        squares = squared_distances(x[rows], x)
        squares[np.arange(len(squares)), np.arange(len(x))[rows]] = 0  # the row itself: place 0, so the k-th is place k
        radii[:, rows] = np.partition(squares, sorted(set(ks)), axis=1)[:, list(ks)].T
    return radii


def nearest(x: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of x (n, d) the index of its nearest centre (K, d), and the squared distance: (n,), (n,)."""
    x, centres = x - centres[0], centres - centres[0]  # a common offset would drown the distances in rounding
    index, squares = np.empty(len(x), np.int64), np.empty(len(x))
    for rows in blocks(len(x), len(centres)):
        block = squared_distances(x[rows], centres)
        index[rows] = block.argmin(axis=1)
        squares[rows] = np.take_along_axis(block, index[rows, np.newaxis], axis=1)[:, 0]
    return index, squares


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|xᵢ - yⱼ|² of float64 rows (n, d) and (m, d) by one matrix product: (n, m), 0 where only rounding is left.

    Squares rather than distances: a root would change no comparison.
    """
    norms = (x**2).sum(axis=1)[:, np.newaxis] + (y**2).sum(axis=1)
    squares = norms - 2 * (x @ y.T)
    squares[squares < ROUNDING * norms] = 0
    return squares


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of consecutive rows, so that a block of (rows, columns) holds at most `CELLS` numbers, or is one row."""
    size = max(1, CELLS // columns)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def as_float64(x: Array, what: str, d: int | None = None) -> np.ndarray:
    """Samples (n, d) of any real type as float64 on the host; raises what `statistics.checked` raises."""
    return to_host(checked(x, what, d)).astype(np.float64)


def _require_neighbours(k: int, n: int) -> None:
    if not 1 <= k < n:
        raise ValueError(f"k = {k}: a sample has from 1 to n - 1 neighbours, and the smallest set has n = {n} samples")

"""The kernel Inception distance: how far apart two sets of features X (m) and Y (n) are, without assuming Gaussians.

    KID = 1/(m(m-1)) sum_{i != j} k(xi, xj) + 1/(n(n-1)) sum_{i != j} k(yi, yj) - 2/(m n) sum_ij k(xi, yj)
    k(x, y) = (x.y/d + 1)^3

The squared maximum mean discrepancy, estimated without bias: unlike FID its expectation does not depend on how many
samples there are, and on equal distributions it is 0 on average, hence as often negative as positive.

Source: Bińkowski et al. 2018, Demystifying MMD GANs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import checked


def kid(
    reference: Array,
    generated: Array,
    *,
    rng: np.random.Generator,
    subsets: int = 100,
    subset_size: int = 1000,
    blocks: bool = False,
    block_size: int = 1024,
    protocol: Protocol | None = None,
) -> Score:
    """The KID of features (N, d) of generated samples against reference features (M, d), of any real type.

    The mean over `subsets` random subsets of `subset_size` samples of each side, drawn without replacement, the
    published form; `deviation` in the details is their standard deviation, which is not an error of the mean, because
    subsets overlap. With blocks = True the mean over disjoint blocks of at most `block_size` samples in random order;
    `standard_error` in the details is that of the mean (None for a single block).

    TypeError, ValueError, NonFiniteSamples: arrays or sizes that do not fit; too few samples are refused.
    """
    d = checked(reference, "reference features").shape[1]
    checked(generated, "generated features", d)
    m, n = len(reference), len(generated)
    if blocks:
        parameters: dict[str, Any] = {"blocks": True, "block_size": block_size}
        pairs = _blocks(m, n, block_size, rng)
    else:
        parameters = {"subsets": subsets, "subset_size": subset_size}
        pairs = _subsets(m, n, subsets, subset_size, rng)
    values = np.array([squared_mmd(_rows(reference, i), _rows(generated, j)) for i, j in pairs])
    spread = "standard_error" if blocks else "deviation"
    details = {spread: _standard_error(values) if blocks else float(values.std()), "parts": len(values)}
    protocol = protocol or Protocol("kid")
    parameters = {**protocol.parameters, **parameters}
    completed = replace(protocol, metric="kid", parameters=parameters, n_reference=m, n_generated=n)
    return Score(float(values.mean()), completed, details)


def squared_mmd(x: Array, y: Array) -> float:
    """The unbiased estimate of the squared MMD between float64 samples x (M, d) and y (N, d), M and N at least 2."""
    return _within(x) + _within(y) - 2 * float(_kernel(x, y).mean())


def _kernel(x: Array, y: Array) -> Array:
    """(M, d), (N, d) -> (M, N)"""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _within(x: Array) -> float:
    """The mean of k(xi, xj) over all i != j."""
    k = _kernel(x, x)
    return float(k.sum() - k.trace()) / (len(x) * (len(x) - 1))


def _subsets(
    m: int, n: int, subsets: int, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if subsets < 1 or size < 2:
        raise ValueError(f"expected at least 1 subset of at least 2 samples, got {subsets} of {size}")
    if size > min(m, n):
        raise ValueError(
            f"subsets of {size} samples cannot be drawn from {m} reference and {n} generated ones: "
            f"take more samples, or another subset_size (and compare only with scores of that size)"
        )
    return ((rng.choice(m, size, replace=False), rng.choice(n, size, replace=False)) for _ in range(subsets))


def _blocks(m: int, n: int, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both sides in random order, cut into the same number of nearly equal blocks."""
    if size < 2:
        raise ValueError(f"expected blocks of at least 2 samples, got block_size = {size}")
    count = math.ceil(max(m, n) / size)
    if min(m, n) < 2 * count:
        raise ValueError(
            f"{m} reference and {n} generated samples do not make {count} pairs of blocks of 2 to {size} samples: "
            f"take numbers of samples that are closer to each other, or larger blocks"
        )
    return zip(np.array_split(rng.permutation(m), count), np.array_split(rng.permutation(n), count), strict=True)


def _rows(features: Array, rows: np.ndarray) -> Array:
    return features[rows].astype(np.float64)


def _standard_error(values: np.ndarray) -> float | None:
    return None if len(values) < 2 else float(values.std(ddof=1) / math.sqrt(len(values)))

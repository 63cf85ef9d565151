"""Nearest neighbours in pixels: are samples as far from the real images as these are from each other?

    distance of a sample       q_j = min_i |y_j - x_i|         of a real image       r_i = min_{k ≠ i} |x_i - x_k|
    nearest                    the median of q; the median of r beside it
    nearer than real           the share of samples with q_j below the nearest hundredth of r

Euclidean, of pixels from 0 to 1. A generator that copies has distances near 0. One that is blurred lies nearer than
real images do as well, and a copy that is shifted or redrawn is far in pixels: this can show copying, not exclude it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minigan.device import Array
from minigan.metrics.msssim import as_images
from minigan.metrics.neighbours import squared_distances
from minigan.metrics.score import Protocol, Score

SAMPLES = 1000  # of the generated images, and of the real ones that are asked for their neighbours
NUMBERS = 60_000 * 28 * 28  # pixels of the real images that are searched
BLOCK = 500
NEAR = 0.01


def nearest_images(
    real: Array, generated: Array, *, rng: np.random.Generator, protocol: Protocol | None = None
) -> list[Score]:
    """How near samples (m, H, W, C) are to real images (n, H, W, C): the scores `nearest` and `nearer_than_real`.

    Details: "real", the same of real images; of the second, "equal": samples that are a real image to the last bit.
    ValueError for sets of different shapes, or fewer than 2 real images.
    """
    real, generated = as_images(real, "real images"), as_images(generated, "generated images")
    if real.shape[1:] != generated.shape[1:] or len(real) < 2:
        raise ValueError(f"expected both sets of one shape and 2 real images, got {real.shape} and {generated.shape}")
    searched = real[np.sort(rng.permutation(len(real))[: max(2, NUMBERS // int(np.prod(real.shape[1:])))])]
    x = generated[np.sort(rng.permutation(len(generated))[:SAMPLES])]
    chosen = np.sort(rng.permutation(len(searched))[:SAMPLES])
    squares = np.full(len(x) + len(chosen), np.inf)
    asked = np.concatenate([_rows(x), _rows(searched[chosen])])
    for start in range(0, len(searched), BLOCK):
        block = squared_distances(asked, _rows(searched[start : start + BLOCK]))
        same = chosen[:, np.newaxis] == np.arange(start, start + block.shape[1])
        block[len(x) :][same] = np.inf  # an image is not its own neighbour
        squares = np.minimum(squares, block.min(axis=1))
    q, r = np.sqrt(squares[: len(x)]), np.sqrt(squares[len(x) :])
    protocol = replace(
        protocol or Protocol("nearest"),
        extractor="pixels",
        variant="pixels from 0 to 1",
        n_reference=len(searched),
        n_generated=len(x),
        quantised=x.dtype == np.uint8,
    )
    near = float(np.quantile(r, NEAR))
    details = {"real": float((r < near).mean()), "equal": int((q == 0).sum())}
    return [
        Score(float(np.median(q)), replace(protocol, metric="nearest"), {"real": float(np.median(r))}),
        Score(float((q < near).mean()), replace(protocol, metric="nearer_than_real"), details),
    ]


def _rows(images: np.ndarray) -> np.ndarray:
    """Images as float64 rows, pixels from 0 to 1."""
    scale = 255 if images.dtype == np.uint8 else 1
    return images.reshape(len(images), -1).astype(np.float64) / scale

"""MS-SSIM: how alike two images are at five scales; its mean over pairs of samples measures a lack of diversity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minigan.device import Array, to_host
from minigan.metrics.score import NonFiniteSamples, Protocol, Score

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first
WINDOW, WIDTH = 11, 1.5  # pixels across, and standard deviation, of the Gaussian that averages
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # keep the ratios finite in flat regions
BLOCK = 2**18  # pixels of one side of a block of pairs


def diversity(
    images: Array,
    *,
    rng: np.random.Generator,
    labels: Array | None = None,
    pairs: int = 10_000,
    protocol: Protocol | None = None,
) -> Score:
    """The mean MS-SSIM of random distinct pairs of images (n, H, W, C): the higher, the less diverse they are.

    labels (n,): pairs within a class only, where it is most useful. Compare with the same number on real images:
    a generator that scores higher repeats itself. Details: `standard_deviation` over the pairs.
    Raises ValueError for other images (see `ms_ssim`), labels or more pairs than there are, NonFiniteSamples.
    Source: Odena, Olah & Shlens 2017, section 4.3.
    """
    x = as_images(images, "images")
    groups = np.zeros(len(x), np.int64) if labels is None else to_host(labels)
    if groups.shape != (len(x),):
        raise ValueError(f"expected labels of shape ({len(x)},), one for each image, got {groups.shape}")
    a, b = _draw_pairs(groups, pairs, rng)
    size = max(1, BLOCK // x[0].size)
    similarities = [ms_ssim(x[a[i : i + size]], x[b[i : i + size]]) for i in range(0, pairs, size)]
    protocol = protocol or Protocol("ms_ssim")
    measured = replace(
        protocol,
        metric="ms_ssim",
        parameters={**protocol.parameters, "pairs": pairs, "within": "all" if labels is None else "class"},
        extractor="pixels",
        reference="",
        n_reference=None,
        n_generated=len(x),
        quantised=x.dtype == np.uint8,
    )
    values = np.concatenate(similarities)
    return Score(float(values.mean()), measured, {"standard_deviation": float(values.std())})


def ms_ssim(a: Array, b: Array) -> np.ndarray:
    """MS-SSIM of each pair of images, (n, H, W, C) both, the mean over channels: float64 (n,) in [0, 1], 1 for equals.

        l  = (2 μa μb + C₁) / (μa² + μb² + C₁)          cs = (2 σab + C₂) / (σa² + σb² + C₂)
        MS-SSIM = ∏ₛ₌₁..₄ relu(mean csₛ)^wₛ · relu(mean l₅ cs₅)^w₅

    Means, variances and covariance are averages under an 11 × 11 Gaussian window that stays inside the image (smaller
    where the image is); a scale is half the one before. Images are uint8, or floats in [0, 1].
    Raises ValueError for other types, shapes or values, NonFiniteSamples.
    Source: Wang, Simoncelli & Bovik 2003; window and edges as in compare_gan.
    """
    a, b = as_images(a, "first images"), as_images(b, "second images")
    if a.shape != b.shape:
        raise ValueError(f"expected pairs of images of one shape, got {a.shape} and {b.shape}")
    n, C = len(a), a.shape[3]
    a, b = _planes(a), _planes(b)
    product = np.ones(n * C)
    for scale, weight in enumerate(WEIGHTS, start=1):
        luminance, structure = _compare(a, b)
        last = scale == len(WEIGHTS)
        similar = (luminance * structure if last else structure).mean(axis=(1, 2))
        product *= np.maximum(similar, 0) ** weight
        a, b = _halve(a), _halve(b)
    return product.reshape(n, C).mean(axis=1)


def compare(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM of each pair of images (n, H, W, C), uint8 or floats in [0, 1]: the first scale, the mean over channels."""
    luminance, structure = _compare(_planes(a), _planes(b))
    return (luminance * structure).mean(axis=(1, 2)).reshape(len(a), -1).mean(axis=1)


def as_images(x: Array, what: str) -> np.ndarray:
    """Images (n, H, W, C) on the host, uint8 or floats in [0, 1]. Raises ValueError for others, NonFiniteSamples."""
    x = to_host(x)
    if x.ndim != 4 or 0 in x.shape or not (x.dtype == np.uint8 or x.dtype.kind == "f"):
        raise ValueError(f"{what}: expected uint8 or floats of shape (n, H, W, C), got {x.dtype} of shape {x.shape}")
    if not np.isfinite(x).all():
        raise NonFiniteSamples(f"{what}: {np.count_nonzero(~np.isfinite(x))} of {x.size} pixels are NaN or infinite")
    if x.dtype != np.uint8 and (x.min() < -1e-6 or x.max() > 1 + 1e-6):
        raise ValueError(
            f"{what}: expected floats in [0, 1], got {x.min():.3g} to {x.max():.3g}; map tanh's output by (x + 1) / 2"
        )
    return x


def _draw_pairs(groups: np.ndarray, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where the two images of each pair are: distinct pairs {i, j} of one group, i ≠ j, all as likely."""
    order = np.argsort(groups, kind="stable")
    _, sizes = np.unique(groups, return_counts=True)
    ends = np.cumsum(sizes * (sizes - 1) // 2)  # the pairs of each group are numbered one after the other
    if not 1 <= pairs <= ends[-1]:
        raise ValueError(f"pairs = {pairs}: {len(groups)} images in {len(sizes)} group(s) have 1 to {ends[-1]} pairs")
    number = rng.choice(int(ends[-1]), pairs, replace=False)
    group = np.searchsorted(ends, number, side="right")
    number = number - (ends - sizes * (sizes - 1) // 2)[group]
    later = ((1 + np.sqrt(1 + 8 * number)) / 2).astype(np.int64)  # pair (i, j), i < j, has number j (j - 1) / 2 + i
    first = (np.cumsum(sizes) - sizes)[group]
    return order[first + number - later * (later - 1) // 2], order[first + later]


def _planes(x: np.ndarray) -> np.ndarray:
    """Images (n, H, W, C) as float64 planes (n C, H, W) from 0 to 255."""
    scale = 1 if x.dtype == np.uint8 else 255
    return np.moveaxis(x, 3, 1).reshape(-1, *x.shape[1:3]) * np.float64(scale)


def _compare(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and contrast-structure at each place of the window, of planes (n, H, W)."""
    size = min(WINDOW, *a.shape[1:])
    down, across = (_averages(length, size) for length in a.shape[1:])

    def average(x: np.ndarray) -> np.ndarray:
        return down @ (x @ across.T)

    mean_a, mean_b = average(a), average(b)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    luminance = (2 * product + C1) / (squares + C1)
    structure = (2 * (average(a * b) - product) + C2) / (average(a**2 + b**2) - squares + C2)
    return luminance, structure


def _averages(length: int, size: int) -> np.ndarray:
    """The matrix (length - size + 1, length) that averages a line under a Gaussian at each place it fits in."""
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * WIDTH**2))
    rows = np.arange(length - size + 1)[:, np.newaxis]
    matrix = np.zeros((len(rows), length))
    matrix[rows, rows + np.arange(size)] = weights / weights.sum()
    return matrix


def _halve(x: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels of planes (n, H, W); an odd last row or column counts twice."""
    x = np.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2)), mode="symmetric")
    n, H, W = x.shape
    return x.reshape(n, H // 2, 2, W // 2, 2).mean(axis=(2, 4))

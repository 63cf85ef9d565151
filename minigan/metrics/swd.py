"""Sliced Wasserstein distance: how different are small pieces of two sets of images, scale by scale?

    levels      L_s = x_s - up(x_{s/2})      x_s the images of side s, x_{s/2} = down(x_s); the coarsest level is x_16
    patches     128 of 7 x 7 pixels of each image, at random places of L_s
    normalised  of each set and channel: minus their mean, over their standard deviation
    distance    d_s = 1000 · mean over u of mean_i |sort(A u)_i - sort(B u)_i|      4 · 128 random unit vectors u

Fine levels compare texture, coarse ones composition. `down` smooths by (1, 4, 6, 4, 1)/16 along both sides and keeps
every other pixel; `up` puts zeros between the pixels and smooths by twice that; edges are mirrored. There is no
network in it.

A finite number of images does not score 0 against others of the same kind. So the real images are divided into two
halves: the samples are compared with one of them, and beside it the other half is, in the same number and directions.

Source: Karras et al. 2018, Progressive growing of GANs, section 5; Rabin et al. 2011 (sliced distances).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from minigan import parallel
from minigan.device import Array
from minigan.metrics.msssim import as_images
from minigan.metrics.score import Protocol, Score

MOST = 2**14  # images of a set
PATCHES, SIDE = 128, 7
DIRECTIONS = 4 * 128
COARSEST = 16
KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16
IMAGES, AT_ONCE = 256, 16  # images of a block; directions sorted together


def swd(
    real: Array,
    generated: Array,
    *,
    rng: np.random.Generator,
    most: int = MOST,
    directions: int = DIRECTIONS,
    protocol: Protocol | None = None,
    progress: str | None = None,
) -> list[Score]:
    """The mean distance of all levels, then that of each, finest first: images (n, H, W, C) uint8 or floats in [0, 1].

    Half of the real images, the same number of samples, and at most `most`. Details: "real", the distance of the other
    half of the real images. It holds 3 · 128 · 49 C numbers of an image. `progress`: the name of a bar. ValueError for
    sets of different shapes, images below 7 pixels, or fewer than 2 real ones.
    """
    real, generated = as_images(real, "real images"), as_images(generated, "generated images")
    if real.shape[1:] != generated.shape[1:] or min(real.shape[1:3]) < SIDE or len(real) < 2:
        raise ValueError(
            f"expected at least 2 real images, and both sets of one shape of at least {SIDE} x {SIDE} pixels; "
            f"got {real.shape} and {generated.shape}"
        )
    n = min(most, len(generated), len(real) // 2)
    order = rng.permutation(len(real))
    a, b = (real[np.sort(chosen)] for chosen in (order[:n], order[n : 2 * n]))
    x = generated[np.sort(rng.permutation(len(generated))[:n])]
    levels = len(sides(real.shape[1:3]))
    steps = levels * -(-directions // AT_ONCE)
    with tqdm(total=steps, desc=progress, unit="step", leave=False, disable=progress is None) as bar:
        distances = np.array([_at_level(k, a, x, b, directions, rng, bar.update) for k in range(levels)])
    names = ["swd", *(f"swd_{side}" for side in sides(real.shape[1:3]))]
    protocol = protocol or Protocol("swd")
    measured = replace(
        protocol,
        parameters={**protocol.parameters, "patches": PATCHES, "directions": directions},
        extractor="pixels",
        variant=f"Laplacian pyramid, {SIDE} x {SIDE} patches",
        n_reference=n,
        n_generated=n,
        quantised=x.dtype == np.uint8,
    )
    rows = zip(names, np.concatenate([distances.mean(axis=0, keepdims=True), distances]), strict=True)
    return [Score(float(d), replace(measured, metric=name), {"real": float(d_real)}) for name, (d, d_real) in rows]


def sides(shape: tuple[int, ...]) -> list[int]:
    """The shorter sides of the levels for images (H, W), finest first: as long as half of one is at least 16."""
    sizes = [min(shape)]
    while (sizes[-1] + 1) // 2 >= COARSEST:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def laplacian(x: np.ndarray, levels: int) -> list[np.ndarray]:
    """The levels of images (n, H, W, C), finest first; all of them put together again are the images."""
    pyramid = [x]
    for _ in range(levels - 1):
        pyramid.append(down(pyramid[-1]))
        pyramid[-2] = pyramid[-2] - up(pyramid[-1], pyramid[-2].shape[1:3])
    return pyramid


def down(x: np.ndarray) -> np.ndarray:
    """Images (n, H, W, C) smoothed, every other pixel: (n, ⌈H/2⌉, ⌈W/2⌉, C)."""
    return _smooth(x, KERNEL, step=2)


def up(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images (n, ⌈H/2⌉, ⌈W/2⌉, C) in twice the size, shape (H, W)."""
    large = np.zeros((len(x), *shape, x.shape[3]), x.dtype)
    large[:, ::2, ::2] = x
    return _smooth(large, 2 * KERNEL)


def patches(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """128 patches of each image (n, H, W, C), at random places: (128 n, 49 C)."""
    n, H, W, C = x.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (SIDE, SIDE), axis=(1, 2))
    top, left = (rng.integers(0, length - SIDE + 1, n * PATCHES) for length in (H, W))
    return windows[np.repeat(np.arange(n), PATCHES), top, left].reshape(n * PATCHES, C * SIDE * SIDE)


def normalised(rows: np.ndarray, C: int) -> np.ndarray:
    """The patches (m, 49 C) themselves, changed to mean 0 and standard deviation 1 in each channel; a constant channel
    becomes 0."""
    channels = rows.reshape(len(rows), C, -1)
    channels -= channels.mean(axis=(0, 2), dtype=np.float64, keepdims=True).astype(np.float32)
    squares = np.einsum("mcd,mcd->c", channels, channels, dtype=np.float64)
    deviation = np.sqrt(squares / (len(rows) * channels.shape[2])).astype(np.float32)
    channels /= np.where(deviation > 1e-4, deviation, 1)[:, np.newaxis]  # of pixels from 0 to 255: below is rounding
    return rows


def unit_vectors(d: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n random directions, float32 (n, d)."""
    u = rng.standard_normal((n, d))
    return (u / np.linalg.norm(u, axis=1, keepdims=True)).astype(np.float32)


def sliced(u: np.ndarray, a: np.ndarray, *others: np.ndarray, done: Callable[[], object] = lambda: None) -> np.ndarray:
    """The mean over directions u (k, d) of the distance of points a (m, d) along u from each other set (m, d). `done`
    is called after every few directions."""

    def along(chunk: np.ndarray) -> list[float]:
        first = np.sort(chunk @ a.T, axis=1)
        distances = []
        for points in others:
            second = np.sort(chunk @ points.T, axis=1)
            distances.append(float(np.abs(np.subtract(second, first, out=second), out=second).mean(dtype=np.float64)))
        return distances

    chunks = [u[start : start + AT_ONCE] for start in range(0, len(u), AT_ONCE)]
    averages = []
    for distances in parallel.each(along, chunks, parallel.cores()):
        averages.append(distances)
        done()
    mean: np.ndarray = np.average(averages, axis=0, weights=[len(chunk) for chunk in chunks])
    return mean


def _at_level(
    level: int,
    a: np.ndarray,
    x: np.ndarray,
    b: np.ndarray,
    directions: int,
    rng: np.random.Generator,
    done: Callable[[], object],
) -> np.ndarray:
    """The distances of x and of b from a at one level of the pyramid, times 1000."""
    C = a.shape[3]
    u = unit_vectors(C * SIDE * SIDE, directions, rng)
    sets = [normalised(_descriptors(images, level, rng), C) for images in (a, x, b)]
    return 1000 * sliced(u, *sets, done=done)


def _descriptors(images: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    """Patches of one level of all images (n, H, W, C): (128 n, 49 C)."""
    scale = 1 if images.dtype == np.uint8 else 255
    rows = np.empty((len(images) * PATCHES, SIDE * SIDE * images.shape[3]), np.float32)
    for start in range(0, len(images), IMAGES):
        block = images[start : start + IMAGES].astype(np.float32) * np.float32(scale)
        wanted = len(sides(block.shape[1:3]))
        pyramid = laplacian(block, min(level + 2, wanted))
        rows[start * PATCHES : (start + len(block)) * PATCHES] = patches(pyramid[level], rng)
    return rows


def _smooth(x: np.ndarray, kernel: np.ndarray, step: int = 1) -> np.ndarray:
    """Images (n, H, W, C) under `kernel` along both sides, mirrored at the edges; every `step`-th pixel."""
    for axis in (1, 2):
        width = [(0, 0)] * 4
        width[axis] = (2, 2)
        framed, length = np.pad(x, width, mode="reflect"), x.shape[axis]
        x = sum(weight * framed.take(range(i, i + length, step), axis) for i, weight in enumerate(kernel))
    return x

"""Triangles: images whose manifold is known, so that precision and recall can be computed instead of estimated.

    angles      θ_i = 120° i + 10° + U(0, 110°), i = 0, 1, 2: three vertices on the unit circle
    vertices    v_i = (cos θ_i, sin θ_i) -> (v_i + 1) / 2, rotated by U(0, 2π) degrees, times 21, shifted so that their
                mean is (14, 14)
    pixel       1 - the share of an 8 x 8 sub-grid of the pixel that the triangle covers: black on white

A triangle is convex: of every row of sub-points it covers those of one interval, which the edges give.

Source      the distribution of the published notebook of Lucic et al. 2018 (which converts its angle to degrees twice:
            hence the rotation of at most 2π degrees).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SIDE, SUB, SCALE = 28, 8, 21.0
TURN = 2 * np.pi * np.pi / 180  # 2π degrees, in radians: the largest rotation
SIZES = {"train": 60_000, "test": 10_000, "holdout": 10_000}
CHUNK = 2000  # triangles rasterised at a time


def draw(n: int, rng: np.random.Generator) -> np.ndarray:
    """The parameters of n random triangles, float64 (n, 4): three angles and a rotation, in radians."""
    angles = np.deg2rad(120 * np.arange(3) + 10 + rng.uniform(0, 110, (n, 3)))
    return np.concatenate([angles, rng.uniform(0, TURN, (n, 1))], axis=1)


def vertices(params: np.ndarray) -> np.ndarray:
    """(n, 4) -> the vertices (n, 3, 2), x and y in pixels. Without a fourth column the rotation is 0."""
    angles = params[:, :3]
    corners = (np.stack([np.cos(angles), np.sin(angles)], axis=-1) + 1) / 2
    if params.shape[1] == 4:
        c, s = np.cos(params[:, 3]), np.sin(params[:, 3])
        x, y = corners[..., 0], corners[..., 1]
        corners = np.stack([c[:, None] * x - s[:, None] * y, s[:, None] * x + c[:, None] * y], axis=-1)
    corners = SCALE * corners
    return corners - corners.mean(axis=1, keepdims=True) + SIDE / 2


def rasterised(corners: np.ndarray) -> np.ndarray:
    """Triangles (n, 3, 2) as images float32 (n, 28, 28, 1): 1 outside, 0 inside, the share of it on the edges."""
    parts = [_rasterised(corners[i : i + CHUNK]) for i in range(0, len(corners), CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, SIDE, SIDE, 1), np.float32)


def _rasterised(corners: np.ndarray) -> np.ndarray:
    rows = (np.arange(SIDE * SUB) + 0.5) / SUB  # the y of each row of sub-points
    low, high = np.full((len(corners), len(rows)), np.inf), np.full((len(corners), len(rows)), -np.inf)
    for i in range(3):  # where each edge crosses each row
        (x0, y0), (x1, y1) = corners[:, i].T[:, :, None], corners[:, (i + 1) % 3].T[:, :, None]
        rise = np.where(y1 == y0, 1.0, y1 - y0)
        t = (rows - y0) / rise
        x = np.where((t >= 0) & (t <= 1) & (y1 != y0), x0 + t * (x1 - x0), np.nan)
        low, high = np.fmin(low, x), np.fmax(high, x)
    # Sub-point k of a row lies at (k + ½) / 8: those from `first` up to, and without, `last` are covered.
    crossed = low <= high
    first = np.where(crossed, np.ceil(low * SUB - 0.5), 0)[..., None]
    last = np.where(crossed, np.floor(high * SUB - 0.5) + 1, 0)[..., None]
    left = SUB * np.arange(SIDE)
    counts = np.clip(last - left, 0, SUB) - np.clip(first - left, 0, SUB)  # of each pixel in each row
    counts = np.maximum(counts, 0).reshape(len(corners), SIDE, SUB, SIDE).sum(axis=2)
    return (1 - counts / SUB**2).astype(np.float32)[..., None]


@lru_cache(maxsize=4)
def images(split: str) -> np.ndarray:
    """The images of triangles-v1, uint8 (N, 28, 28, 1): `train`, `test` or `holdout`, always the same."""
    if split not in SIZES:
        raise ValueError(f"split must be one of {', '.join(SIZES)}, got {split!r}")
    rng = np.random.default_rng([1, *split.encode()])
    return np.rint(255 * rasterised(vertices(draw(SIZES[split], rng)))).astype(np.uint8)

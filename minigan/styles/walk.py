"""Ways between samples, straight in w or on great circles in z; and the way of each sample through the mean of w."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigan.device import Array
from minigan.models.stylegan import StyleGenerator
from minigan.styles.mixing import images_of
from minigan.systems.truncation import truncated

PSIS = (-1.0, -0.7, -0.5, -0.25, 0.0, 0.25, 0.5, 0.7, 1.0)
SPACES = ("w", "z")


def psi_grid(G: StyleGenerator, w: Array, psis: Sequence[float] = PSIS) -> np.ndarray:
    """A row for each style w (N, w_dim), a column for each psi, uint8 (N · columns, H, W, C). The column of 0 is the
    image of the mean, the same in all rows; negative psi is the opposite of the sample."""
    ws = np.stack([truncated(G, w, psi) for psi in psis], axis=1)
    return images_of(G, ws.reshape(-1, *ws.shape[2:]))


def tour(G: StyleGenerator, z: Array, steps: int, space: str = "w") -> np.ndarray:
    """Images on the closed way through the samples of the noise z (N, z_dim), `steps` from each to the next, uint8."""
    if space not in SPACES:
        raise ValueError(f"space must be one of {', '.join(SPACES)}, got {space!r}")
    points, way = (G.map(z), straight) if space == "w" else (z, great_circle)
    t = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis].astype(np.float32)
    parts = []
    for i in range(len(points)):
        start, end = points[i : i + 1], points[(i + 1) % len(points)][np.newaxis]
        parts.append(way(np.repeat(start, steps, axis=0), np.repeat(end, steps, axis=0), t))
    line = np.concatenate(parts)
    return images_of(G, line if space == "w" else G.map(line))


def straight(a: Array, b: Array, t: Array) -> Array:
    """(1 - t) a + t b, for points (N, d) and t (N, 1)."""
    return (1 - t) * a + t * b


def great_circle(a: Array, b: Array, t: Array) -> Array:
    """√d (â cos(t ω) + c sin(t ω)) for noise (N, d) and t (N, 1): â = a / |a|, ω the angle between a and b, and c the
    unit vector in the plane of both that is perpendicular to a. Its direction is all that the mapping reads of z."""
    unit_a, unit_b = (v / np.sqrt((v * v).sum(axis=1, keepdims=True)) for v in (a, b))
    cosine = (unit_a * unit_b).sum(axis=1, keepdims=True)
    c = unit_b - cosine * unit_a
    c = c / np.sqrt((c * c).sum(axis=1, keepdims=True))
    angle = t * np.arccos(np.clip(cosine, -1, 1))
    return a.shape[1] ** 0.5 * (np.cos(angle) * unit_a + np.sin(angle) * c)

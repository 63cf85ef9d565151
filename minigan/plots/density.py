"""Where 2-D points are dense: the picture for rings and grids of Gaussians."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from minigan.plots import library
from minigan.plots.files import save_png
from minigan.plots.grids import SEPARATOR
from minigan.plots.letters import LIGHT, font

CONTOUR = 0.12  # the line around real data follows this share of its peak density


def density_frame(
    points: np.ndarray,
    *,
    real: np.ndarray | None = None,
    limits: tuple[float, float] | None = None,
    title: str | None = None,
    size: int = 480,
    blur: float = 0.012,
) -> np.ndarray:
    """A glowing picture of how densely points lie, with thin lines around the places where real data lies.

    points    (N, 2), x to the right and y upwards; those outside the window or not finite are not shown
    real      (M, 2), outlined, not filled
    limits    the window, (low, high) for both axes; None: whatever holds `real`, or `points` when there is no `real`.
              Frames of one animation need one window: give `limits`, or the same `real`
    title     a few words for the upper left corner
    size      pixels of each side
    blur      standard deviation of the smoothing, as a share of the side
    returns   uint8 (size, size, 3). Brightness is the square root of the density over its peak in this frame

    ValueError: points or real are not (N, 2), nothing finite to place the window by, or limits not low < high.
    """
    matplotlib = library.load()
    points = _finite_pairs(points, "points")
    real = None if real is None else _finite_pairs(real, "real")
    limits = _window(points if real is None else real) if limits is None else limits
    if not limits[0] < limits[1]:
        raise ValueError(f"limits must be (low, high) with low < high, got {limits}")
    shade = _density(points, limits, size, blur * size)
    picture = matplotlib.colormaps["magma"](np.sqrt(shade))[..., :3]
    if real is not None:
        line = 0.6 * _outline(_density(real, limits, size, blur * size))[..., None]
        picture = (1 - line) * picture + line
    frame = np.round(255 * picture).astype(np.uint8)
    return frame if title is None else _written(frame, title)


def save_density_strip(
    path: str | os.PathLike[str],
    frames_of_points: Sequence[np.ndarray],
    labels: Sequence[str],
    *,
    real: np.ndarray | None = None,
    limits: tuple[float, float] | None = None,
    size: int = 320,
) -> None:
    """Write density pictures of several moments side by side, each with its label, as a PNG.

    All share one window: `limits`, else what holds `real`, else what holds all points together.
    ValueError: no frames, or not as many labels; FileNotFoundError: no such folder.
    """
    if len(frames_of_points) == 0 or len(frames_of_points) != len(labels):
        raise ValueError(
            f"got {len(frames_of_points)} sets of points and {len(labels)} labels; expected one label each"
        )
    if limits is None:
        held = frames_of_points if real is None else [real]
        limits = _window(np.concatenate([_finite_pairs(points, "points") for points in held]))
    gap = np.full((size, max(size // 80, 1), 3), SEPARATOR, np.uint8)
    strip: list[np.ndarray] = []
    for points, label in zip(frames_of_points, labels, strict=True):
        strip += [gap, density_frame(points, real=real, limits=limits, title=str(label), size=size)]
    save_png(path, np.concatenate(strip[1:], axis=1))


def _finite_pairs(points: np.ndarray, name: str) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} have shape {points.shape}; expected (N, 2)")
    return points[np.isfinite(points).all(axis=1)]


def _window(points: np.ndarray) -> tuple[float, float]:
    """The ends of both axes: the smallest range that holds every coordinate of every point, and a margin."""
    if len(points) == 0:
        raise ValueError("no point is finite, so the window cannot follow from the points; give limits=(low, high)")
    low, high = float(points.min()), float(points.max())
    margin = 0.2 * (high - low) or 1.0
    return low - margin, high + margin


def _density(points: np.ndarray, limits: tuple[float, float], size: int, blur: float) -> np.ndarray:
    """Points per pixel, smoothed, over the peak: (size, size) in [0, 1]; row 0 is the top."""
    from scipy.ndimage import gaussian_filter

    counts, _, _ = np.histogram2d(-points[:, 1], points[:, 0], bins=size, range=[[-limits[1], -limits[0]], limits])
    smooth = gaussian_filter(counts, blur, mode="constant")
    peak = smooth.max()
    return smooth / peak if peak > 0 else smooth


def _outline(field: np.ndarray) -> np.ndarray:
    """The share of each pixel that a line along field = CONTOUR covers, about two pixels wide: (size, size)."""
    slope = np.hypot(*np.gradient(field))
    distance = np.abs(field - CONTOUR) / np.maximum(slope, 1e-9)
    return np.clip(1.25 - distance, 0, 1)


def _written(frame: np.ndarray, title: str) -> np.ndarray:
    """The frame with a title in the upper left corner."""
    from PIL import Image, ImageDraw

    size, picture = len(frame), Image.fromarray(frame)
    place, letters = (size / 24, size / 24), font(max(size / 20, 20))
    ImageDraw.Draw(picture).text(place, title, fill=(LIGHT, LIGHT, LIGHT), font=letters)
    return np.asarray(picture)

"""Many images in one picture."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np

from minigan.plots.files import png, save_png
from minigan.plots.letters import labelled

SEPARATOR = 40  # so dark that digits seem to float on one sheet, yet light enough that black images show their edges
LONG_SIDE = 750  # pixels: what a chosen zoom brings the longer side of a grid close to
LARGEST_ZOOM = 8


def grid(images: np.ndarray, columns: int | None = None, *, pad: int = 2, scale: int | None = None) -> np.ndarray:
    """One picture of N images, row by row, on a dark sheet.

    images    uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3)
    columns   images per row; None: the squarest grid
    pad       pixels of the sheet around each image, before zooming
    scale     integer zoom, every pixel a square; None: small grids grow to about 750 pixels, large ones stay
    returns   uint8 (rows (H + pad) + pad, columns (W + pad) + pad, C), both sides times `scale`

    ValueError describes what came instead of such images, or which number makes no sense.
    """
    images = _checked(images)
    N, H, W, C = images.shape
    columns = math.ceil(math.sqrt(N)) if columns is None else columns
    if columns < 1 or pad < 0:
        raise ValueError(f"a grid needs columns >= 1 and pad >= 0, got columns={columns}, pad={pad}")
    rows = math.ceil(N / columns)
    sheet = np.full((rows, H + pad, columns, W + pad, C), SEPARATOR, np.uint8)
    for n in range(N):
        row, column = divmod(n, columns)
        sheet[row, :H, column, :W] = images[n]
    sheet = sheet.reshape(rows * (H + pad), columns * (W + pad), C)
    return zoom(np.pad(sheet, ((pad, 0), (pad, 0), (0, 0)), constant_values=SEPARATOR), scale)


def zoom(picture: np.ndarray, scale: int | None) -> np.ndarray:
    """The picture (H, W, C) with every pixel a square of scale x scale; None: as much as suits a page."""
    if scale is None:
        scale = min(max(round(LONG_SIDE / max(picture.shape[:2])), 1), LARGEST_ZOOM)
    if scale < 1:
        raise ValueError(f"scale must be an integer >= 1, got {scale}")
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


class Grid:
    """The picture of `grid`, which a notebook shows where an expression ends with it."""

    def __init__(
        self, images: np.ndarray, columns: int | None = None, *, pad: int = 2, scale: int | None = None
    ) -> None:
        self.picture = grid(images, columns, pad=pad, scale=scale)

    def _repr_png_(self) -> bytes:
        return png(self.picture)


def save_grid(
    path: str | os.PathLike[str],
    images: np.ndarray,
    columns: int | None = None,
    *,
    pad: int = 2,
    scale: int | None = None,
    labels: Sequence[str] = (),
) -> None:
    """Write `grid(images, columns, pad=pad, scale=scale)` as a PNG, whole or not at all, with `labels` at the left
    of its rows."""
    picture = grid(images, columns, pad=pad, scale=scale)
    save_png(path, labelled(picture, labels) if labels else picture)


def _checked(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    expected = "expected uint8 of shape (N, H, W), (N, H, W, 1) or (N, H, W, 3)"
    if images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} of shape {images.shape}; {expected}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.size == 0:
        raise ValueError(f"images have shape {images.shape}; {expected}, none of them 0")
    return images

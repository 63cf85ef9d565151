"""Attributes of a digit that can be measured: how thick its strokes are, and how far it leans."""

from __future__ import annotations

import numpy as np


def ink(images: np.ndarray) -> np.ndarray:
    """A = Σ I, (N,), of images I (N, H, W) in [0, 1], ink = 1."""
    total: np.ndarray = images.sum(axis=(1, 2))
    return total


def thickness(images: np.ndarray) -> np.ndarray:
    """The mean width of the strokes in pixels, (N,): t = 2 A / V; NaN where nothing is drawn.

    A is the area of the ink and V the length of its edges, as the total variation of the image with a frame of zeros.
    A ribbon of length l and width w has A = l w and V = 2 (l + w). No threshold is needed, and contrast cancels out.
    """
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    a, b, c, d = framed[:, :-1, :-1], framed[:, :-1, 1:], framed[:, 1:, :-1], framed[:, 1:, 1:]
    edges = np.hypot((b + d - a - c) / 2, (c + d - a - b) / 2).sum(axis=(1, 2))
    return _quotient(2 * ink(images), edges)


def slant(images: np.ndarray) -> np.ndarray:
    """Pixels to the right per pixel upwards, (N,): s = -μ_xy / μ_yy; NaN where nothing is drawn.

    Shearing a digit by k adds k. μ are the second moments of the ink around its centre, y counts downwards.
    """
    _, H, W = images.shape
    y, x = np.arange(H)[:, np.newaxis], np.arange(W)
    A = ink(images)
    dy = y - _quotient((images * y).sum(axis=(1, 2)), A)[:, np.newaxis, np.newaxis]
    dx = x - _quotient((images * x).sum(axis=(1, 2)), A)[:, np.newaxis, np.newaxis]
    return _quotient(-(images * dx * dy).sum(axis=(1, 2)), (images * dy * dy).sum(axis=(1, 2)))


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, NaN where b is 0."""
    quotient: np.ndarray = np.divide(a, b, out=np.full(np.shape(a), np.nan, np.result_type(a, b)), where=b != 0)
    return quotient

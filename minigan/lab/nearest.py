"""Nearest: the training images that are nearest to a sample, and how near real images are to each other."""

from __future__ import annotations

import numpy as np

NUMBERS = 60_000 * 28 * 28  # pixels of the training images that are searched: all of MNIST
BLOCK = 2000
REAL = 100  # real images whose nearest other image is looked for
FOUND, SPARE = 5, 5  # images, and further candidates


class Nearest:
    """A search among training images, uint8 (N, H, W, C), by the Euclidean distance of pixels from 0 to 1.

    usual   the median distance of some real images to the nearest other one
    """

    def __init__(self, images: np.ndarray) -> None:
        few = max(1, min(len(images), NUMBERS // int(np.prod(images.shape[1:]))))
        self.places = np.unique(np.linspace(0, len(images) - 1, few).round().astype(int))
        self.images = images
        some = self.places[:: max(1, len(self.places) // REAL)][:REAL]
        _, distances = self.search(images[some], 2)  # the first is the image itself
        self.usual = float(np.median(distances[:, -1]))

    def search(self, samples: np.ndarray, n: int = FOUND) -> tuple[np.ndarray, np.ndarray]:
        """The places of the n nearest images of each sample (k, H, W, C), and their distances, (k, n) each.

        Candidates are found in float32, by |a|² - 2 a·b + |b|²; the distances are those of the pixels themselves.
        """
        asked = _rows(samples)
        squares, nearest = np.empty((len(asked), 0), np.float32), np.empty((len(asked), 0), int)
        for start in range(0, len(self.places), BLOCK):
            block = self.places[start : start + BLOCK]
            rows = _rows(self.images[block])
            squares = np.concatenate([squares, (rows * rows).sum(axis=1) - 2 * asked @ rows.T], axis=1)
            nearest = np.concatenate([nearest, np.broadcast_to(block, (len(asked), len(block)))], axis=1)
            few = np.argsort(squares, axis=1, kind="stable")[:, : n + SPARE]
            squares, nearest = np.take_along_axis(squares, few, axis=1), np.take_along_axis(nearest, few, axis=1)
        apart = asked[:, np.newaxis].astype(np.float64) - _rows(self.images[nearest.ravel()]).reshape(
            *nearest.shape, -1
        )
        distances = np.sqrt((apart * apart).sum(axis=2))
        order = np.argsort(distances, axis=1, kind="stable")[:, :n]
        return np.take_along_axis(nearest, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255

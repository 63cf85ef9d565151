"""Nearest: the training images that are nearest to a sample, and how near real images are to each other."""

from __future__ import annotations

import numpy as np

from minigan.metrics.neighbours import squared_distances

NUMBERS = 60_000 * 28 * 28  # pixels of the training images that are searched: all of MNIST
BLOCK = 2000
REAL = 100  # real images whose nearest other image is looked for
FOUND = 5


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
        """The places of the n nearest images of each sample (k, H, W, C), and their distances, (k, n) each."""
        asked = _rows(samples)
        squares: np.ndarray = np.empty((len(asked), 0))
        found: np.ndarray = np.empty((len(asked), 0), int)
        for start in range(0, len(self.places), BLOCK):
            part = self.places[start : start + BLOCK]
            block = squared_distances(asked, _rows(self.images[part]))
            squares = np.concatenate([squares, block], axis=1)
            found = np.concatenate([found, np.broadcast_to(part, block.shape)], axis=1)
            order = np.argsort(squares, axis=1, kind="stable")[:, :n]
            squares, found = np.take_along_axis(squares, order, axis=1), np.take_along_axis(found, order, axis=1)
        return found, np.sqrt(squares)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64) / 255

"""A feature network for images of 8 x 8 pixels that needs no training: it looks at brightness alone."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.metrics import Statistics
from minigan.metrics.features import Extractor
from minigan.watch.judge import FeatureJudge

CLASSES = ("dark", "dim", "bright", "white")


class Brightness(Extractor):
    """Features: the mean brightness of the four quarters; the class: which quarter of 0..255 the mean is in."""

    name, digest, variant, classes, d = "brightness", "0" * 64, "x/255", CLASSES, 4

    def networks(self) -> tuple[Layer, ...]:
        return ()

    def bring(self, images: np.ndarray) -> Array:
        return images[..., 0] / 255

    def look(self, x: Array) -> tuple[Array, Array]:
        quarters = x.reshape(len(x), 2, 4, 2, 4).mean(axis=(2, 4)).reshape(len(x), 4)
        centres = (np.arange(len(CLASSES)) + 0.5) / len(CLASSES)
        return quarters, -50 * (x.mean(axis=(1, 2))[:, np.newaxis] - centres) ** 2


def noise(seed: int, n: int = 200) -> np.ndarray:
    """Images of all four classes."""
    rng = np.random.default_rng(seed)
    return (rng.random((n, 8, 8, 1)) * 64 + 64 * rng.integers(0, 4, (n, 1, 1, 1))).astype(np.uint8)


def brightness(name: str = "") -> FeatureJudge:
    """The judge of the images, whatever their data set is called; the reference is noise."""
    extractor = Brightness()
    return FeatureJudge(extractor, Statistics.of(extractor(noise(0)).features))

"""Noise variations: the same style with other random pictures added to its maps."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.models.stylegan import StyleGenerator
from minigan.styles.mixing import images_of
from minigan.systems.truncation import Consulted


def noise_variations(G: StyleGenerator, w: Array, n: int, rng: np.random.Generator) -> np.ndarray:
    """n images of each style w (N, w_dim), each with noise of its own, uint8 (N · n, H, W, C). What differs is what the
    generator leaves to chance."""
    with Consulted(G, "random", rng):
        return images_of(G, np.repeat(w, n, axis=0))


def moved(images: np.ndarray, n: int) -> float:
    """By how much noise moves a pixel: its standard deviation over n variations, as a share of its range; the root mean
    square over pixels and styles."""
    groups = images.reshape(-1, n, *images.shape[1:]).astype(np.float64) / 255
    return float(np.sqrt(groups.var(axis=1).mean()))

"""Perceptual path length: how much an image changes while its noise, or its style, changes a little."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from minigan.metrics.features import Extractor
from minigan.models.stylegan import StyleGenerator
from minigan.styles.walk import great_circle, straight

STEP = 1e-3  # of the way between two points
LEFT_OUT = 0.01  # of the lengths, at each end
PIECE = 250


@dataclass(frozen=True)
class PathLengths:
    """Perceptual path lengths, by the feature network whose id is `judge`: comparable with the same one only.

    full    at a random place of each way; end: at its beginning
    """

    z_full: float
    w_full: float
    z_end: float
    w_end: float
    judge: str
    pairs: int

    def __str__(self) -> str:
        lines = [f"path length by {self.judge}, {self.pairs:,} pairs"]
        for name, z, w in (("full", self.z_full, self.w_full), ("end", self.z_end, self.w_end)):
            lines.append(f"  {name:<5} z {z:.4g}   w {w:.4g}   z / w {z / w:.3g}")
        return "\n".join(lines)


@threadpool_limits.wrap(limits=1, user_api="blas")  # its products are too small for more
def path_lengths(G: StyleGenerator, judge: Extractor, rng: np.random.Generator, pairs: int = 2000) -> PathLengths:
    """mean ‖φ(G(p(t))) - φ(G(p(t + ε)))‖² / ε², without the LEFT_OUT longest and shortest.

    p goes between the points of a pair: on the great circle in z, straight in w. φ are the features of `judge`, all in
    float64, because a difference of ε² is divided by ε².

    Source      Karras et al. 2018 (StyleGAN), section 4.1, with another φ and ε = 1e-3.
    """
    if pairs < 100:
        raise ValueError(f"a path length needs at least 100 pairs, got {pairs}")
    exact, phi = copy.deepcopy(G), copy.deepcopy(judge)
    for network in (exact, *phi.networks()):
        network.convert(lambda array: array.astype(np.float64))
    lengths = {}
    z = rng.standard_normal((2, pairs, G.z_dim))
    for name, t in (("full", rng.random((pairs, 1))), ("end", np.zeros((pairs, 1)))):
        for space in ("z", "w"):
            parts = [_lengths(exact, phi, z[:, i : i + PIECE], t[i : i + PIECE], space) for i in range(0, pairs, PIECE)]
            lengths[f"{space}_{name}"] = _middle_mean(np.concatenate(parts))
    return PathLengths(**lengths, judge=judge.id, pairs=pairs)


def _lengths(G: StyleGenerator, phi: Extractor, z: np.ndarray, t: np.ndarray, space: str) -> np.ndarray:
    """The squared speeds of some pairs z (2, n, z_dim) at t (n, 1)."""
    ends, way = (z, great_circle) if space == "z" else ([G.map(one) for one in z], straight)
    seen = []
    for at in (t, t + STEP):
        point = way(ends[0], ends[1], at)
        w = G.map(point) if space == "z" else point
        pixels = (G.image(w) + 1) * 127.5
        seen.append(phi.look(phi.bring(pixels))[0])
    return ((seen[0] - seen[1]) ** 2).sum(axis=1) / STEP**2


def _middle_mean(values: np.ndarray) -> float:
    low, high = np.quantile(values, [LEFT_OUT, 1 - LEFT_OUT])
    return float(values[(values >= low) & (values <= high)].mean())

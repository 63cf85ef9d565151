"""Projection: the style from which a generator makes a given image, found by its own backward pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minigan.data import to_pixels
from minigan.device import Array, to_host
from minigan.models.stylegan import StyleGenerator
from minigan.optim import Adam

SPACES = ("w", "w+")
LR, NOISE = 0.1, 0.05  # of Adam, and of what is added to w at first, relative to the deviation of w
MAPPED, TRIED = 10_000, 64  # noises for mean and deviation of w; samples among which a second start is chosen


@dataclass(frozen=True, eq=False)
class Projection:
    """ws (N, L, w_dim) of N images, what G makes of it, uint8, and the mean squared error of pixels in [0, 1], (N,)."""

    ws: np.ndarray
    images: np.ndarray
    error: np.ndarray

    @property
    def psnr(self) -> np.ndarray:
        """The error in decibels, (N,)."""
        return -10 * np.log10(np.maximum(self.error, 1e-12))


@threadpool_limits.wrap(limits=1, user_api="blas")  # its products are too small for more
def project(
    G: StyleGenerator, targets: Array, rng: np.random.Generator, *, space: str = "w", steps: int = 300
) -> Projection:
    """Find styles whose images resemble `targets` (N, H, W, C), in [-1, 1].

    Loss        E = Σ (G(w + ν ξ) - target)², for every target its own; ξ ~ N(0, 1)
    Gradient    dx = 2 (x - target)        dws = the synthesis' input gradient of dx        dw = Σ_l dws[l]
    Schedule    t = 0 ... 1:
                rate      LR · min(1, t / 0.05) · ½ (1 - cos(π min(1, (1 - t) / 0.25)))
                ν         NOISE · s · max(0, 1 - t / 0.75)², s the deviation of a number of w

    space   "w": one style for all layers; "w+": one for each, which reproduces far more than the generator has learned

    Each target is searched from the mean of w and from the nearest of TRIED samples; the better end is kept. The noise
    maps stay as they are: if they were optimised too, they would hold the image themselves.

    Source      Karras et al. 2020 (StyleGAN2), appendix D, without its feature network.
    """
    if space not in SPACES:
        raise ValueError(f"space must be one of {', '.join(SPACES)}, got {space!r}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    mean, deviation = moments(G, rng)
    starts = np.concatenate([np.repeat(mean[np.newaxis], len(targets), axis=0), nearest_sample(G, targets, rng)])
    w = np.repeat(starts[:, np.newaxis], G.L if space == "w+" else 1, axis=1)
    twice, optimizer = np.concatenate([targets, targets]), Adam([("w", w)], LR, betas=(0.9, 0.999))
    synthesis = G.synthesis
    for step in range(steps):
        t = step / steps
        optimizer.lr, nu = rate(t), NOISE * deviation * max(0.0, 1 - t / 0.75) ** 2
        xi = np.asarray(rng.standard_normal(w.shape), w.dtype)
        x, cache = synthesis.forward(_for_layers(w + nu * xi, G.L), train=False)
        dws: Any = synthesis.backward(2 * (x - twice), cache)
        optimizer.step({"w": dws if space == "w+" else dws.sum(axis=1, keepdims=True)})
    ws = _for_layers(w, G.L)
    return _better(G, ws, twice)


def moments(G: StyleGenerator, rng: np.random.Generator) -> tuple[Array, float]:
    """The mean of w over MAPPED noises, and the deviation of one of its numbers."""
    w = G.map(rng.standard_normal((MAPPED, G.z_dim), dtype=np.float32))
    mean = w.mean(axis=0)
    return mean, math.sqrt(float(((w - mean) ** 2).mean()))


def nearest_sample(G: StyleGenerator, targets: Array, rng: np.random.Generator) -> Array:
    """Of TRIED samples, the style of the one that is nearest to each target, (N, w_dim)."""
    w = G.map(rng.standard_normal((TRIED, G.z_dim), dtype=np.float32))
    images = G.image(w).reshape(TRIED, -1)
    wanted = targets.reshape(len(targets), -1)
    distances = (images * images).sum(axis=1) - 2 * wanted @ images.T
    return w[distances.argmin(axis=1)]


def rate(t: float) -> float:
    """The learning rate at t of 0 ... 1: a short way up, and a cosine down in the last quarter."""
    return LR * min(1.0, (t + 1e-9) / 0.05) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25)))


def _for_layers(w: Array, L: int) -> Array:
    return w if w.shape[1] == L else np.repeat(w, L, axis=1)


def _better(G: StyleGenerator, ws: Array, twice: Array) -> Projection:
    """Of the two ends of every target, the one with the smaller error."""
    x = G.image(ws)
    error = (((x - twice) / 2) ** 2).mean(axis=(1, 2, 3)).reshape(2, -1)
    n = error.shape[1]
    rows = np.arange(n) + n * error.argmin(axis=0)
    return Projection(to_host(ws[rows]), to_pixels(to_host(x[rows])), to_host(error.min(axis=0)))

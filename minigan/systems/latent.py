"""Latent optimisation: the noise from which a generator makes a given image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.device import Array
from minigan.layers import Layer
from minigan.optim import Adam


def search(
    G: Layer,
    x: Array,
    z: Array,
    features: Layer | None = None,
    *,
    steps: int = 80,
    lr: float = 0.05,
    pixels: float = 5.0,
    prior: float = 0.005,
) -> Iterator[Array]:
    """Move z in place until G(z) resembles x; after each step, the loss of every sample (N,).

    With f the features of a recognition network, s = mean ‖f(x)‖² over the batch, n pixels, d the
    length of z, for every sample:

    Loss        L = ‖f(G(z)) - f(x)‖² / s + pixels · ‖G(z) - x‖² / n + prior · ‖z‖² / d
    Gradient    dy = features' input gradient of 2 (f(G(z)) - f(x)) / s + 2 pixels (G(z) - x) / n
                dz = G's input gradient of dy + 2 prior z / d
    Update      z ← Adam(dz), the rate falling to zero in the second half

    The samples' losses are added up, so that each has its own search. The weights of both networks
    stay as they are. The first term keeps what the image shows, the second how it is drawn.

    G           bound to the known condition of x
    z           where the search begins, (N, d): an encoder's guess
    features    takes images in [-1, 1]; None: the pixels alone

    Source      Antipov, Baccouche & Dugelay 2017, section 2.2, with Adam instead of L-BFGS.
    """
    optimizer, n, d = Adam([("z", z)], lr, betas=(0.9, 0.999)), x[0].size, z.shape[1]
    target: Any = None if features is None else features.forward(x, train=False)[0]
    s = 1 if target is None else (target * target).sum() / len(x)
    for step in range(steps):
        y, cache = G.forward(z, train=False)
        drift = y - x
        loss = pixels / n * _squares(drift) + prior / d * _squares(z)
        dy = 2 * pixels / n * drift
        if features is not None:
            f, seen = features.forward(y, train=False)
            loss = loss + _squares(f - target) / s
            dy = dy + features.input_grad(2 / s * (f - target), seen)
        dz = G.input_grad(dy, cache) + 2 * prior / d * z
        optimizer.lr = lr * min(1.0, 2 * (steps - step) / steps)
        optimizer.step({"z": dz})
        yield loss


def _squares(x: Array) -> Array:
    """‖x‖² of every sample, (N,)."""
    return (x * x).reshape(len(x), -1).sum(axis=1)

"""Latent optimisation: the noise from which a generator makes a given image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minigan.device import Array
from minigan.layers import Layer
from minigan.optim import Adam


def search(
    G: Layer,
    x: Array,
    z: Array,
    features: Layer | None = None,
    others: Sequence[Layer] = (),
    *,
    steps: int = 80,
    lr: float = 0.05,
    pixels: float = 5.0,
    prior: float = 0.005,
) -> Iterator[Array]:
    """Move z in place until G(z) resembles x; after each step, the loss of every sample (N,).

    With f the features of a recognition network, s = mean ‖f(x)‖² over the batch, n pixels, d the
    length of z, G' one of `others`, the next one in each step, for every sample:

    Loss        L = R(G) + R(G') + pixels · ‖G(z) - x‖² / n + prior · ‖z‖² / d
                R(G) = ‖f(G(z)) - f(x)‖² / s
    Gradient    dR = features' input gradient of 2 (f(G(z)) - f(x)) / s
                dz = G's input gradient of dR(G) + 2 pixels (G(z) - x) / n
                   + input gradient of G' of dR(G') + 2 prior z / d
    Update      z ← Adam(dz), the rate falling to zero in the second half

    The samples' losses are added up, so that each has its own search. The weights of all networks
    stay as they are. R keeps what the image shows, the pixels how it is drawn.

    G           bound to the known condition of x
    z           where the search begins, (N, d): an encoder's guess
    features    takes images in [-1, 1]; None: the pixels alone
    others      G bound to other conditions, under which the image must show the same: without them
                many a z that makes this image makes another thing at another age

    Source      Antipov, Baccouche & Dugelay 2017, section 2.2, with Adam instead of L-BFGS; there
                R is of the known age alone.
    """
    optimizer, n, d = Adam([("z", z)], lr, betas=(0.9, 0.999)), x[0].size, z.shape[1]
    target: Any = None if features is None else features.forward(x, train=False)[0]
    s = 1 if target is None else (target * target).sum() / len(x)

    def recognised(y: Array) -> tuple[Array | float, Array | float]:
        """R and dR."""
        if features is None:
            return 0.0, 0.0
        f, seen = features.forward(y, train=False)
        return _squares(f - target) / s, features.input_grad(2 / s * (f - target), seen)

    for step in range(steps):
        y, cache = G.forward(z, train=False)
        R, dR = recognised(y)
        loss = R + pixels / n * _squares(y - x) + prior / d * _squares(z)
        dz = G.input_grad(dR + 2 * pixels / n * (y - x), cache) + 2 * prior / d * z
        if others and features is not None:
            other = others[step % len(others)]
            y, cache = other.forward(z, train=False)
            R, dR = recognised(y)
            loss, dz = loss + R, dz + other.input_grad(dR, cache)
        optimizer.lr = lr * min(1.0, 2 * (steps - step) / steps)
        optimizer.step({"z": dz})
        yield loss


def _squares(x: Array) -> Array:
    """‖x‖² of every sample, (N,)."""
    return (x * x).reshape(len(x), -1).sum(axis=1)

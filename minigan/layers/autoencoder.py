"""Autoencoder: a discriminator whose verdict is how badly it redraws the sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers.composite import Named, grads_of
from minigan.layers.layer import Cache, Grads, Layer


def _total(t: Array) -> Array:
    """Σ over each sample's numbers, one for every sample, with all axes kept."""
    return t.sum(axis=tuple(range(1, t.ndim)), keepdims=True)


def _size(r: Array) -> int:
    """p, the number of values of one sample."""
    return math.prod(r.shape[1:])


@dataclass(frozen=True)
class Energy:
    """e(r) of each sample's residual r = rec - x (N, ...): a number (N, 1, ...), its gradient and its curvature."""

    value: Callable[[Array], Array]  # e
    slope: Callable[[Array, Array], Array]  # r, e -> g = de/dr
    bend: Callable[[Array, Array, Array], Array]  # tau, r, e -> (d²e/dr²) · tau


def _l2_bend(tau: Array, r: Array, e: Array) -> Array:
    g = r / e
    return (tau - g * _total(g * tau)) / e


ENERGIES = {
    "l2": Energy(lambda r: np.sqrt(_total(r * r) + 1e-12), lambda r, e: r / e, _l2_bend),
    "sse": Energy(lambda r: _total(r * r), lambda r, e: 2 * r, lambda tau, r, e: 2 * tau),
    "mse": Energy(
        lambda r: _total(r * r) / _size(r), lambda r, e: 2 / _size(r) * r, lambda tau, r, e: 2 / _size(r) * tau
    ),
    "l1": Energy(
        lambda r: _total(np.abs(r)) / _size(r), lambda r, e: np.sign(r) / _size(r), lambda tau, r, e: np.zeros_like(r)
    ),
}


class EncoderDecoder(Named):
    """Two layers, `encoder` and `decoder`, under one name: "encoder.0.weight". It computes nothing itself."""

    parts = ("encoder", "decoder")
    encoder: Layer
    decoder: Layer

    def __init__(self, encoder: Layer, decoder: Layer) -> None:
        super().__init__(encoder=encoder, decoder=decoder)


class Autoencoder(EncoderDecoder):
    """Squeeze the sample into a code, draw it again from the code, and report how far off the drawing is.

    Shapes      x, rec, r, dx, ddx (N, ...); S (N, d); e, w (N, 1); y, dy, ddy (N, 1 + d)

    Forward     S = encoder(x)        rec = decoder(S)        r = rec - x
                y = [e, S]            e_i = energy of r_i:

                l2   √(Σ r² + 1e-12)        g = r / e             H τ = (τ - g Σ g τ) / e
                sse  Σ r²                   g = 2 r               H τ = 2 τ
                mse  Σ r² / p               g = 2 r / p           H τ = 2 τ / p
                l1   Σ |r| / p              g = sign(r) / p       H τ = 0
                p = values per sample, g = de/dr, H = dg/dr

    Backward    dy = [w, dS]          E, D the Jacobians of encoder and decoder
                u  = w · g
                dx = Eᵀ (Dᵀ u + dS) - u        the sample enters twice: -u is its way past the network, r = rec - x

    Twice       <ddx, dx> = <t, dS> + <τ, w · g>     t = E ddx, the code's tangent     τ = D t - ddx, that of r
                ddy  = [<τ_i, g_i>, t]
                dr   = w · H τ                       goes home as r came: through both parts, and straight to x
                dx   = Eᵀ (Dᵀ dr + what the decoder owes S) + what the encoder owes x - dr

    Names       "encoder.0.weight", "decoder.3.bias"; grads {"encoder": {...}, "decoder": {...}}.
    Cache       those of both parts, r, and e with the axes of r.
    Source      Zhao, Mathieu & LeCun 2016 (EBGAN), section 2; "Twice" derived here.
    """

    def __init__(self, encoder: Layer, decoder: Layer, energy: str = "l2") -> None:
        super().__init__(encoder, decoder)
        if energy not in ENERGIES:
            raise ValueError(f"unknown energy {energy!r} of an Autoencoder; known are {', '.join(ENERGIES)}")
        self.energy = energy

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 2, "(N, ...)")
        S, encoded = self.encoder.forward(x, train)
        if S.ndim != 2 or len(S) != len(x):
            raise ValueError(f"{self}: the code of {len(x)} samples has shape {S.shape}, expected ({len(x)}, d)")
        rec, decoded = self.decoder.forward(S, train)
        if rec.shape != x.shape:
            raise ValueError(f"{self}: the decoder draws {rec.shape} for x of shape {x.shape}; they must be the same")
        r = rec - x
        e = ENERGIES[self.energy].value(r)
        return np.concatenate([e.reshape(-1, 1), S], axis=1), (encoded, decoded, r, e)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        encoded, decoded, r, e = cache
        u = _weights(dy, r) * ENERGIES[self.energy].slope(r, e)
        dS: Array = self.decoder.backward(u, decoded, grads_of("decoder", grads))
        dx: Array = self.encoder.backward(dS + dy[:, 1:], encoded, grads_of("encoder", grads), need_dx)
        return dx - u if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and the trace: dy, and what the encoder and the decoder want to see again."""
        encoded, decoded, r, e = cache
        u = _weights(dy, r) * ENERGIES[self.energy].slope(r, e)
        dS, seen_by_decoder = self.decoder.traced_backward(u, decoded)
        dx, seen_by_encoder = self.encoder.traced_backward(dS + dy[:, 1:], encoded)
        return dx - u, [dy, seen_by_encoder, seen_by_decoder]

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, which is then traced here."""
        dy, *seen = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        encoded, decoded, r, e = cache
        energy = ENERGIES[self.energy]
        t, owed_to_x, grads_e = self.encoder.double_backward(ddx, seen[0], encoded)
        tangent, owed_to_S, grads_d = self.decoder.double_backward(t, seen[1], decoded)
        tau = tangent - ddx
        dw = _total(tau * energy.slope(r, e)).reshape(-1, 1)
        dr = _weights(dy, r) * energy.bend(tau, r, e)
        dS: Array = self.decoder.backward(dr, decoded, grads_d)
        dx: Array = self.encoder.backward(dS if owed_to_S is None else dS + owed_to_S, encoded, grads_e)
        dx = dx - dr if owed_to_x is None else dx - dr + owed_to_x
        return np.concatenate([dw, t], axis=1), dx, {"encoder": grads_e, "decoder": grads_d}

    def __repr__(self) -> str:
        return f"Autoencoder({self.encoder}, {self.decoder}, energy={self.energy!r})"


def _weights(dy: Array, r: Array) -> Array:
    """w, the first column of dy, with the axes of r."""
    return dy[:, 0].reshape(-1, *(1,) * (r.ndim - 1))

"""Autoencoder: a discriminator whose output is the error of its reconstruction."""

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
    """e(r) of each sample's residual r = rec - x (N, ...): a number (N, 1, ...), its gradient and
    its curvature."""

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
        lambda r: _total(r * r) / _size(r),
        lambda r, e: 2 / _size(r) * r,
        lambda tau, r, e: 2 / _size(r) * tau,
    ),
    "l1": Energy(
        lambda r: _total(np.abs(r)) / _size(r),
        lambda r, e: np.sign(r) / _size(r),
        lambda tau, r, e: np.zeros_like(r),
    ),
}


class EncoderDecoder(Named):
    """Two layers, `encoder` and `decoder`, with common names. It computes nothing itself."""

    parts = ("encoder", "decoder")
    encoder: Layer
    decoder: Layer

    def __init__(self, encoder: Layer, decoder: Layer) -> None:
        super().__init__(encoder=encoder, decoder=decoder)


class Autoencoder(EncoderDecoder):
    """Encode the sample, decode the code, and return the energy of the difference, and the code.

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
                dx = Eᵀ (Dᵀ u + dS) - u        -u because x enters r = rec - x directly, too

    Twice       <ddx, dx> = <t, dS> + <τ, w · g>     t = E ddx, the tangent of the code
                ddy  = [<τ_i, g_i>, t]               τ = D t - ddx, the tangent of r
                dr   = w · H τ                       back through both parts, and directly to x
                dx   = Eᵀ (Dᵀ dr + dS₂) + dx₂ - dr   dS₂ of the decoder's second-order pass, dx₂ of
                                                     the encoder's

    Names       "encoder.0.weight", "decoder.3.bias"; grads {"encoder": {...}, "decoder": {...}}.
    Cache       those of both parts; r, and e with the axes of r, because g and H depend on them.
    Source      Zhao, Mathieu & LeCun 2016 (EBGAN), section 2; "Twice" derived here.
    """

    def __init__(self, encoder: Layer, decoder: Layer, energy: str = "l2") -> None:
        super().__init__(encoder, decoder)
        if energy not in ENERGIES:
            known = ", ".join(ENERGIES)
            raise ValueError(f"unknown energy {energy!r} of an Autoencoder; known are {known}")
        self.energy = energy

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 2, "(N, ...)")
        S, encoded = self.encoder.forward(x, train)
        if S.ndim != 2 or len(S) != len(x):
            shapes = f"has shape {S.shape}, expected ({len(x)}, d)"
            raise ValueError(f"{self}: the code of {len(x)} samples {shapes}")
        rec, decoded = self.decoder.forward(S, train)
        if rec.shape != x.shape:
            shapes = f"{rec.shape} for x of shape {x.shape}"
            raise ValueError(f"{self}: the decoder returns {shapes}; they must be the same")
        r = rec - x
        e = ENERGIES[self.energy].value(r)
        return np.concatenate([e.reshape(-1, 1), S], axis=1), (encoded, decoded, r, e)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        encoded, decoded, r, e = cache
        u = _weights(dy, r) * ENERGIES[self.energy].slope(r, e)
        dS: Array = self.decoder.backward(u, decoded, grads_of("decoder", grads))
        dS = dS + dy[:, 1:]
        dx: Array = self.encoder.backward(dS, encoded, grads_of("encoder", grads), need_dx)
        return dx - u if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and the trace: dy, and the traces of the encoder and the decoder."""
        encoded, decoded, r, e = cache
        u = _weights(dy, r) * ENERGIES[self.energy].slope(r, e)
        dS, seen_by_decoder = self.decoder.traced_backward(u, decoded)
        dx, seen_by_encoder = self.encoder.traced_backward(dS + dy[:, 1:], encoded)
        return dx - u, [dy, seen_by_encoder, seen_by_decoder]

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        dy, *seen = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        encoded, decoded, r, e = cache
        energy = ENERGIES[self.energy]
        t, dx2, grads_e = self.encoder.double_backward(ddx, seen[0], encoded)
        tangent, dS2, grads_d = self.decoder.double_backward(t, seen[1], decoded)
        tau = tangent - ddx
        dw = _total(tau * energy.slope(r, e)).reshape(-1, 1)
        dr = _weights(dy, r) * energy.bend(tau, r, e)
        dS: Array = self.decoder.backward(dr, decoded, grads_d)
        dx: Array = self.encoder.backward(dS if dS2 is None else dS + dS2, encoded, grads_e)
        dx = dx - dr if dx2 is None else dx - dr + dx2
        return np.concatenate([dw, t], axis=1), dx, {"encoder": grads_e, "decoder": grads_d}

    def __repr__(self) -> str:
        return f"Autoencoder({self.encoder}, {self.decoder}, energy={self.energy!r})"


def _weights(dy: Array, r: Array) -> Array:
    """w, the first column of dy, with the axes of r."""
    return dy[:, 0].reshape(-1, *(1,) * (r.ndim - 1))

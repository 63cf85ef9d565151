"""Model: a generator and a discriminator that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minigan.device import Array
from minigan.layers import Autoencoder, BatchNorm, Layer, LayerNorm, Network


@dataclass(frozen=True)
class Model:
    """G maps z (N, z_dim) to samples (N, *sample_shape) in [-1, 1]; D maps samples to what models/critic.py names.

    Where G makes codes, `autoencoder` has the two networks that codes belong to: the encoder from samples to codes
    (N, d) in (0, 1), and the decoder from codes to samples. D then reads codes.
    """

    name: str
    G: Network
    D: Layer
    z_dim: int
    sample_shape: tuple[int, ...]
    autoencoder: tuple[Network, Network] | None = None

    def summary(self) -> None:
        """Print each network as a table: layer, output shape, parameters."""
        print(self.table())

    def table(self) -> str:
        """The text that `summary` prints."""
        sides = [("generator", self.G, (self.z_dim,)), *self._sides_of_D()]
        return "\n\n".join(_table(f"{self.name}: {side}", network, shape, self._some) for side, network, shape in sides)

    def _sides_of_D(self) -> list[tuple[str, Layer, tuple[int, ...]]]:
        """D, or the networks it is made of, and the autoencoder's, by name, with the shape of what goes in."""
        if self.autoencoder is not None:
            return self._parts("frozen autoencoder", *self.autoencoder)
        if isinstance(self.D, Autoencoder):
            return self._parts("discriminator", self.D.encoder, self.D.decoder)
        name = "discriminator" if count(self.D) else "no discriminator, samples are compared as they are"
        return [(name, self.D, self.sample_shape)]

    def _parts(self, kind: str, encoder: Layer, decoder: Layer) -> list[tuple[str, Layer, tuple[int, ...]]]:
        codes = encoder.forward(np.zeros_like(self._some, shape=(1, *self.sample_shape)), train=False)[0].shape[1:]
        return [(f"{kind}, encoder", encoder, self.sample_shape), (f"{kind}, decoder", decoder, codes)]

    @property
    def _some(self) -> Array:
        """An array where the networks are, of their data type."""
        return next(self.G.named_params())[1]


def count(layer: Layer) -> int:
    """Number of trained numbers."""
    return sum(param.size for _, param in layer.named_params())


def _table(title: str, network: Layer, shape: tuple[int, ...], some: Array) -> str:
    rows = [(repr(layer), str(out), f"{count(layer):,}") for layer, out in _outputs(network, shape, some)]
    rows = [(title, "output shape", "parameters"), *rows, ("total", "", f"{count(network):,}")]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _outputs(network: Layer, shape: tuple[int, ...], some: Array) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    """Every layer with the shape of one sample after it, found by sending a zero through."""
    x = np.zeros_like(some, shape=(1, *shape))
    for layer in network.layers if isinstance(network, Network) else (network,):
        x, _ = layer.forward(x, train=False)
        yield layer, tuple(x.shape[1:])


def norm(kind: str | None, shape: tuple[int, ...]) -> list[Layer]:
    """The normalisation called `batch`, `layer` or None for samples of this shape, as a list of no or one layer."""
    if kind not in ("batch", "layer", None):
        raise ValueError(f"unknown normalisation {kind!r}; known are 'batch', 'layer' and None")
    if kind is None:
        return []
    return [BatchNorm(shape[-1]) if kind == "batch" else LayerNorm(shape)]

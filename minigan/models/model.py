"""Model: a generator and a discriminator that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minigan.layers import BatchNorm, Layer, LayerNorm, Network


@dataclass(frozen=True)
class Model:
    """G maps z (N, z_dim) to samples (N, *sample_shape) in [-1, 1]; D maps samples to raw scores (N, 1)."""

    name: str
    G: Network
    D: Network
    z_dim: int
    sample_shape: tuple[int, ...]

    def summary(self) -> None:
        """Print each network as a table: layer, output shape, parameters."""
        print(self.table())

    def table(self) -> str:
        """What `summary` prints."""
        sides = (("generator", self.G, (self.z_dim,)), ("discriminator", self.D, self.sample_shape))
        return "\n\n".join(_table(f"{self.name}: {side}", network, shape) for side, network, shape in sides)


def count(layer: Layer) -> int:
    """Number of trained numbers."""
    return sum(param.size for _, param in layer.named_params())


def _table(title: str, network: Network, shape: tuple[int, ...]) -> str:
    rows = [(repr(layer), str(out), f"{count(layer):,}") for layer, out in _outputs(network, shape)]
    rows = [(title, "output shape", "parameters"), *rows, ("total", "", f"{count(network):,}")]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _outputs(network: Network, shape: tuple[int, ...]) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    """Every layer with the shape of one sample behind it, found by sending a zero through."""
    _, some = next(network.named_params())
    x = np.zeros_like(some, shape=(1, *shape))
    for layer in network.layers:
        x, _ = layer.forward(x, train=False)
        yield layer, tuple(x.shape[1:])


def norm(kind: str | None, shape: tuple[int, ...]) -> list[Layer]:
    """The normalisation called `batch`, `layer` or None for samples of this shape, as a list of no or one layer."""
    if kind not in ("batch", "layer", None):
        raise ValueError(f"unknown normalisation {kind!r}; known are 'batch', 'layer' and None")
    if kind is None:
        return []
    return [BatchNorm(shape[-1]) if kind == "batch" else LayerNorm(shape)]

"""The networks of `models` with a condition: labels or vectors, in one of several places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minigan.layers import (
    Autoencoder,
    BatchNorm,
    ConditionalBatchNorm,
    Conv2d,
    ConvTranspose2d,
    Join,
    Layer,
    Linear,
    Network,
    Projection,
    SpectralNorm,
)
from minigan.models import get
from minigan.models.critic import Critic
from minigan.models.model import Model
from minigan.random import Streams

# Where D takes its condition.
PLACES = {
    "projection": "the last layer projects features onto a vector for every class",
    "late": "joined to the flat features, before the first fully connected layer",
    "concat": "joined to the pixels, as constant maps",
    "auxiliary": "D takes none, and gives the logits of a classifier beside its score",
    "both": "late and projection",
}


def conditional(
    name: str,
    streams: Streams,
    *,
    sample_shape: tuple[int, ...],
    z_dim: int,
    classes: int | None = None,
    vectors: int | None = None,
    place: str = "projection",
    batchnorm: bool = False,
    critic: Critic | None = None,
    **sizes: Any,
) -> Model:
    """The model called `name` whose G and D take labels of `classes` classes, or vectors of `vectors` numbers.

    place      where D takes the condition, a key of PLACES
    batchnorm  G takes it in its batch norms, and noise alone at its input; else joined to the noise

    ValueError where the place does not suit what D gives.
    """
    condition: dict[str, Any] = {"classes": classes, "vectors": vectors}
    d = classes or vectors or 0
    critic = Critic() if critic is None else critic
    _check(place, critic, batchnorm)
    rng, plain = streams("condition"), replace(critic, spectral_norm=False)
    built = {"sample_shape": sample_shape, "critic": plain, **sizes}
    model = get(name, streams, z_dim=z_dim if batchnorm else z_dim + d, **built)
    up: list[Layer] = list(model.G.layers) if batchnorm else [Join(**condition), *model.G.layers]
    if batchnorm:
        up = [_conditional_norm(layer, condition, rng) for layer in up]
        if not any(isinstance(layer, ConditionalBatchNorm) for layer in up):
            raise ValueError(f"G of {name} has no batch norm that could take the condition")
    if place == "concat":
        joined = {**built, "sample_shape": (*sample_shape[:-1], sample_shape[-1] + d)}
        down = [Join(**condition), *_layers(get(name, Streams(streams.seed), **joined).D)]
    else:
        down = _with_condition(_layers(model.D), place, condition, d, rng)
    if critic.spectral_norm:
        down = [_spectral(layer, streams("init")) for layer in down]
    return Model(name, Network(*up), Network(*down), z_dim, sample_shape)


def _check(place: str, critic: Critic, batchnorm: bool) -> None:
    if place not in PLACES:
        raise ValueError(f"unknown place of a condition {place!r}; known are {', '.join(PLACES)}")
    if critic.output not in ("score", "mean", "covariance", "features"):
        raise ValueError("a condition needs a D that gives a score or features; this objective's D gives none")
    if critic.output != "score" and place in ("projection", "both", "auxiliary"):
        raise ValueError(f"the place {place} needs a D that gives a score; take late or concat for this objective")
    if critic.spectral_norm and place in ("projection", "both"):
        raise ValueError(f"the place {place} has no spectral norm; take late or concat")


def _layers(D: Layer) -> list[Layer]:
    assert isinstance(D, Network) and not isinstance(D, Autoencoder)
    return list(D.layers)


def _with_condition(
    layers: list[Layer], place: str, condition: dict[str, Any], d: int, rng: np.random.Generator
) -> list[Layer]:
    """D's layers with the condition at its place; weights that are there already stay."""
    if place in ("late", "both"):
        i = next(i for i, layer in enumerate(layers) if isinstance(layer, Linear))
        layers[i : i + 1] = Join(**condition), _widened(layers[i], rng, rows=d)
    last: Any = layers[-1]
    if place in ("projection", "both"):
        head = Projection(last.in_features, **condition, rng=rng)
        head.weight, head.bias = last.weight, last.bias
        layers[-1] = head
    if place == "auxiliary":
        layers[-1] = _widened(last, rng, columns=d)
    return layers


def _widened(layer: Any, rng: np.random.Generator, *, rows: int = 0, columns: int = 0) -> Linear:
    """The linear layer with more inputs or outputs, whose weights are drawn in the size of those that are there."""
    bias = "bias" in layer.params
    wider = Linear(layer.in_features + rows, layer.out_features + columns, bias, rng=rng)
    wider.weight[...] = rng.normal(0, layer.weight.std(), wider.weight.shape)
    wider.weight[: layer.in_features, : layer.out_features] = layer.weight
    return wider


def _conditional_norm(layer: Layer, condition: dict[str, Any], rng: np.random.Generator) -> Layer:
    return ConditionalBatchNorm(layer.num_features, **condition, rng=rng) if isinstance(layer, BatchNorm) else layer


def _spectral(layer: Layer, rng: np.random.Generator) -> Layer:
    if isinstance(layer, Linear | Conv2d | ConvTranspose2d):
        return SpectralNorm(layer, rng=rng)
    return layer

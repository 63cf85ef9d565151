"""Inception as an extractor: the network that makes a Fréchet distance the FID."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from minigan.device import Array, like
from minigan.layers import Layer
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.features.inception import tensors as numbers
from minigan.metrics.features.inception import weights
from minigan.metrics.features.inception.network import inception_v3
from minigan.metrics.features.inception.table import CLASSES, CONVOLUTIONS, Table
from minigan.metrics.features.resize import checked, prepare
from minigan.metrics.features.torchfile import read


class Inception(Extractor):
    """The feature network of FID, KID and Inception Score: 2048 features, 1008 classes, called by their numbers.

    Images of any size are brought to 299 x 299 in one of three ways (`resize`): `variant` pt, tf1 or clean. Every
    image costs 5.7 billion multiplications. `body` makes maps whose means are the features, `head` the logits.

    The logits are features · weight, without bias: those of the Inception Score, not those that classify best.
    """

    classes = tuple(map(str, range(CLASSES)))
    batch = 16  # an image takes about 20 MB on its way

    def __init__(
        self,
        tensors: numbers.Tensors,
        *,
        name: str,
        digest: str,
        variant: str = "pt",
        table: Table = CONVOLUTIONS,
    ) -> None:
        """The network of these tensors, named and shaped as PyTorch has them; ValueError lists all that are wrong."""
        self.name, self.digest, self.variant, self.d = name, digest, checked(variant), numbers.width(table)
        numbers.check(tensors, table)
        self.body = inception_v3(partial(numbers.unit, tensors, table))
        self.head = numbers.head(tensors)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, *, variant: str = "pt", allow_unverified: bool = False
    ) -> Inception:
        """The network of the published weights, from a file that the user has fetched; nothing is downloaded.

        path              of the file; None looks where MINIGAN_INCEPTION_WEIGHTS points, else in the user's cache
        allow_unverified  take another file than the published one too, under the name "inception-unverified"

        FileNotFoundError: no such file; the message names what to fetch. ValueError: unknown variant; or, with the
        path, that this is not the published file, or not a file of Inception's tensors.
        """
        checked(variant)
        file = weights.find(path)
        name, sha256 = weights.examine(file, allow_unverified=allow_unverified)
        tensors = read(file)
        try:
            return cls(tensors, name=name, digest=sha256, variant=variant)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error

    @classmethod
    def random(cls, rng: np.random.Generator, *, variant: str = "pt", table: Table = CONVOLUTIONS) -> Inception:
        """A network of random weights: its scores mean nothing, but all else about it is as it should be."""
        tensors = numbers.draw(rng, table)
        return cls(tensors, name="inception-random", digest=numbers.digest(tensors), variant=variant, table=table)

    def networks(self) -> tuple[Layer, Layer]:
        return self.body, self.head

    def bring(self, images: np.ndarray) -> Array:
        return prepare(like(images, self.head.weight), self.variant)

    def look(self, x: Array) -> tuple[Array, Array]:
        for layer in self.body.layers:  # one by one: what each keeps for a backward pass is dropped at once
            x, _ = layer.forward(x, train=False)
        features = x.mean(axis=(1, 2))
        logits, _ = self.head.forward(features, train=False)
        return features, logits

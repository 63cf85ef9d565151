"""The layers with conditions that are checked: labels, vectors, captions."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigan.checks.layer_case import LayerCase
from minigan.layers import (
    Augment,
    Autoencoder,
    BatchNorm,
    Branches,
    ConditionalBatchNorm,
    Conditioned,
    Conv2d,
    Embedding,
    Flatten,
    Join,
    Linear,
    MaskedMax,
    Network,
    Projection,
    Softplus,
    Tanh,
)


def conditional_layers(flat: tuple[int, ...], image: tuple[int, ...]) -> list[LayerCase]:
    """Conditions that are labels, and vectors of 5 numbers."""
    case, vectors = LayerCase, (5,)
    return [
        case(lambda rng: Join(3), flat, condition=3),
        case(lambda rng: Join(3), image, condition=3, name="Join(3), images"),
        case(lambda rng: Join(), flat, condition=vectors),
        case(lambda rng: Join(vectors=5), image, condition=vectors, name="Join(vectors=5), images"),
        case(lambda rng: Join(), image, condition=vectors, wanted=False, tangent=False, name="Join(), x alone"),
        case(partial(_joined, Join(3), 3), image, condition=3, name="Network with Join(3)"),
        case(partial(_joined, Join(), 5), image, condition=vectors, name="Network with Join()"),
        case(_joined_everywhere, flat, condition=vectors, name="Autoencoder of Branches with Join()"),
        case(_conditioned, image, condition=vectors, name="Conditioned, image"),
        case(_conditioned, image, train=False, condition=vectors, name="Conditioned, image"),
        case(_conditioned, image, condition=vectors, wanted=False, tangent=False, name="Conditioned, x alone"),
        *_tabled(flat, image),
        *_of_text(flat),
        case(_embedded, image, condition=3, name="Conditioned by Embedding, image"),
        case(_embedded_words, flat, condition=3, name="Conditioned by Embedding with padding"),
        case(_conditioned_inside, flat, condition=vectors, name="Conditioned in a Network, beside Join()"),
    ]


def _tabled(flat: tuple[int, ...], image: tuple[int, ...]) -> list[LayerCase]:
    """Layers with tables, at labels and at vectors."""
    case, vectors = LayerCase, (5,)
    norm, project = partial(ConditionalBatchNorm, classes=3), partial(Projection, vectors=5)
    return [
        case(lambda rng: norm(2), image, condition=3),
        case(lambda rng: norm(6), flat, condition=3),
        case(lambda rng: norm(2), image, train=False, condition=3),
        case(_normalised, image, condition=vectors),
        case(_normalised, image, train=False, condition=vectors),
        case(_normalised, image, condition=vectors, wanted=False, tangent=False, name=f"{NORM}, x alone"),
        case(lambda rng: Projection(6, classes=3, rng=rng), flat, condition=3),
        case(lambda rng: project(6, rng=rng), flat, condition=vectors),
        case(
            lambda rng: project(6, rng=rng),
            flat,
            condition=vectors,
            wanted=False,
            tangent=False,
            name=f"{HEAD}, x alone",
        ),
        case(_tables, image, condition=3, name=f"Conditioned: {NORM} and {HEAD}"),
        case(_tables, image, train=False, condition=3, name=f"Conditioned: {NORM} and {HEAD}"),
    ]


NORM, HEAD = "ConditionalBatchNorm", "Projection"


def _normalised(rng: np.random.Generator) -> ConditionalBatchNorm:
    return ConditionalBatchNorm(2, vectors=5, rng=rng)


def _tables(rng: np.random.Generator) -> Conditioned:
    norm, head = ConditionalBatchNorm(3, vectors=4, rng=rng), Projection(60, vectors=4, rng=rng)
    row = Tanh(), Conv2d(2, 3, 3, 1, 1, bias=False, rng=rng), norm, Softplus(), Flatten(), head
    return Conditioned(Embedding(3, 4, rng=rng), Network(*row))


def _of_text(flat: tuple[int, ...]) -> list[LayerCase]:
    """Make a condition of a caption: its positions are words where the random condition is positive."""
    case, shape = LayerCase, (3, 8, 4)
    return [
        case(lambda rng: Augment(6, 5, rng=rng), flat),
        case(lambda rng: Augment(6, 5, rng=rng), flat, train=False),
        case(_augmented, flat, condition=(5,), wanted=False, tangent=False, name="Conditioned by Augment"),
        case(lambda rng: MaskedMax(), shape, condition=(8,), tangent=False),
        case(_most, shape, condition=(8,), tangent=False, name="Network with MaskedMax"),
    ]


def _augmented(rng: np.random.Generator) -> Conditioned:
    return Conditioned(Augment(5, 3, rng=rng), Network(Join(), Tanh(), Linear(9, 2, rng=rng)))


def _most(rng: np.random.Generator) -> Network:
    return Network(Tanh(), MaskedMax(), Linear(4, 3, rng=rng))


def _joined(join: Join, d: int, rng: np.random.Generator) -> Network:
    down = Conv2d(2 + d, 3, 3, 1, 1, rng=rng)
    return Network(Tanh(), join, down, BatchNorm(3), Tanh(), Flatten(), Linear(60, 2, rng=rng))


def _joined_everywhere(rng: np.random.Generator) -> Autoencoder:
    encoder = Branches(Network(Join(), Linear(11, 2, rng=rng), Tanh()), Linear(6, 2, rng=rng))
    return Autoencoder(encoder, Network(Join(), Softplus(), Linear(9, 6, rng=rng)), "mse")


def _conditioned(rng: np.random.Generator) -> Conditioned:
    embed = Network(Linear(5, 4, rng=rng), Tanh(), Linear(4, 3, rng=rng), Softplus())
    return Conditioned(embed, _joined(Join(), 3, rng))


def _embedded(rng: np.random.Generator) -> Conditioned:
    return Conditioned(Embedding(3, 4, rng=rng), _joined(Join(), 4, rng))


def _embedded_words(rng: np.random.Generator) -> Conditioned:
    embed = Network(Embedding(3, 4, 1, rng=rng), Tanh(), Linear(4, 2, rng=rng))
    return Conditioned(embed, Network(Tanh(), Join(), Linear(8, 3, rng=rng), Softplus()))


def _conditioned_inside(rng: np.random.Generator) -> Network:
    inner = Conditioned(Network(Linear(5, 3, rng=rng), Tanh()), Network(Join(), Linear(14, 4, rng=rng), Tanh()))
    return Network(Join(), Tanh(), inner, Linear(4, 1, rng=rng))

"""The layers that are checked, in sizes that reveal mistakes: odd maps, not square, not divided by the strides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from minigan.checks.image_layers import image_layers
from minigan.checks.styled_layers import styled_layers
from minigan.gradcheck import layer_errors
from minigan.layers import (
    ELU,
    Augment,
    Autoencoder,
    AvgPool2d,
    BatchNorm,
    Branches,
    ConditionalBatchNorm,
    Conditioned,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Dropout,
    Embedding,
    Flatten,
    Join,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaskedMax,
    MaxPool2d,
    Network,
    Noise,
    Projection,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    SpectralNorm,
    Tanh,
)
from minigan.layers.autoencoder import ENERGIES
from minigan.random import Streams


@dataclass(eq=False)
class LayerCase:
    """A layer to check at inputs of one shape, in training or evaluation mode.

    A layer that takes a condition is checked at one: `condition` is a number of classes, for labels, or the shape of
    one sample's vector. `wanted` asks for the gradient with respect to vectors, `tangent` gives them one.
    """

    make: Callable[[np.random.Generator], Layer]
    shape: tuple[int, ...]
    train: bool = True
    name: str = ""  # where the layer's own would be too long for a table
    condition: int | tuple[int, ...] | None = None
    wanted: bool = True
    tangent: bool = True
    streams: Streams = field(init=False)
    unbound: Layer = field(init=False)
    c: Any = field(init=False, default=None)  # the condition itself
    towards: Any = field(init=False, default=None)  # its tangent

    def __post_init__(self) -> None:
        self.streams = Streams(0)
        self.unbound = self.make(self.streams("layer"))
        numbers, N = self.streams.at("condition", 0), self.shape[0]
        if isinstance(self.condition, int):
            self.c = numbers.integers(self.condition, size=N)
        elif self.condition is not None:
            self.c, towards = numbers.normal(size=(2, N, *self.condition))
            self.towards = towards if self.tangent else None
        self.convert(lambda array: array.astype(np.float64))
        randomise(self.unbound, self.streams("weights"))

    def __str__(self) -> str:
        return f"{self.name or self.unbound}{'' if self.train else ', eval mode'}"

    @property
    def layer(self) -> Layer:
        """The layer, bound to its condition where it takes one."""
        if self.c is None:
            return self.unbound
        return self.unbound.given(self.c, wanted=self.wanted, towards=self.towards)

    def convert(self, change: Callable[[Any], Any]) -> None:
        """Replace every array of the layer and of its condition by change(array). Labels stay integers."""
        self.unbound.convert(change)
        if self.c is not None:
            labels = isinstance(self.condition, int)
            self.c = change(self.c).astype(self.c.dtype) if labels else change(self.c)
        if self.towards is not None:
            self.towards = change(self.towards)

    def rewind(self) -> None:
        """Let the layer draw the same random numbers again (dropout)."""
        self.streams.seek(0)

    def input(self) -> np.ndarray:
        """Random numbers of the case's shape, none near 0, where piecewise linear layers have their kink."""
        x = self.streams.at("input", 0).normal(size=self.shape)
        return x + 0.1 * np.sign(x)

    def errors(self) -> dict[str, float]:
        """Relative errors of all derivatives, by name."""
        rng = self.streams.at("directions", 0)
        return layer_errors(self.unbound, self.input(), rng, self.train, self.rewind, self.c, self.towards)


def randomise(layer: Layer, rng: np.random.Generator) -> None:
    """Fill parameters and buffers with random numbers; those of running variances are positive."""
    for _, param in layer.named_params():
        param[...] = rng.normal(size=param.shape)
    for name, buffer in layer.named_buffers():
        buffer[...] = rng.uniform(0.5, 2, buffer.shape) if name.endswith("var") else rng.normal(size=buffer.shape)


def layer_cases() -> list[LayerCase]:
    """Every layer, and networks of them, batch norm in both modes."""
    flat, image, case = (4, 6), (3, 5, 4, 2), LayerCase
    return [
        case(lambda rng: Linear(6, 5, rng=rng), flat),
        case(lambda rng: Linear(6, 5, bias=False, rng=rng), flat, name="Linear(6, 5) without bias"),
        case(lambda rng: Conv2d(2, 3, 3, 1, 1, rng=rng), image),
        case(
            lambda rng: Conv2d(2, 3, (4, 3), (2, 1), (1, 2), rng=rng), (3, 7, 6, 2), name="Conv2d, 4 x 3, stride (2, 1)"
        ),
        case(
            lambda rng: Conv2d(2, 3, 2, 3, bias=False, rng=rng), (3, 8, 6, 2), name="Conv2d, windows with gaps, no bias"
        ),
        case(lambda rng: Conv2d(2, 3, (1, 7), 1, (0, 3), rng=rng), image, name="Conv2d, 1 x 7, padding (0, 3)"),
        case(lambda rng: Conv2d(2, 3, (7, 1), 1, (3, 0), rng=rng), image, name="Conv2d, 7 x 1, padding (3, 0)"),
        case(lambda rng: ConvTranspose2d(2, 3, 4, 2, 1, rng=rng), image, name="ConvTranspose2d, few channels"),
        case(lambda rng: ConvTranspose2d(2, 9, 4, 2, 1, rng=rng), image, name="ConvTranspose2d, many channels"),
        case(_odd_transpose, image, name="ConvTranspose2d, 2 x 3, stride (3, 2), no bias"),
        *_pools(),
        case(lambda rng: BatchNorm(2), image),
        case(lambda rng: BatchNorm(6), flat),
        case(lambda rng: BatchNorm(2), image, train=False),
        case(lambda rng: LayerNorm((5, 4, 2)), image),
        case(lambda rng: LayerNorm(6), flat),
        *(_plain(page, image) for page in (ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh, Flatten)),
        case(lambda rng: Reshape(4, 10), image),
        case(lambda rng: Dropout(0.3, rng=rng), image),
        case(lambda rng: Dropout(0.3, rng=rng), image, train=False),
        case(curved_critic, (4, 6, 5, 2), name="Network: conv, batch norm, tanh, linear"),
        case(curved_critic, (4, 6, 5, 2), train=False, name="Network: conv, batch norm, tanh, linear"),
        case(_nested, flat, name="Network in a Network: linear, layer norm, softplus"),
        case(_branches, image, name="Branches: batch norm beside pooling"),
        case(_branches, image, train=False, name="Branches: batch norm beside pooling"),
        case(_branches_in_the_middle, flat, name="Branches in a Network: linear, tanh beside linear"),
        *(case(_autoencoder(energy), image, name=f"Autoencoder, energy {energy}") for energy in ENERGIES),
        case(_autoencoder("mse"), image, train=False, name="Autoencoder, energy mse"),
        case(_autoencoder_in_the_middle, image, name="Autoencoder in a Network: tanh, autoencoder, linear"),
        case(lambda rng: Covariance(6, 4, rng=rng), flat),
        # In eval mode: in training u and v move with every pass, and count as constants all the same.
        case(lambda rng: SpectralNorm(Linear(6, 5, rng=rng), rng=rng), flat, train=False),
        case(_spectral_conv, image, train=False, name="SpectralNorm of Conv2d, no bias"),
        case(_spectral_transpose, image, train=False, name="SpectralNorm of ConvTranspose2d"),
        *(case(make, shape, name=name) for make, shape, name in (*image_layers(), *styled_layers())),
        case(lambda rng: Noise(5, 4, 2, rng=rng), image, train=False),
        *_conditional(flat, image),
    ]


def _conditional(flat: tuple[int, ...], image: tuple[int, ...]) -> list[LayerCase]:
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


def _pools() -> list[LayerCase]:
    """Windows that tile the image or leave a rest, overlap, have gaps between them, hang over the edge."""
    image = (3, 5, 8, 2)
    windows: list[tuple[Any, ...]] = [(2,), (3, 2), (3, 1, 1), ((1, 2), (2, 3))]
    cases = [_plain(partial(page, *window), image) for page in (MaxPool2d, AvgPool2d) for window in windows]
    for page in (MaxPool2d, AvgPool2d):
        title = f"{page.__name__}, 2 x 3, stride (3, 2), padding (1, 0)"
        cases.append(_plain(partial(page, (2, 3), (3, 2), (1, 0)), image, title))
    for title, window in (("3 x 3, stride 1", (3, 1, 1)), ("2 x 3, stride (3, 2)", ((2, 3), (3, 2), 1))):
        of_pixels = partial(AvgPool2d, *window, count_include_pad=False)
        cases.append(_plain(of_pixels, image, f"AvgPool2d, {title}, of real pixels"))
    return cases


def _autoencoder(energy: str) -> Callable[[np.random.Generator], Autoencoder]:
    def make(rng: np.random.Generator) -> Autoencoder:
        down = Conv2d(2, 3, 3, 2, 1, bias=False, rng=rng)
        encoder = Network(down, BatchNorm(3), Tanh(), Flatten(), Linear(18, 4, rng=rng))
        up = ConvTranspose2d(3, 2, (3, 4), 2, 1, rng=rng)
        return Autoencoder(encoder, Network(Linear(4, 18, rng=rng), Reshape(3, 2, 3), Softplus(), up), energy)

    return make


def _autoencoder_in_the_middle(rng: np.random.Generator) -> Network:
    return Network(Tanh(), _autoencoder("l2")(rng), Linear(5, 2, rng=rng))


def _spectral_conv(rng: np.random.Generator) -> SpectralNorm:
    return SpectralNorm(Conv2d(2, 3, (3, 2), (2, 1), 1, bias=False, rng=rng), rng=rng)


def _spectral_transpose(rng: np.random.Generator) -> SpectralNorm:
    return SpectralNorm(ConvTranspose2d(2, 3, (4, 3), 2, 1, rng=rng), rng=rng)


def _plain(page: Callable[[], Layer], shape: tuple[int, ...], name: str = "") -> LayerCase:
    return LayerCase(lambda rng: page(), shape, name=name)


def _odd_transpose(rng: np.random.Generator) -> Layer:
    return ConvTranspose2d(2, 9, (2, 3), (3, 2), (0, 1), (2, 1), bias=False, rng=rng)


def curved_critic(rng: np.random.Generator) -> Network:
    """A critic (N, 6, 5, 2) -> (N, 1) with all that is hard in it."""
    return Network(Conv2d(2, 3, 4, 2, 1, rng=rng), BatchNorm(3), Tanh(), Flatten(), Linear(18, 1, rng=rng))


def _branches(rng: np.random.Generator) -> Branches:
    curved = Network(Conv2d(2, 3, 3, 1, 1, rng=rng), BatchNorm(3), Tanh())
    pooled = Network(AvgPool2d(3, 1, 1, count_include_pad=False), Conv2d(2, 4, 1, rng=rng))
    return Branches(curved, pooled, MaxPool2d(3, 1, 1))


def _branches_in_the_middle(rng: np.random.Generator) -> Network:
    skip = Branches(Network(Tanh(), Linear(5, 3, rng=rng)), Linear(5, 2, bias=False, rng=rng))
    return Network(Linear(6, 5, rng=rng), skip, Tanh(), Linear(5, 1, rng=rng))


def _nested(rng: np.random.Generator) -> Network:
    inner = Network(Linear(5, 4, rng=rng), LayerNorm(4), Softplus())
    return Network(Linear(6, 5, rng=rng), ELU(), inner, Linear(4, 1, rng=rng))

"""The layers that are checked, in sizes that reveal mistakes: odd maps, not square, not divided by the strides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigan.checks.conditional_layers import conditional_layers
from minigan.checks.image_layers import image_layers
from minigan.checks.layer_case import LayerCase
from minigan.checks.styled_layers import styled_layers
from minigan.layers import (
    ELU,
    Autoencoder,
    AvgPool2d,
    BatchNorm,
    Branches,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Network,
    Noise,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    SpectralNorm,
    Tanh,
)
from minigan.layers.autoencoder import ENERGIES


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
        *conditional_layers(flat, image),
    ]


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

"""minigan's generators and discriminators written for PyTorch: the GANs of `minigan/models` and the conditional one.

last: images lie in memory with their channels last. In the same order as minigan's, and with the same parameters.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

Z_DIM = 100  # of DCGAN's example; the recipes have fewer
Pair = tuple[nn.Module, nn.Module]


class Image(nn.Module):
    """Rows of numbers as images (N, C, H, W); with `last` they are read as (N, H, W, C), which costs no copy."""

    def __init__(self, C: int, H: int, W: int, last: bool) -> None:
        super().__init__()
        self.shape, self.last = ((H, W, C) if last else (C, H, W)), last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(len(x), *self.shape)
        return x.permute(0, 3, 1, 2) if self.last else x


class Rows(nn.Module):
    """Images as rows of numbers, in the order in which they lie in memory."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.permute(0, 2, 3, 1) if self.last else x).flatten(1)


class LayerNorm(nn.LayerNorm):
    """Zero mean and unit variance of each image, in the order in which its numbers lie in memory."""

    def __init__(self, C: int, H: int, W: int, last: bool) -> None:
        super().__init__((H, W, C) if last else (C, H, W))
        self.last = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if self.last else super().forward(x)


def mlp() -> Pair:
    """G and D of minigan/models/mlp.py."""
    up: list[nn.Module] = []
    for i, o in pairwise((Z_DIM, 256, 512, 1024)):
        up += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True)]
    down: list[nn.Module] = [nn.Flatten()]
    for i, o in pairwise((784, 1024, 512, 256)):
        down += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3)]
    G = nn.Sequential(*up, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
    return G, nn.Sequential(*down, nn.Linear(256, 1))


def infogan(last: bool, z_dim: int, width: float = 0.25, side: int = 28) -> Pair:
    """G and D of `infogan` in minigan/models/dcgan.py."""
    large, small, hidden = (round(width * channels) for channels in (128, 64, 1024))
    flat = (side // 4) ** 2 * large
    G = nn.Sequential(
        *(nn.Linear(z_dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)),
        *(nn.Linear(hidden, flat, bias=False), nn.BatchNorm1d(flat), nn.ReLU(inplace=True)),
        Image(large, side // 4, side // 4, last),
        *(nn.ConvTranspose2d(large, small, 4, 2, 1, bias=False), nn.BatchNorm2d(small), nn.ReLU(inplace=True)),
        *(nn.ConvTranspose2d(small, 1, 4, 2, 1), nn.Tanh()),
    )
    D = nn.Sequential(
        *(nn.Conv2d(1, small, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(small, large, 4, 2, 1, bias=False), nn.BatchNorm2d(large), nn.LeakyReLU(0.2, inplace=True)),
        *(Rows(last), nn.Linear(flat, hidden, bias=False), nn.BatchNorm1d(hidden)),
        *(nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)),
    )
    return G, D


def dcgan(last: bool, width: float = 1.0, side: int = 28, layer: bool = False) -> Pair:
    """G and D of `dcgan` in minigan/models/dcgan.py; `layer`: D has layer norm in place of batch norm."""
    return stairs((round(128 * width), round(64 * width)), side // 4, 1, last, layer)


def dcgan64(last: bool) -> Pair:
    """G and D of `dcgan64` in minigan/models/dcgan.py."""
    return stairs((512, 256, 128, 64), 4, 3, last)


def stairs(c: tuple[int, ...], size: int, C: int, last: bool, layer: bool = False) -> Pair:
    """G from maps of c[0] channels to images of C, and D back again, by stairs of stride 2."""
    up: list[nn.Module] = [
        nn.Linear(Z_DIM, size * size * c[0], bias=False),
        Image(c[0], size, size, last),
        nn.BatchNorm2d(c[0]),
        nn.ReLU(inplace=True),
    ]
    for i, o in pairwise(c):
        up += [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
    down: list[nn.Module] = [nn.Conv2d(C, c[-1], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for k, (i, o) in enumerate(pairwise(c[::-1]), 2):
        side = size * 2 ** (len(c) - k)
        down += [nn.Conv2d(i, o, 4, 2, 1, bias=False), LayerNorm(o, side, side, last) if layer else nn.BatchNorm2d(o)]
        down += [nn.LeakyReLU(0.2, inplace=True)]
    G = nn.Sequential(*up, nn.ConvTranspose2d(c[-1], C, 4, 2, 1), nn.Tanh())
    return G, nn.Sequential(*down, Rows(last), nn.Linear(size * size * c[0], 1))


class Joined(nn.Module):
    """G of a condition: the classes c (N,) stand beside the noise."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.network(torch.cat([z, nn.functional.one_hot(c, self.classes).to(z.dtype)], dim=1))


class Projected(nn.Module):
    """D of a condition: its features x give x · weight + bias + x · embed[c]."""

    def __init__(self, network: nn.Sequential, classes: int) -> None:
        super().__init__()
        self.features, self.score = network[:-1], network[-1]
        self.embed = nn.Embedding(classes, self.score.in_features)

    def forward(self, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        return self.score(x) + (x * self.embed(c)).sum(dim=1, keepdim=True)


def conditional(last: bool, z_dim: int, classes: int) -> Pair:
    """G and D of minigan/models/conditional.py around `infogan`, with a projection."""
    G, D = infogan(last, z_dim + classes)
    return Joined(G, classes), Projected(D, classes)

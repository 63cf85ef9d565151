"""The networks of minigan/models/stylegan.py written for PyTorch: styles that scale channels, and sums of images."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from benchmark_torch_networks import Pair, infogan
from torch import nn
from torch.nn import functional as F

Z_DIM, W_DIM = 16, 64
CHANNELS = (64, 32, 12)  # of the levels of 7, 14 and 28 pixels
GAIN = math.sqrt(2)  # before a leaky ReLU
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def leaky(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2, inplace=True)


class Equalized(nn.Module):
    """A linear layer whose weights have unit size and are scaled where they are used."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.rate = gain * rate / math.sqrt(inputs), rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.scale * self.weight, self.rate * self.bias)


class Mapping(nn.Module):
    """z -> w."""

    def __init__(self, z_dim: int, w_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Equalized(i, w_dim, GAIN, rate=0.5) for i in (z_dim, w_dim)])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            z = leaky(layer(z))
        return z


class Modulated(nn.Module):
    """A convolution whose input channels the style scales, and whose filters have unit length."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, size: int, up: bool = False) -> None:
        super().__init__()
        self.affine = Equalized(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn((inputs, outputs, 3, 3) if up else (outputs, inputs, 3, 3)))
        self.strength, self.bias = nn.Parameter(torch.zeros(outputs)), nn.Parameter(torch.zeros(outputs))
        self.scale, self.up, self.size = 1 / math.sqrt(9 * inputs), up, size
        self.register_buffer("blur", 4 * torch.outer(TAPS, TAPS).expand(outputs, 1, 4, 4).contiguous())

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        s, weight = self.affine(w), self.scale * self.weight
        x = x * s[:, :, None, None]
        lengths = s.square() @ (weight.square().sum(dim=(2, 3)) if self.up else weight.square().sum(dim=(2, 3)).T)
        x = F.conv_transpose2d(x, weight, stride=2) if self.up else F.conv2d(x, weight, padding=1)
        x = x * (GAIN * (lengths + 1e-8).rsqrt())[:, :, None, None]
        if self.up:
            x = F.conv2d(x, self.blur, padding=1, groups=len(self.blur))
        noise = torch.randn(len(x), 1, self.size, self.size)
        return leaky(x + self.strength[:, None, None] * noise + self.bias[:, None, None])


class ToImage(nn.Module):
    """A convolution of 1 x 1 pixels to a grey image, whose input channels the style scales."""

    def __init__(self, inputs: int, w_dim: int) -> None:
        super().__init__()
        self.affine = Equalized(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(1, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x * self.affine(w)[:, :, None, None], self.scale * self.weight, self.bias)


class Generator(nn.Module):
    """z -> an image of 28 x 28 pixels, the sum of an image of every level."""

    def __init__(self, last: bool, z_dim: int, w_dim: int) -> None:
        super().__init__()
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.mapping, self.first = Mapping(z_dim, w_dim), Equalized(w_dim, 49 * CHANNELS[0], GAIN)
        convs = [Modulated(CHANNELS[0], CHANNELS[0], w_dim, 7)]
        for size, (wide, narrow) in zip((14, 28), pairwise(CHANNELS), strict=True):
            convs += [Modulated(wide, narrow, w_dim, size, up=True), Modulated(narrow, narrow, w_dim, size)]
        self.convs, self.images = nn.ModuleList(convs), nn.ModuleList([ToImage(c, w_dim) for c in CHANNELS])
        self.register_buffer("mean", torch.zeros(w_dim))
        self.register_buffer("up", 4 * torch.outer(TAPS, TAPS)[None, None])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.mapping(z)
        with torch.no_grad():
            self.mean.lerp_(w.mean(dim=0), 0.005)
        x = leaky(self.first(w)).view(len(w), 7, 7, -1).permute(0, 3, 1, 2).contiguous(memory_format=self.layout)
        x = self.convs[0](x, w)
        y = self.images[0](x, w)
        for level in (1, 2):
            x = self.convs[2 * level](self.convs[2 * level - 1](x, w), w)
            y = F.conv_transpose2d(y, self.up, stride=2, padding=1) + self.images[level](x, w)
        return y.tanh()


def stylegan(last: bool) -> Pair:
    """G and D of minigan/models/stylegan.py, as its recipe has them; D is `infogan`'s."""
    return Generator(last, Z_DIM, W_DIM), infogan(last, Z_DIM)[1]

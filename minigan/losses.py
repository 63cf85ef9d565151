"""Losses between images: how far is y from x, and how should y change?

All are means over every number of the batch, so that a weight means the same for every size. Each
returns its value, 0-d, and its gradient with respect to y.
"""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers import Layer


def mse(y: Array, x: Array) -> tuple[Array, Array]:
    """The mean squared difference of y and x (N, ...).

    Value       L = mean (y - x)²        PSNR of one image in [-1, 1] = 10 log10(4 / L)
    Gradient    dy = 2 (y - x) / n       n = the number of entries of y
    """
    d = y - x
    return (d * d).mean(), 2 / d.size * d


def l1(y: Array, x: Array) -> tuple[Array, Array]:
    """The mean absolute difference of y and x (N, ...).

    Value       L = mean |y - x|
    Gradient    dy = sign(y - x) / n     sign(0) = 0
    """
    d = y - x
    return np.abs(d).mean(), np.sign(d) * d.dtype.type(1 / d.size)


def total_variation(y: Array) -> tuple[Array, Array]:
    """How much neighbouring pixels of y (N, H, W, C) differ: a penalty on noise.

    Value       L = (Σ u² + Σ v²) / n        u = y[h + 1] - y[h]        v = y[:, w + 1] - y[:, w]
    Gradient    dy[h + 1] += 2 u / n         dy[h] -= 2 u / n           v likewise
    Source      Rudin, Osher & Fatemi 1992, with squares as in the first version of SRGAN.
    """
    u, v = y[:, 1:] - y[:, :-1], y[:, :, 1:] - y[:, :, :-1]
    dy = np.zeros_like(y)
    dy[:, 1:] += u
    dy[:, :-1] -= u
    dy[:, :, 1:] += v
    dy[:, :, :-1] -= v
    return ((u * u).sum() + (v * v).sum()) / y.size, 2 / y.size * dy


def apart(y: Array) -> tuple[Array, Array]:
    """How alike are y_i and y_(i + N / 2), of the same condition, in y (N, ...)? A loss that keeps
    a generator from answering one condition with one image.

    Value       L = -log d               d = mean |y_i - y_(i + N / 2)| over pairs and numbers
    Gradient    dy_i = -sign(y_i - y_(i + N / 2)) / (d n)     n numbers in N / 2 samples
                dy_(i + N / 2) = -dy_i
    Source      Mao et al. 2019 (mode seeking) with 1 / d, whose gradient grows faster where d is 0.
    """
    half = len(y) // 2
    difference = y[:half] - y[half:]
    d = np.abs(difference).mean() + 1e-3
    dy = -1 / (d * difference.size) * np.sign(difference)
    return -np.log(d), np.concatenate([dy, -dy])


class Content:
    """How far two images are apart in the features φ of a trained network, which stays as it is.

    Value       L = mean (φ(s y) - φ(s x))² / v
    Gradient    dy = s φ.input_grad(2 (φ(s y) - φ(s x)) / (n_φ v))

    φ       layers of the network, up to the features that are compared
    scale   s brings pixels in [-1, 1] to what φ was trained on
    v       0-d, the variance of φ's outputs over real images: an answer that is always the mean
            feature has L = 1, and a weight means the same for every network (`measure` computes it)

    Source  Johnson, Alahi & Fei-Fei 2016; Ledig et al. 2016, section 2.2.1.
    """

    def __init__(self, phi: Layer, scale: float = 1.0) -> None:
        self.phi, self.scale = phi, scale
        self.v: Array = np.ones_like(next(phi.named_params())[1], shape=())

    def measure(self, x: Array) -> None:
        """Set v: for each output its variance over the real images x (N, ...), then the mean."""
        features = self.target(x)
        self.v[...] = features.var(axis=0).mean()

    def target(self, x: Array) -> Array:
        """φ(s x) of real images, for several calls with the same x."""
        return self.phi.forward(self.scale * x, train=False)[0]

    def __call__(self, y: Array, target: Array) -> tuple[Array, Array]:
        features, caches = self.phi.forward(self.scale * y, train=False)
        d = features - target
        dy = self.phi.input_grad(2 / d.size * d / self.v, caches)
        return (d * d).mean() / self.v, self.scale * dy

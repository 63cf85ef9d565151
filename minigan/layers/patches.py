"""Patches: a map of scores as samples of their own."""

from __future__ import annotations

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer


class Patches(Layer):
    """Make every pixel of a map a sample: each is the score of one patch of the image.

    At the end of a convolutional discriminator (a PatchGAN) every objective plays on patches: its
    means run over N h w scores. One row per sample of the batch becomes h w rows per sample.

    Shapes      x, dx, ddx (N, h, w, C); y, dy, ddy (N h w, C)
    Forward     y = the pixels as rows, sample by sample
    Backward    dx = dy in the shape of x
    Twice       ddy = ddx as rows
    Cache       the shape of x, which dy no longer shows.
    Source      Isola et al. 2017, section 3.2.2.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 4, "(N, h, w, C)")
        return x.reshape(-1, x.shape[3]), x.shape

    def input_grad(self, dy: Array, shape: Cache) -> Array:
        return dy.reshape(shape)

    def double_backward(self, ddx: Array, dy: Array, shape: Cache) -> tuple[Array, None, Grads]:
        return ddx.reshape(dy.shape), None, {}

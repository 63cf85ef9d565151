"""Layers of two inputs, an image and a style: modulated convolution, and adaptive instance norm.

    forward          (image, style)            -> y
    input_grad       dy                        -> (dimage, dstyle)
    double_backward  (ddimage, ddstyle), dy    -> ddy, (dimage, dstyle), grads

They stand in no network alone: `Synthesis` gives them their styles.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, accumulate, whole


class ModulatedConv2d(Layer):
    """Scale the input channels by the style, convolve, and divide by the length of the filters.

    Shapes      x (N, H, W, I), s (N, I), y (N, OH, OW, O); W (K, K, I, O); q (I, O); d, e (N, O)

    Forward     c = 1 / √(K K I)        W̄ = c W
                u = x · s
                v = correlate(u, W̄)                       stride 1, padding K // 2
                q = Σ_kl W̄²        e = s² · q + ε          e = the squared length of each filter
                d = gain / √e      y = d · v

    Backward    dv = d · dy        du = spread(dv, W̄)
                de = -½ (d / e) · Σ_hw dy · v
                dx = s · du
                ds = Σ_hw du · x + 2 s · (de · qᵀ)
                dW̄ = match(u, dv) + 2 W̄ · ((s²)ᵀ · de)        dW = c dW̄

    Twice       how u, v, e and d move along (ddx, dds), and the gradient of that:
                ddu = s · ddx + x · dds        ddv = correlate(ddu, W̄)
                ė = 2 (s dds) · q        ḋ = -½ (d / e) · ė
                ddy = d · ddv + ḋ · v
                h = ḋ · dy        hu = spread(h, W̄)
                ē = -½ (d / e) · Σ_hw dy · ddv - 3/2 de · ė / e
                dx = s · hu + dds · du
                ds = Σ_hw (hu · x + du · ddx) + 2 s · (ē · qᵀ) + 2 dds · (de · qᵀ)
                dW̄ = match(u, h) + match(ddu, dv) + 2 W̄ · ((s²)ᵀ · ē + (2 s dds)ᵀ · de)

    up          W (K, K, O, I), as ConvTranspose2d's, stride 2, no padding, H -> 2 (H - 1) + K;
                correlate and spread change places, match(u, dv) is match(dv, u), q is transposed
    demodulate  False: d = gain, and e with all its terms is left out

    A filter bank for each sample, s · W̄ / √e, gives the same numbers; this form is one product for
    the whole batch.

    Cache       x, s, v and e, which the derivatives contain; u, du and q are cheap to compute.
    Source      Karras et al. 2020 (StyleGAN2), section 2.2; "Twice" derived here.
    """

    params = ("weight",)
    shown = ("in_channels", "out_channels", "kernel_size")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        up: bool = False,
        demodulate: bool = True,
        gain: float = 1.0,
        eps: float = 1e-8,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(in_channels, out_channels, kernel_size):
            sizes = in_channels, out_channels, kernel_size
            raise ValueError(f"ModulatedConv2d needs sizes of at least 1, got {sizes}")
        if not (up or kernel_size % 2):
            raise ValueError(f"ModulatedConv2d needs an odd kernel_size, got {kernel_size}")
        self.in_channels, self.out_channels, self.kernel_size = (
            in_channels,
            out_channels,
            kernel_size,
        )
        self.up, self.demodulate, self.gain, self.eps = up, demodulate, gain, eps
        self.scale = 1 / math.sqrt(kernel_size**2 * in_channels)
        ends = (out_channels, in_channels) if up else (in_channels, out_channels)
        self.weight = rng.normal(size=(kernel_size, kernel_size, *ends)).astype(dtype)

    def forward(self, x: Any, train: bool = True) -> tuple[Array, Cache]:
        image, s = x
        self._check(image, s)
        W = self.scale * self.weight
        v = self._convolved(image * per_pixel(s, image), W)
        if not self.demodulate:
            return self.gain * v, (image, s, None, None)
        e = kernels.matmul(s * s, self._q(W)) + self.eps
        return per_pixel(self.gain / np.sqrt(e), v) * v, (image, s, v, e)

    def input_grad(self, dy: Array, cache: Cache) -> Any:
        return self._pair_grad(*self._before(dy, cache), cache)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        return self._weight_grad(*self._before(dy, cache), cache)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Any:
        dv, de = self._before(dy, cache)  # once for both
        if grads is not None:
            accumulate(grads, self._weight_grad(dv, de, cache))
        return self._pair_grad(dv, de, cache) if need_dx else None

    def _pair_grad(self, dv: Array, de: Any, cache: Cache) -> tuple[Array, Array]:
        """(dx, ds)."""
        image, s, _, _ = cache
        W = self.scale * self.weight
        du = self._spread(dv, W, image)
        ds = pixel_sum(du * image)
        if de is not None:
            ds = ds + 2 * s * kernels.matmul(de, self._q(W).T)
        return per_pixel(s, du) * du, ds

    def _weight_grad(self, dv: Array, de: Any, cache: Cache) -> Grads:
        image, s, _, _ = cache
        dW = self._match(image * per_pixel(s, image), dv)
        if de is not None:
            dW = dW + self._of_q(kernels.matmul((s * s).T, de))
        return {"weight": self.scale * dW}

    def double_backward(self, ddx: Any, dy: Array, cache: Cache) -> tuple[Array, Any, Grads]:
        (image, s, v, e), (ddimage, dds) = cache, ddx
        W = self.scale * self.weight
        dv, de = self._before(dy, cache)
        du = self._spread(dv, W, image)
        ddu = per_pixel(s, image) * ddimage + image * per_pixel(dds, image)
        ddv = self._convolved(ddu, W)
        dimage, ds = per_pixel(dds, du) * du, pixel_sum(du * ddimage)
        dW = self._match(ddu, dv)
        if e is None:
            return self.gain * ddv, (dimage, ds), {"weight": self.scale * dW}
        q, d = self._q(W), self.gain / np.sqrt(e)
        e_dot = 2 * kernels.matmul(s * dds, q)
        d_dot = -0.5 * (d / e) * e_dot
        ddy = per_pixel(d, v) * ddv + per_pixel(d_dot, v) * v
        h = per_pixel(d_dot, dy) * dy
        hu = self._spread(h, W, image)
        e_bar = -0.5 * (d / e) * pixel_sum(dy * ddv) - 1.5 * de * e_dot / e
        dimage = dimage + per_pixel(s, hu) * hu
        ds = ds + pixel_sum(hu * image) + 2 * s * kernels.matmul(e_bar, q.T)
        ds = ds + 2 * dds * kernels.matmul(de, q.T)
        dW = dW + self._match(image * per_pixel(s, image), h)
        dW = dW + self._of_q(kernels.matmul((s * s).T, e_bar) + kernels.matmul((2 * s * dds).T, de))
        return ddy, (dimage, ds), {"weight": self.scale * dW}

    def _before(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dv and de; None without demodulation."""
        _, _, v, e = cache
        if e is None:
            return self.gain * dy, None
        d = self.gain / np.sqrt(e)
        return per_pixel(d, dy) * dy, -0.5 * (d / e) * pixel_sum(dy * v)

    def _convolved(self, u: Array, W: Array) -> Array:
        if not self.up:
            return kernels.correlate(u, W, (1, 1), self._padding)
        H, W_ = (2 * (n - 1) + self.kernel_size for n in u.shape[1:3])
        return kernels.spread(u, W, (H, W_), (2, 2), (0, 0))

    def _spread(self, dv: Array, W: Array, image: Array) -> Array:
        if self.up:
            return kernels.correlate(dv, W, (2, 2), (0, 0))
        return kernels.spread(dv, W, image.shape[1:3], (1, 1), self._padding)

    def _match(self, u: Array, dv: Array) -> Array:
        kernel = self.kernel_size, self.kernel_size
        if self.up:
            return kernels.match(dv, u, kernel, (2, 2), (0, 0))
        return kernels.match(u, dv, kernel, (1, 1), self._padding)

    @property
    def _padding(self) -> tuple[int, int]:
        return self.kernel_size // 2, self.kernel_size // 2

    def _q(self, W: Array) -> Array:
        """Σ_kl W̄², (I, O)."""
        q = (W * W).sum(axis=(0, 1))
        return q.T if self.up else q

    def _of_q(self, dq: Array) -> Array:
        """The gradient with respect to W̄, from that of q (I, O)."""
        return 2 * self.scale * self.weight * (dq.T if self.up else dq)

    def _check(self, image: Array, s: Array) -> None:
        I = self.in_channels
        self.check(image, lambda shape: len(shape) == 4 and shape[3] == I, f"(N, H, W, {I})")
        self.check(s, lambda shape: shape == (len(image), I), f"a style ({len(image)}, {I})")


class AdaIN(Layer):
    """Give every channel of every image the mean and the size that its style asks for.

    Shapes      x, y, dx, dy, ddx, ddy (N, H, W, C); s = [a, b] (N, 2C); m = H W
                mean, rstd and g per sample and channel; means and sums run over H and W

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε)
                g = 1 + a        y = g · x̂ + b

    Backward    P(t) = t - mean(t) - x̂ · mean(t · x̂)
                dx = g · rstd · P(dy)        da = Σ dy · x̂        db = Σ dy

    Twice       given ddx and dds = [dda, ddb], with S = Σ ddx · P(dy):
                ddy = g · rstd · P(ddx) + dda · x̂ + ddb
                h  = -g · rstd · (ddx · mean(dy · x̂) + dy · mean(ddx · x̂))
                dx = rstd · P(h + dda · dy) - g · rstd² / m · x̂ · S
                da = rstd · S        db = 0

    How strong a channel is relative to the others is lost here; ModulatedConv2d keeps it.

    Cache       x̂, rstd and g, in which all derivatives are written.
    Source      Huang & Belongie 2017; Karras et al. 2018 (StyleGAN), equation 1; "Twice" derived
                here.
    """

    shown = ("channels",)

    def __init__(self, channels: int, *, eps: float = 1e-8) -> None:
        if not whole(channels) or not eps > 0:
            raise ValueError(f"AdaIN needs channels >= 1 and eps > 0, got {channels} and {eps}")
        self.channels, self.eps = channels, eps

    def forward(self, x: Any, train: bool = True) -> tuple[Array, Cache]:
        (image, s), C = x, self.channels
        self.check(image, lambda shape: len(shape) == 4 and shape[3] == C, f"(N, H, W, {C})")
        self.check(s, lambda shape: shape == (len(image), 2 * C), f"styles ({len(image)}, {2 * C})")
        if image.shape[1] * image.shape[2] < 2:
            raise ValueError(f"{self}: x has shape {tuple(image.shape)}: one pixel has no variance")
        centred = image - _mean(image)
        rstd = 1 / np.sqrt(_mean(centred * centred) + self.eps)
        x_hat, g = centred * rstd, per_pixel(1 + s[:, :C], image)
        return g * x_hat + per_pixel(s[:, C:], image), (x_hat, rstd, g)

    def input_grad(self, dy: Array, cache: Cache) -> Any:
        x_hat, rstd, g = cache
        ds = np.concatenate([pixel_sum(dy * x_hat), pixel_sum(dy)], axis=1)
        return g * rstd * _P(dy, x_hat), ds

    def double_backward(self, ddx: Any, dy: Array, cache: Cache) -> tuple[Array, Any, Grads]:
        (x_hat, rstd, g), (ddimage, dds), C = cache, ddx, self.channels
        dda, ddb = per_pixel(dds[:, :C], dy), per_pixel(dds[:, C:], dy)
        m = dy.shape[1] * dy.shape[2]
        S = pixel_sum(ddimage * _P(dy, x_hat))
        h = -g * rstd * (ddimage * _mean(dy * x_hat) + dy * _mean(ddimage * x_hat))
        dimage = rstd * _P(h + dda * dy, x_hat) - g * rstd * rstd / m * x_hat * per_pixel(S, dy)
        da = rstd[:, 0, 0] * S
        ddy = g * rstd * _P(ddimage, x_hat) + dda * x_hat + ddb
        return ddy, (dimage, np.concatenate([da, np.zeros_like(da)], axis=1)), {}


def per_pixel(v: Array, t: Array) -> Array:
    """v (N, C) for every pixel of a row of t (N, H, W, C), (N, 1, W, C): inner loops are W times as
    long."""
    return np.repeat(v[:, np.newaxis, np.newaxis], t.shape[2], axis=2)


def pixel_sum(t: Array) -> Array:
    """Σ_hw t, (N, C): a product with a row of ones is several times as fast as t.sum."""
    N, H, W, C = t.shape
    ones = np.ones_like(t, shape=(1, H * W))
    return (ones @ t.reshape(N, H * W, C))[:, 0]


def _mean(t: Array) -> Array:
    return per_pixel(pixel_sum(t) / (t.shape[1] * t.shape[2]), t)


def _P(t: Array, x_hat: Array) -> Array:
    return t - _mean(t) - x_hat * _mean(t * x_hat)

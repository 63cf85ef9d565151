"""The synthesis network of a StyleGAN: from the styles of its layers to an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers.activations import LeakyReLU
from minigan.layers.composite import Named, Numbered, grads_of
from minigan.layers.conv import Conv2d, ConvTranspose2d
from minigan.layers.equalized import Equalized
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.linear import Linear
from minigan.layers.modulated import AdaIN, ModulatedConv2d
from minigan.layers.network import Network
from minigan.layers.noise import Bias, Noise
from minigan.layers.resample import Blur2d, Upsample2d

GAIN = 2**0.5  # before a LeakyReLU
STYLES = ("demod", "adain")


class Styled(Named):
    """A layer of two inputs between layers of one: x is a pair (image, w).

    Shapes      image (N, H, W, C), w (N, d); s what `affine` returns; y as of `after`

    Forward     h = before(image)        s = affine(w)        v = pair((h, s))        y = after(v)
    Backward    dv = after's        (dh, ds) = pair's        dimage = before's        dw = affine's
    Twice       up: ddh, dds, ddv, ddy, and what each part contributes to its own input; then an
                ordinary backward pass carries these contributions down both ways

    Names       "affine.weight", "pair.weight", "after.1.strength".
    Cache       the caches of the four parts, because each part's backward pass needs its own.
    Source      the chain rule.
    """

    parts = ("before", "affine", "pair", "after")
    before: Layer
    affine: Layer
    pair: Any  # a Layer of a pair
    after: Layer

    def forward(self, x: Any, train: bool = True) -> tuple[Array, Cache]:
        image, w = x
        h, first = self.before.forward(image, train)
        s, second = self.affine.forward(w, train)
        v, third = self.pair.forward((h, s), train)
        y, last = self.after.forward(v, train)
        return y, (first, second, third, last)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Any:
        dv = self.after.backward(dy, cache[3], grads_of("after", grads))
        return self._below(self.pair.backward(dv, cache[2], grads_of("pair", grads)), cache, grads)

    def _below(self, dpair: Any, cache: Cache, grads: Grads | None) -> Any:
        """(dimage, dw) from (dh, ds)."""
        dh, ds = dpair
        dimage = self.before.backward(dh, cache[0], grads_of("before", grads))
        return dimage, self.affine.backward(ds, cache[1], grads_of("affine", grads))

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Any, Any]:
        """(dimage, dw), and the trace: what reached each of the parts, in their order."""
        dv, after = self.after.traced_backward(dy, cache[3])
        (dh, ds), pair = self.pair.traced_backward(dv, cache[2])
        dimage, before = self.before.traced_backward(dh, cache[0])
        dw, affine = self.affine.traced_backward(ds, cache[1])
        return (dimage, dw), [before, affine, pair, after]

    def double_backward(self, ddx: Any, dy: Any, cache: Cache) -> tuple[Array, Any, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        grads: Grads = {}
        ddh, own_image, grads["before"] = self.before.double_backward(ddx[0], trace[0], cache[0])
        dds, own_w, grads["affine"] = self.affine.double_backward(ddx[1], trace[1], cache[1])
        ddv, pair, grads["pair"] = self.pair.double_backward((ddh, dds), trace[2], cache[2])
        ddy, own_v, grads["after"] = self.after.double_backward(ddv, trace[3], cache[3])
        if own_v is not None:
            below = self.pair.backward(own_v, cache[2], grads["pair"])
            pair = pair[0] + below[0], pair[1] + below[1]
        dimage, dw = self._below(pair, cache, grads)
        dimage = dimage if own_image is None else dimage + own_image
        return ddy, (dimage, dw if own_w is None else dw + own_w), grads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pair}, {self.after})"


class StyledConv(Styled):
    """A convolution whose channels the style scales, noise, a bias, and a leaky ReLU.

    Shapes      image (N, H, W, in), w (N, d); y (N, H, W, out), (N, 2H, 2W, out) with `up`
    Forward     "demod"   y = LeakyReLU(blur(modulated(image, affine(w))) + noise + bias)
                "adain"   y = AdaIN(LeakyReLU(blur(conv(image)) + noise + bias), affine(w))
    Backward    as Styled
    Twice       as Styled
    Cache       as Styled
    Source      Karras et al. 2020 (StyleGAN2), figure 2; "adain": Karras et al. 2018 (StyleGAN).

    size    height and width of y
    blur    only with `up`, after the transposed convolution
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],
        *,
        up: bool = False,
        style: str = "demod",
        rng: np.random.Generator,
    ) -> None:
        if style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
        tail: list[Layer] = [Blur2d((1, 1), gain=4)] if up else []
        tail += [Noise(*size, out_channels, rng=rng), Bias(out_channels), LeakyReLU(0.2)]
        if style == "demod":
            affine = Linear(w_dim, in_channels, rng=rng)
            conv = ModulatedConv2d(in_channels, out_channels, 3, up=up, gain=GAIN, rng=rng)
            scaled = Equalized(affine, bias_init=1, rng=rng)
            super().__init__(before=Same(), affine=scaled, pair=conv, after=Network(*tail))
        else:
            affine = Linear(w_dim, 2 * out_channels, rng=rng)
            channels = in_channels, out_channels
            plain: Any = (
                ConvTranspose2d(*channels, 3, 2, bias=False, rng=rng)
                if up
                else Conv2d(*channels, 3, 1, 1, bias=False, rng=rng)
            )
            before = Network(Equalized(plain, gain=GAIN, rng=rng), *tail)
            scaled, norm = Equalized(affine, rng=rng), AdaIN(out_channels)
            super().__init__(before=before, affine=scaled, pair=norm, after=Same())


class ToImage(Styled):
    """A modulated 1 x 1 convolution to the colours of an image, and a bias.

    Shapes      image (N, H, W, in), w (N, d); y (N, H, W, colours)
    Forward     s = affine(w)        y = modulated(image, s) + bias, without demodulation
    Backward    as Styled
    Twice       as Styled
    Cache       as Styled
    Source      Karras et al. 2020 (StyleGAN2), figure 7.
    """

    def __init__(
        self, in_channels: int, colours: int, w_dim: int, *, rng: np.random.Generator
    ) -> None:
        affine = Equalized(Linear(w_dim, in_channels, rng=rng), bias_init=1, rng=rng)
        conv = ModulatedConv2d(in_channels, colours, 1, demodulate=False, rng=rng)
        super().__init__(before=Same(), affine=affine, pair=conv, after=Network(Bias(colours)))


class Same(Layer):
    """y = x, where a part has nothing to compute.

    Shapes      x, y and their gradients the same, any
    Forward     y = x
    Backward    dx = dy
    Twice       ddy = ddx
    Cache       None, because nothing depends on x.
    Source      the identity.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return x, None

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return dy

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return ddx, None, {}


class Synthesis(Named):
    """From the style of every layer to an image: convolutions of doubling size, and the sum of the
    images that they give.

    Shapes      x = ws (N, L, d), the styles of all layers, L = 2 · levels; y (N, H, W, colours);
                x_r the map of level r, of size base · 2^r

    Forward     x_0 = convs_0(first(ws[0]), ws[0])
                x_r = convs_2r(convs_2r-1(x_r-1, ws[2r - 1]), ws[2r])           the first doubles
                image_r = images_r(x_r, ws[2r + 1])
                y = image_k + up(image_k-1 + up(...))

    Backward    the chain rule; dws[l] is the sum over the parts that read ws[l]
    Twice       up: ddx and ddws through each part, in the order of Forward, and what each part
                contributes to its map and style; then the backward pass carries these down

    first   a Constant, or a network from ws[0] to the first map
    convs   the first level's one, then two for each level
    images  one for each level; or one alone, for the last level: then there is no sum

    Names       "first.value", "convs.2.affine.weight", "images.0.pair.weight".
    Cache       ws, whose shape dws has; the caches of all parts, which their backward passes need.
    Source      Karras et al. 2018 (StyleGAN) and 2020 (StyleGAN2: sums of images); "Twice" derived
                here.
    """

    parts = ("first", "convs", "images")
    first: Layer
    convs: Any  # Numbered, of layers of a pair
    images: Any

    def __init__(self, first: Layer, convs: Sequence[Layer], images: Sequence[Layer]) -> None:
        super().__init__(first=first, convs=Numbered(*convs), images=Numbered(*images))
        levels = (len(convs) + 1) // 2
        if len(convs) != 2 * levels - 1 or len(images) not in (1, levels):
            expected = "an odd number of convs, and 1 image or one for each level"
            raise ValueError(f"Synthesis needs {expected}, got {len(convs)} and {len(images)}")
        self.levels, self.L, self.up = levels, 2 * levels, Upsample2d()

    def forward(self, ws: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(ws, lambda shape: len(shape) == 3 and shape[1] == self.L, f"(N, {self.L}, d)")
        x, first = self.first.forward(ws[:, 0], train)
        convs, images, ups = [], [], []
        y: Any = None
        for level in range(self.levels):
            for i in self._convs_of(level):
                x, cache = self.convs.layers[i].forward((x, ws[:, i]), train)
                convs.append(cache)
            for j in self._image_of(level):
                more, cache = self.images.layers[j].forward((x, ws[:, 2 * level + 1]), train)
                images.append(cache)
                if y is not None:
                    y, cache = self.up.forward(y, train)
                    ups.append(cache)
                y = more if y is None else y + more
        return y, (ws, first, convs, images, ups)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        dws, dx = np.zeros_like(cache[0]), None
        for level, j, di in self._image_grads(dy, cache):
            if j is not None:
                inner = grads_of(str(j), grads_of("images", grads))
                more, dw = self.images.layers[j].backward(di, cache[3][j], inner)
                dws[:, 2 * level + 1] += dw
                dx = more if dx is None else dx + more
            for i in reversed(self._convs_of(level)):
                inner = grads_of(str(i), grads_of("convs", grads))
                dx, dw = self.convs.layers[i].backward(dx, cache[2][i], inner)
                dws[:, i] += dw
        dws[:, 0] += self.first.backward(dx, cache[1], grads_of("first", grads))
        return dws if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dws, and the trace: what reached `first`, each of `convs` and each of `images`."""
        dws, dx = np.zeros_like(cache[0]), None
        convs: list[Any] = [None] * len(self.convs.layers)
        images: list[Any] = [None] * len(self.images.layers)
        for level, j, di in self._image_grads(dy, cache):
            if j is not None:
                (more, dw), images[j] = self.images.layers[j].traced_backward(di, cache[3][j])
                dws[:, 2 * level + 1] += dw
                dx = more if dx is None else dx + more
            for i in reversed(self._convs_of(level)):
                (dx, dw), convs[i] = self.convs.layers[i].traced_backward(dx, cache[2][i])
                dws[:, i] += dw
        dw, first = self.first.traced_backward(dx, cache[1])
        dws[:, 0] += dw
        return dws, [first, convs, images]

    def double_backward(self, ddws: Array, dy: Any, cache: Cache) -> tuple[Array, Array, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        convs: Grads = {}
        images: Grads = {}
        terms: dict[str, Any] = {}  # what each part contributes to its map and its style
        ddx, first_term, first = self.first.double_backward(ddws[:, 0], trace[0], cache[1])
        ddy: Any = None
        for level in range(self.levels):
            for i in self._convs_of(level):
                pair = ddx, ddws[:, i]
                ddx, terms[f"conv {i}"], convs[str(i)] = self.convs.layers[i].double_backward(
                    pair, trace[1][i], cache[2][i]
                )
            for j in self._image_of(level):
                pair = ddx, ddws[:, 2 * level + 1]
                more, terms[f"image {level}"], images[str(j)] = self.images.layers[
                    j
                ].double_backward(pair, trace[2][j], cache[3][j])
                ddy = more if ddy is None else self.up.forward(ddy)[0] + more
        grads = {"first": first, "convs": convs, "images": images}
        dws = self._down(terms, first_term, cache, grads)
        return ddy, dws, grads

    def _down(self, terms: dict[str, Any], first_term: Any, cache: Cache, grads: Grads) -> Array:
        """The contributions of all parts, carried to the styles."""
        dws, dx = np.zeros_like(cache[0]), None
        for level in reversed(range(self.levels)):
            if f"image {level}" in terms:
                more, dw = terms[f"image {level}"]
                dws[:, 2 * level + 1] += dw
                dx = more if dx is None else dx + more
            for i in reversed(self._convs_of(level)):
                below, dw = self.convs.layers[i].backward(dx, cache[2][i], grads["convs"][str(i)])
                more, dw_term = terms[f"conv {i}"]
                dws[:, i] += dw + dw_term
                dx = below + more
        dws[:, 0] += self.first.backward(dx, cache[1], grads["first"])
        if first_term is not None:
            dws[:, 0] += first_term
        return dws

    def _image_grads(self, dy: Array, cache: Cache) -> Iterator[tuple[int, int | None, Any]]:
        """From the last level to the first: the level, the number of its image, and its gradient;
        None where it has none."""
        for level in reversed(range(self.levels)):
            for j in self._image_of(level):
                yield level, j, dy
                if j > 0:
                    dy = self.up.input_grad(dy, cache[4][j - 1])
                break
            else:
                yield level, None, None

    def _convs_of(self, level: int) -> range:
        return range(max(0, 2 * level - 1), 2 * level + 1)

    def _image_of(self, level: int) -> tuple[int, ...]:
        """The number of the level's image, if it has one."""
        if len(self.images.layers) == self.levels:
            return (level,)
        return (0,) if level == self.levels - 1 else ()

    def __repr__(self) -> str:
        return f"Synthesis({self.L} layers, first {type(self.first).__name__})"

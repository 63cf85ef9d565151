"""The synthesis network of a StyleGAN: from the styles of its layers to an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers.composite import Named, Numbered, grads_of
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.resample import Upsample2d


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

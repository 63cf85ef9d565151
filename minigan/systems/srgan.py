"""SRGAN: a generator that enlarges images, first towards their mean, then towards real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigan.data import Dataset, to_pixels
from minigan.data.enlarging import enlarged, shrink
from minigan.device import Array, like
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.losses import Content, mse
from minigan.metrics import features
from minigan.metrics.pairs import enlargement_scores
from minigan.metrics.score import Score
from minigan.objectives import Objective
from minigan.optim import Adam
from minigan.training.draw import Draw, Fixed
from minigan.training.stages import Stages
from minigan.training.steps import Outcome, generator_gradient, update_discriminator
from minigan.training.system import Player, Rivals, System, Turn, in_pieces

SHOWN = 20  # held-out images in a picture
HELD, COMPARED = 32, 200  # held-out images whose error is on the log, or chooses the best step
SEEN = 1000  # real images whose features give the content loss its unit


class SRGAN(System):
    """Enlarge small images: G by squared error alone, then with a discriminator of real images.

    Small images are made of the data: means of r x r pixels, rounded to 8 bits (`shrink`).

    Players     G, D
    A step      first stage     one turn of G: L = mse(G(low), high)
                second stage    a turn of D and one of G, with the same images:
                                L of G = adversarial · L_adv + pixel · mse + content · Content
    Data        real, and "held out", of which pictures and scores are made
    Source      Ledig et al. 2016; the squared error in the second stage is ours.

    Three gradients meet on the image that G makes, and go back through G once. A term of weight 0
    is left out. Where the second stage begins, the optimizers start anew, and G's weights are kept:
    `mixed` has G between the two stages, (1 - t) first + t last (Wang et al. 2018).
    """

    data = ("real", "held out")

    def __init__(
        self,
        G: Layer,
        D: Layer,
        objective: Objective,
        *,
        scale: int,
        shape: tuple[int, int, int],
        content: Content | None = None,
        weights: Mapping[str, float],
        stages: Stages,
    ) -> None:
        self.objective, self.scale, self.sample_shape = objective, scale, shape
        self.content, self.weights, self.stages = content, dict(weights), stages
        networks = {"D": D, "G": G}
        self.players = {
            name: Player(network, Adam(network.named_params(), lr=1e-3, betas=(0.9, 0.999)))
            for name, network in networks.items()
        }
        self.frozen = {} if content is None else {"content": content.phi}
        self.reuses = ("G",)  # the turns of D and of G enlarge the same images
        self.stage = np.zeros((), np.int64)  # on the host
        self.first = {name: array.copy() for name, array in G.named_arrays()}  # of the first stage
        self.pair: tuple[Array, Array] | None = None  # small and large images of D's turn
        self.held: Dataset | None = None
        self.row_labels = {"samples": ("nearest", "bicubic", "first stage", "now", "truth")}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        if self.stages.at(step, total) == 0:
            return (Turn("G", ("G",), self.first_turn, lambda: 0),)
        return Turn("D", ("D",), self.d_turn), Turn("G", ("G",), self.g_turn, lambda: 1)

    def begin_step(self, step: int, total: int) -> None:
        """Rates and moments of the stage; where the second begins, keep the first's weights."""
        self.stage[...] = self.stages.at(step, total)
        if self.stages.begin(self.players, step, total) and self.stage == 1:
            for name, array in self.players["G"].network.named_arrays():
                self.first[name][...] = array

    def first_turn(self, draw: Draw) -> Outcome:
        G, (low, high) = self.players["G"], self._pair_of(draw)
        fake, cache = G.network.forward(low)
        loss, d_fake = mse(fake, high)
        grads: Grads = {}
        G.network.backward(d_fake, cache, grads, need_dx=False)
        G.optimizer.step(grads)
        return Outcome(loss, {}, grads)

    def d_turn(self, draw: Draw) -> Outcome:
        D, G = self.players["D"], self.players["G"]
        self.pair = low, high = self._pair_of(draw)
        fake, _ = G.network.forward(low)
        return update_discriminator(D.network, self.objective, D.optimizer, high, fake)

    def g_turn(self, draw: Draw) -> Outcome:
        D, G, w = self.players["D"], self.players["G"], self.weights
        low, high = self.pair or self._pair_of(draw)
        fake, cache = G.network.forward(low)
        loss, d_fake, scores = generator_gradient(D.network, self.objective, fake, high)
        loss, d_fake = w["adversarial"] * loss, w["adversarial"] * d_fake
        if w["pixel"] > 0:
            pixel, d_pixel = mse(fake, high)
            loss, d_fake = loss + w["pixel"] * pixel, d_fake + w["pixel"] * d_pixel
        if w["content"] > 0 and self.content is not None:
            content, d_content = self.content(fake, self.content.target(high))
            loss, d_fake = loss + w["content"] * content, d_fake + w["content"] * d_content
        grads: Grads = {}
        G.network.backward(d_fake, cache, grads, need_dx=False)
        G.optimizer.step(grads)
        return Outcome(loss, scores, grads)

    def _pair_of(self, draw: Draw) -> tuple[Array, Array]:
        high = draw.batch("real")
        return shrink(high, self.scale), high

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.held, self.device = draw.datasets["held out"], draw.device

    def before(self, draw: Draw) -> Iterator[None]:
        """The unit of the content loss."""
        if self.content is not None:
            real = draw.datasets["real"]
            self.content.measure(draw.device.asarray(real.batch(np.arange(min(SEEN, len(real))))))
        yield

    def saved(self) -> dict[str, Array]:
        unit = {} if self.content is None else {"content/v": self.content.v}
        first = {f"first/{name}": array for name, array in self.first.items()}
        return unit | {"stage": self.stage} | first

    def enlarge(self, low: Array, mix: float = 1.0) -> np.ndarray:
        """The images low (N, H, W, C) enlarged, uint8 pixels; `mix` as t of `mixed`."""
        with self.mixed(mix) as G:
            return in_pieces(lambda rows: G.forward(rows, train=False)[0], low)

    @contextmanager
    def mixed(self, t: float) -> Iterator[Layer]:
        """G with the weights (1 - t) first + t last inside a `with` block; in the first stage both
        are the same."""
        if not 0 <= t <= 1:
            ends = "0 (the first stage) and 1 (the last weights)"
            raise ValueError(f"--mix must lie between {ends}, got {t}")
        G = self.players["G"].network
        arrays = [(array, array.copy()) for _, array in G.named_arrays()]
        if t < 1 and self.stage > 0:
            for name, array in G.named_arrays():
                array[...] = (1 - t) * self.first[name] + t * array
        try:
            yield G
        finally:
            for array, before in arrays:
                array[...] = before

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """n held-out images, enlarged; there are such only while a run trains."""
        if self.held is None:
            command = "minigan translate RUN small.png --out large.png"
            raise ValueError(f"srgan enlarges images: {command}")
        return self.enlarge(self._small(np.arange(n) % len(self.held)))

    def _small(self, rows: np.ndarray) -> Array:
        assert self.held is not None
        return shrink(self.device.asarray(self.held.batch(rows)), self.scale)

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """Rows of held-out images: nearest neighbours, bicubic, the first stage, now, the truth."""
        assert self.held is not None
        high = self.held.images[:SHOWN]
        low = self._small(np.arange(len(high)))
        small = to_pixels(low)
        plain = [enlarged(small, self.scale, how) for how in ("nearest", "bicubic")]
        return {"samples": np.stack([*plain, self.enlarge(low, mix=0), self.enlarge(low), high])}

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Losses, scores, and the squared error on some held-out images."""
        return super().readings(outcomes) | {"held_mse": self._held_mse(HELD)}

    def held_out_error(self) -> float:
        """The root mean square of the error, in grey levels."""
        return 127.5 * float(self._held_mse(COMPARED)) ** 0.5

    def _held_mse(self, n: int) -> Array:
        assert self.held is not None
        high = self.device.asarray(self.held.batch(np.arange(min(n, len(self.held)))))
        fake, _ = self.players["G"].network.forward(shrink(high, self.scale), train=False)
        return mse(fake, high)[0]

    def rivals(self) -> tuple[Rivals, ...]:
        return (Rivals("D", "G", self.objective),)

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, tuple[str, Array]]:
        high = real["held out"][:n]
        low, G = shrink(high, self.scale), self.players["G"].network
        fake, _ = G.forward(low, train=False)
        return {"G": ("small images", low), "D": ("samples", np.concatenate([fake, high]))}

    def scores(
        self,
        held: Mapping[str, Dataset],
        judge: features.Extractor | None = None,
    ) -> list[Score]:
        """The table of `minigan score` for the held-out images."""
        high = held["held out"]
        some = next(self.players["G"].network.named_params())[1]
        low = shrink(like(high.batch(np.arange(len(high))), some), self.scale)
        small = to_pixels(low)
        answers = {name: enlarged(small, self.scale, name) for name in ("nearest", "bicubic")}
        answers |= {"first stage": self.enlarge(low, mix=0), "srgan": self.enlarge(low)}
        return enlargement_scores(answers, high, small, self.scale, judge)

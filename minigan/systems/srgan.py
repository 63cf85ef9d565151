"""SRGAN: a generator that enlarges images, first towards their mean, then towards real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigan import data
from minigan.data import Dataset, to_pixels
from minigan.data.enlarging import enlarged, shrink
from minigan.data.held import rows, test_images, with_held_out
from minigan.device import Array, Device, like
from minigan.layers import Layer, Network
from minigan.layers.layer import Grads
from minigan.losses import Content, mse
from minigan.metrics import features
from minigan.metrics.pairs import enlargement_scores
from minigan.metrics.score import Score
from minigan.models.srresnet import SCALES, enlarged_or_real, srresnet
from minigan.objectives import Objective
from minigan.optim import Adam
from minigan.random import Streams
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages
from minigan.training.steps import Outcome, generator_gradient, update_discriminator
from minigan.training.system import Player, Rivals, System, Turn, in_pieces

CHANNELS = 32  # of G and of D's first layer, at width 1
SHOWN = 20  # held-out images in a picture
HELD = 32  # held-out images whose error is on the log
LAYERS = {"conv1": 2, "conv2": 5, "features": 9}  # of LeNet's body, up to the ReLU that is compared
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
        own = [(array, array.copy()) for _, array in G.named_arrays()]
        if t < 1 and self.stage > 0:
            for name, array in G.named_arrays():
                array[...] = (1 - t) * self.first[name] + t * array
        try:
            yield G
        finally:
            for array, before in own:
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
        assert self.held is not None
        rows = np.arange(min(HELD, len(self.held)))
        high = self.device.asarray(self.held.batch(rows))
        fake, _ = self.players["G"].network.forward(shrink(high, self.scale), train=False)
        return super().readings(outcomes) | {"held_mse": mse(fake, high)[0]}

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
        """What `minigan score` shows of the held-out images."""
        high = held["held out"]
        some = next(self.players["G"].network.named_params())[1]
        low = shrink(like(high.batch(np.arange(len(high))), some), self.scale)
        small = to_pixels(low)
        answers = {name: enlarged(small, self.scale, name) for name in ("nearest", "bicubic")}
        answers |= {"first stage": self.enlarge(low, mix=0), "srgan": self.enlarge(low)}
        return enlargement_scores(answers, high, small, self.scale, judge)


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """1,000 steps of the first stage and 500 of the second, on digits."""
    numbers: dict[str, Any] = {
        "model": "",
        "objective": "nonsaturating",
        "d_lr": 2e-4,
        "g_lr": 2e-4,
        "betas": (0.5, 0.999),
    }
    numbers |= {"width": 1.0, "batch_size": 32, "decay": 0.5}
    if choices.get("data", "mnist-10k") == "mnist-10k":
        return numbers | {"epochs": 16 / 3}
    if choices["data"] in data.NAMES:
        return numbers | {"epochs": 0.8}
    return numbers | {"epochs": 100.0, "batch_size": 8, "options": {"content": 0.0}}


def _datasets(config: Config) -> dict[str, Dataset]:
    scale = config.options["scale"]
    if scale not in SCALES:
        raise ValueError(f"--scale must be 2 or 4, got {scale}")
    weight, points = config.options["content"], config.data in data.MIXTURES
    if weight > 0 and not points and features.for_data(config.data) is None:
        problem = f"there is no feature network for {config.data}"
        raise ValueError(f"{problem}: leave --content at 0, got {weight:g}")
    pair = with_held_out(config.data, size=config.size, multiple=scale, least=config.batch_size)
    return dict(zip(SRGAN.data, pair, strict=True))


def _held_out(config: Config, n: int) -> dict[str, Dataset]:
    """Test images where they are on this machine, else those that the run holds out."""
    images = test_images(config.data, n)
    if images is None:
        held = _datasets(config)["held out"]
        images = rows(held, np.arange(min(n, len(held))))
    return {"held out": images}


def _build(config: Config, about: Mapping[str, About], on: Device) -> SRGAN:
    options, streams = config.options, Streams(config.seed)
    H, W, C = shape = tuple(about["real"]["shape"])
    wide = max(1, round(CHANNELS * (config.width or 1.0)))
    sizes = {"scale": options["scale"], "blocks": options["blocks"], "batch_norm": options["norm"]}
    G = srresnet(C, width=wide, rng=streams("init"), **sizes)
    D = enlarged_or_real((H, W, C), width=wide, rng=streams("init"))
    objective = build.objective_of(config, streams)
    objective.check(D, np.zeros((2, *shape), np.float32))
    content = _content_of(config, on) if options["content"] > 0 else None
    for part in (G, D, objective):
        part.convert(on.asarray)
    rates = {"D": config.d_lr, "G": config.g_lr}
    first = Stage(options["first"], {"G": options["first_lr"]}, (0.9, 0.999))
    stages = Stages(first, Stage(1 - options["first"], rates, config.betas), decay=config.decay)
    weights = {name: options[name] for name in ("pixel", "adversarial", "content")}
    own = {"scale": options["scale"], "shape": (H, W, C), "content": content}
    return SRGAN(G, D, objective, weights=weights, stages=stages, **own)


def _content_of(config: Config, on: Device) -> Content:
    name = features.for_data(config.data)
    if name is None:
        raise ValueError(f"there is no feature network for {config.data}: leave --content at 0")
    extractor: Any = features.get(name)  # a LeNet, which is trained on x / 255 - 0.5
    phi = Network(*extractor.body.layers[: LAYERS[config.options["layer"]]])
    phi.convert(on.asarray)
    return Content(phi, 0.5)


ENTRY = Entry(
    about="enlarges images: a first stage by squared error, a second with a discriminator",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("width", "objective", "hyper", "real_label"),
    held_out=_held_out,
    use="Enlarge other images: minigan translate {run} picture.png --out large.png",
    options=(
        Option("scale", 4, "times that sides grow", SCALES),
        Option("blocks", 4, "residual blocks of G; the paper has 16"),
        Option("norm", True, "batch norm in G"),
        Option("first", 2 / 3, "share of the steps that the first stage has"),
        Option("first_lr", 1e-3, "learning rate of the first stage"),
        Option("pixel", 1.0, "weight of the squared error in the second stage"),
        Option("adversarial", 0.005, "weight of the objective"),
        Option("content", 0.1, "weight of the difference in a network's features"),
        Option("layer", "conv2", "layer of that network", tuple(LAYERS)),
    ),
)

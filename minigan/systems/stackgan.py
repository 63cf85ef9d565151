"""StackGAN: pictures from captions, small ones first, then larger ones made of the small ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan import data
from minigan.data import Dataset, captions
from minigan.data.pairing import Captions
from minigan.data.vocabulary import Vocabulary
from minigan.device import Array, Device
from minigan.layers import Augment, AvgPool2d, Layer, UpsampleNearest2d
from minigan.layers.layer import Grads
from minigan.models.stackgan import Networks, base_of, stackgan
from minigan.models.text import matching
from minigan.objectives import Objective
from minigan.optim import Adam, Optimizer
from minigan.random import Streams
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages
from minigan.training.steps import Outcome, generator_gradient
from minigan.training.system import Player, Rivals, System, Turn, in_pieces

ROWS, COLUMNS = 8, 8  # captions in a picture, and samples of each
TEXT_RATE = 2e-3  # of the text encoder


class StackGAN(System):
    """Learn to encode captions, then to make small pictures of them, then larger ones of these.

    Players     text, view; D1, G1; D2, G2
    A step      first stage     a turn of text and view: captions and pictures find each other
                second stage    a turn of D1, one of G1: pictures in 1 / scale of their size
                third stage     a turn of D2, one of G2, whose input is what G1 makes
    Data        real, with captions

    D           scores three kinds of pairs: a picture with its caption, a picture with a caption
                that does not describe it, a generated picture with its own caption
    G           draws its condition from a Gaussian around the caption (Augment, weight `kl`)
    pull        weight of mean (pool(G2(x)) - x)², which keeps the large picture near the small one;
                it is not in the paper

    A stage that begins starts its optimizers anew. After its stage a player does not move.

    Source      Zhang et al. 2016; the encoder after Reed et al. 2016 (1605.05395).
    """

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        *,
        vocabulary: Vocabulary,
        examples: Sequence[str],
        z_dim: int,
        scale: int,
        sample_shape: tuple[int, ...],
        stages: Stages,
        kl: float,
        pull: float,
    ) -> None:
        self.objective, self.stages, self.kl, self.pull = objective, stages, kl, pull
        self.vocabulary, self.examples = vocabulary, tuple(examples)
        self.z_dim, self.scale, self.sample_shape = z_dim, scale, sample_shape
        self.pages, self.pool = networks, AvgPool2d(scale)  # the networks as they were built
        self.players = {
            name: Player(network, Adam(network.named_params(), 1e-3)) for name, network in networks._asdict().items()
        }

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        pairs = (
            (Turn("text", ("text", "view"), self.text_turn),),
            (Turn("D1", ("D1",), self.d1_turn), Turn("G1", ("G1",), self.g1_turn)),
            (Turn("D2", ("D2",), self.d2_turn), Turn("G2", ("G2",), self.g2_turn)),
        )
        return pairs[self.stages.at(step, total)]

    def begin_step(self, step: int, total: int) -> None:
        self.stages.begin(self.players, step, total)

    @property
    def stage(self) -> int:
        """The stage of the last update, from 0: what has been trained."""
        return next((i for i, name in ((2, "G2"), (1, "G1")) if self.players[name].optimizer.t > 0), 0)

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.captions = Captions(draw.datasets["real"], self.vocabulary, draw.device)

    def text_turn(self, draw: Draw) -> Outcome:
        text, view = self.players["text"], self.players["view"]
        real, rows = draw.numbered("real")
        phi, cache_phi = text.network.forward(self.captions.words(draw, rows))
        seen, cache_seen = view.network.forward(real)
        loss, dphi, dseen = matching(phi, seen)
        grads: dict[str, Grads] = {"text": {}, "view": {}}
        text.network.backward(dphi, cache_phi, grads["text"], need_dx=False)
        view.network.backward(dseen, cache_seen, grads["view"], need_dx=False)
        for name, own in grads.items():
            self.players[name].optimizer.step(own)
        return Outcome(loss, {}, grads)

    def d1_turn(self, draw: Draw) -> Outcome:
        (real, phi, wrong), G1 = self._pairs(draw), self.players["G1"].network
        fake, _ = G1.given(phi).forward(draw.noise(len(real), self.z_dim))
        small, _ = self.pool.forward(real)
        return self._d_turn("D1", small, fake, phi, wrong)

    def d2_turn(self, draw: Draw) -> Outcome:
        (real, phi, wrong), G2 = self._pairs(draw), self.players["G2"].network
        fake, _ = G2.given(phi).forward(self._small(draw, phi))
        return self._d_turn("D2", real, fake, phi, wrong)

    def _d_turn(self, name: str, real: Array, fake: Array, phi: Array, wrong: Array) -> Outcome:
        D = self.players[name]
        return matching_step(D.network, self.objective, D.optimizer, real, fake, phi, wrong)

    def g1_turn(self, draw: Draw) -> Outcome:
        phi = self._captions(draw)
        return self._g_turn("1", phi, draw.noise(len(phi), self.z_dim))

    def g2_turn(self, draw: Draw) -> Outcome:
        phi = self._captions(draw)
        return self._g_turn("2", phi, self._small(draw, phi), self.pull)

    def _g_turn(self, number: str, phi: Array, x: Array, pull: float = 0.0) -> Outcome:
        """G makes pictures of x, given phi; pull > 0: of small pictures x, which they resemble."""
        D, G = self.players[f"D{number}"].network, self.players[f"G{number}"]
        bound, grads = G.network.given(phi), dict[str, Any]()
        fake, cache = bound.forward(x)
        loss, d_fake, scores = generator_gradient(D.given(phi), self.objective, fake)
        if pull > 0:
            small, pooled = self.pool.forward(fake)
            loss = loss + pull * ((small - x) ** 2).mean()
            d_fake = d_fake + self.pool.input_grad(2 * pull / x.size * (small - x), pooled)
        bound.backward(d_fake, cache, grads, need_dx=False)
        loss = loss + self._augment(number).kl(phi, grads["embed"], self.kl)
        G.optimizer.step(grads)
        return Outcome(loss, scores, grads)

    def _pairs(self, draw: Draw) -> tuple[Array, Array, Array]:
        """Pictures, encoded captions that describe them, and encoded captions that do not."""
        real, rows = draw.numbered("real")
        wrong = self.captions.wrong(draw, rows)
        return real, self.encoded(self.captions.words(draw, rows)), self.encoded(wrong)

    def _captions(self, draw: Draw) -> Array:
        """Encoded captions of other samples than those of D's turn."""
        return self.encoded(self.captions.any(draw, draw.batch_size))

    def _small(self, draw: Draw, phi: Array) -> Array:
        """What G1 makes of noise: the second generator's input."""
        z = draw.noise(len(phi), self.z_dim)
        return self.players["G1"].network.given(phi).forward(z, train=False)[0]

    def encoded(self, tokens: Array) -> Array:
        """phi of captions (N, T), scaled to length √n: (N, n)."""
        phi, _ = self.pages.text.forward(tokens, train=False)
        return phi * np.sqrt(phi.shape[1] / (phi * phi).sum(axis=1, keepdims=True))

    def _augment(self, number: str) -> Augment:
        """The layer of a generator that draws its conditions; forms for threads have its arrays."""
        augment = getattr(self.pages, f"G{number}").embed
        assert isinstance(augment, Augment)
        return augment

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        texts: Sequence[str] | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """n pictures of the captions `texts` (n,); None: of some that are in the data."""
        return self.both(draw, texts or self._some(n), progress=progress)[1]

    def both(self, draw: Fixed, texts: Sequence[str], *, progress: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Of each caption the small picture, enlarged to full size, and the large one; uint8.

        Before the last stage the two are the same.
        """
        n, (first, second) = len(texts), (self._augment("1"), self._augment("2"))
        tokens = draw.device.asarray(self.vocabulary.tokens(texts))
        noise = [draw.noise(n, size) for size in (self.z_dim, first.codes, second.codes)]
        rows = draw.device.asarray(np.arange(n))
        G1, G2, enlarge = (
            self.pages.G1.network,
            self.pages.G2.network,
            UpsampleNearest2d(self.scale),
        )

        def forward(i: Array) -> Array:
            phi, (z, eps1, eps2) = self.encoded(tokens[i]), (one[i] for one in noise)
            small, _ = G1.given(first.at(phi, eps1)[0]).forward(z, train=False)
            enlarged, _ = enlarge.forward(small)
            if self.stage < 2:
                return np.concatenate([enlarged, enlarged], axis=-1)
            large, _ = G2.given(second.at(phi, eps2)[0]).forward(small, train=False)
            return np.concatenate([enlarged, large], axis=-1)

        pictures = in_pieces(forward, rows, progress=progress)
        C = pictures.shape[-1] // 2
        return pictures[..., :C], pictures[..., C:]

    def _some(self, n: int) -> list[str]:
        return [self.examples[i % len(self.examples)] for i in range(n)]

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """A row for each of some captions; in the last stage also the small pictures."""
        texts = [text for text in self._some(ROWS) for _ in range(COLUMNS)]
        small, large = self.both(draw, texts)
        return {"samples": large, "small": small} if self.stage == 2 else {"samples": large}

    def answer(
        self,
        draw: Fixed,
        n: int,
        words: Mapping[str, str],
    ) -> tuple[np.ndarray, int | None]:
        """Of --text: a caption."""
        unknown = words.keys() - {"text"}
        if unknown:
            raise ValueError(f"this run takes --text, a caption, and no --{', --'.join(sorted(unknown))}")
        if "text" not in words:
            return self.generate(draw, n), None
        return self.generate(draw, n, texts=[words["text"]] * n), None

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Those of the stage that the run is in."""
        now = next(names for names in (("D2", "G2"), ("D1", "G1"), ("text",)) if names[0] in outcomes)
        return super().readings({name: outcomes[name] for name in now if name in outcomes})

    def rivals(self) -> tuple[Rivals, ...]:
        return Rivals("D1", "G1", self.objective), Rivals("D2", "G2", self.objective)


def matching_step(
    D: Layer,
    objective: Objective,
    optimizer: Optimizer,
    real: Array,
    fake: Array,
    phi: Array,
    wrong: Array,
) -> Outcome:
    """Move D to score `real` with its captions phi higher than `fake` with the same captions, and
    than `real` with captions that are wrong. Real counts once, and each of the other two half:

    L = ½ L_D(a, b) + ½ L_D(a, w)        a = D(real | phi)   b = D(fake | phi)   w = D(real | wrong)
    """
    right, other = D.given(phi), D.given(wrong)
    a, b, caches = right.forward_pair(real, fake)
    w, cache = other.forward(real)
    loss_b, da_b, db = objective.d_loss(a, b)
    loss_w, da_w, dw = objective.d_loss(a, w)
    grads: Grads = {}
    right.backward_pair((da_b + da_w) / 2, db / 2, caches, grads)
    other.backward(dw / 2, cache, grads, need_dx=False)
    optimizer.step(grads)
    objective.after_d_update(D)
    return Outcome((loss_b + loss_w) / 2, {"real": a, "fake": b, "wrong": w}, grads)


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {"objective": "nonsaturating", "data": data.CAPTIONED}
    if choices.get("objective", "nonsaturating") in ("nonsaturating", "minimax"):
        numbers["real_label"] = 0.9
    return numbers | {"d_lr": 1e-3, "g_lr": 1e-3, "batch_size": 64, "epochs": 9.0, "decay": 0.5}


def _datasets(config: Config) -> dict[str, Dataset]:
    if config.data == data.CAPTIONED:
        return {"real": data.load(config.data, size=config.size, rng=Streams(config.seed)("data"))}
    if config.data in data.NAMES:
        raise ValueError(
            f"data {config.data!r} has no captions: take {data.CAPTIONED}, or a folder of pictures "
            "with captions.csv (columns file and caption), or with photo.txt beside each photo.jpg"
        )
    dataset = captions.load(config.data, 64 if config.size is None else config.size)
    base_of(dataset.shape, config.options["scale"])
    return {"real": dataset}


def _build(config: Config, about: Mapping[str, About], on: Device) -> StackGAN:
    from minigan.training.build import objective_of  # here: build imports the systems

    options, streams, real = config.options, Streams(config.seed), about["real"]
    if "captions" not in real:
        raise ValueError(f"data {config.data!r} has no captions")
    objective = objective_of(config, streams)
    if objective.output != "score" or objective.penalty is not None or objective.compares or objective.passes:
        raise ValueError(
            "stackgan needs an objective with one score for each picture and without a penalty, "
            f"such as nonsaturating, hinge or lsgan; got {objective.name}"
        )
    vocabulary = Vocabulary(tuple(real["captions"]["words"]), real["captions"]["length"])
    shape, z_dim = tuple(real["shape"]), 32 if config.z_dim is None else config.z_dim
    sizes = {"scale": options["scale"], "z_dim": z_dim, "width": config.width or 1.0}
    networks = stackgan(streams, sample_shape=shape, words=len(vocabulary), length=vocabulary.length, **sizes)
    for part in (*networks, objective):
        part.convert(on.asarray)
    return StackGAN(
        networks,
        objective,
        vocabulary=vocabulary,
        examples=real["captions"]["examples"],
        z_dim=z_dim,
        scale=options["scale"],
        sample_shape=shape,
        stages=_stages(config),
        kl=options["kl"],
        pull=options["pull"],
    )


def _stages(config: Config) -> Stages:
    text, first = config.options["text"], config.options["first"]
    if min(text, first) <= 0 or text + first >= 1:
        raise ValueError(f"text and first are shares of a run, together less than 1, got {text} and {first}")
    pairs = [{f"D{number}": config.d_lr, f"G{number}": config.g_lr} for number in (1, 2)]
    shares = first, 1 - text - first
    pairs_of = [Stage(share, rates, config.betas) for share, rates in zip(shares, pairs, strict=True)]
    encoder = Stage(text, {"text": TEXT_RATE, "view": TEXT_RATE}, (0.9, 0.999))
    return Stages(encoder, *pairs_of, decay=config.decay)


ENTRY = Entry(
    about="makes pictures of captions, small ones first, then larger ones of these",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("objective", "hyper", "real_label", "z_dim", "width"),
    options=(
        Option("scale", 2, "times that the second generator enlarges", (2, 4)),
        Option("text", 0.18, "share of the run that trains the encoder of captions"),
        Option("first", 0.55, "share of the run that trains the first generator"),
        Option("kl", 0.05, "weight that keeps the conditions near a standard Gaussian"),
        Option("pull", 40.0, "weight that keeps the large picture near the small one"),
    ),
)

"""StackGAN: pictures from captions, small ones first, then larger ones made of the small ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.data.pairing import Captions
from minigan.data.vocabulary import Vocabulary
from minigan.device import Array
from minigan.layers import Augment, AvgPool2d, Layer, UpsampleNearest2d
from minigan.layers.layer import Grads
from minigan.losses import apart
from minigan.models.stackgan import Networks
from minigan.models.text import matching
from minigan.objectives import Objective
from minigan.optim import Adam, Average, Optimizer
from minigan.training.draw import Draw, Fixed
from minigan.training.stages import Stages
from minigan.training.steps import Outcome, generator_gradient
from minigan.training.system import Player, Probe, Rivals, System, Turn, in_pieces

ROWS, COLUMNS = 8, 8  # captions in a picture, and samples of each


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
        match: float = 1.0,
        vary: float = 0.3,
        average: float = 0.0,
    ) -> None:
        self.objective, self.stages, self.kl, self.pull = objective, stages, kl, pull
        self.match, self.vary = match, vary
        self.vocabulary, self.examples = vocabulary, tuple(examples)
        self.z_dim, self.scale, self.sample_shape = z_dim, scale, sample_shape
        self.pages, self.pool = networks, AvgPool2d(scale)  # the networks as they were built
        self.players = {
            name: Player(network, Adam(network.named_params(), 1e-3)) for name, network in networks._asdict().items()
        }
        self.drawing = {name: getattr(networks, name) for name in ("G1", "G2")}
        if average > 0:
            for name, G in list(self.drawing.items()):
                self.drawing[name] = copy.deepcopy(G)
                self.players[name].optimizer.average = Average(
                    G.named_arrays(), self.drawing[name].named_arrays(), average
                )

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
        seen, cache_seen = view.network.forward(self.pool.forward(real)[0])
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
        return self._g_turn("2", phi, self._small(draw, phi))

    def _g_turn(self, number: str, phi: Array, x: Array) -> Outcome:
        """G makes pictures of x, given phi; x is noise, or small pictures."""
        D, G = self.players[f"D{number}"].network, self.players[f"G{number}"]
        bound, grads = G.network.given(phi), dict[str, Any]()
        fake, cache = bound.forward(x)
        loss, d_fake, scores = generator_gradient(D.given(phi), self.objective, fake)
        if number == "1":
            found, d_found = self._found(fake, phi)
            varied, d_varied = apart(fake)
            loss = loss + self.match * found + self.vary * varied
            d_fake = d_fake + self.match * d_found + self.vary * d_varied
        else:
            small, pooled = self.pool.forward(fake)
            found, d_found = self._found(small, phi)
            loss = loss + self.match * found + self.pull * ((small - x) ** 2).mean()
            d_small = self.match * d_found + 2 * self.pull / x.size * (small - x)
            d_fake = d_fake + self.pool.input_grad(d_small, pooled)
        bound.backward(d_fake, cache, grads, need_dx=False)
        loss = loss + self._augment(number).kl(phi, grads["embed"], self.kl)
        G.optimizer.step(grads)
        return Outcome(loss, scores, grads)

    def _found(self, small: Array, phi: Array) -> tuple[Array, Array]:
        """Do small pictures and their captions find each other? The loss of both halves, d small."""
        view, h = self.players["view"].network, len(phi) // 2
        seen, cache = view.forward(small, train=False)
        halves = [matching(phi[rows], seen[rows]) for rows in (slice(None, h), slice(h, None))]
        d = view.backward(np.concatenate([half[2] for half in halves]) / 2, cache)
        assert d is not None
        return (halves[0][0] + halves[1][0]) / 2, d

    def _pairs(self, draw: Draw) -> tuple[Array, Array, Array]:
        """Pictures, encoded captions that describe them, and encoded captions that do not."""
        real, rows = draw.numbered("real")
        wrong = self.captions.wrong(draw, rows)
        return real, self.encoded(self.captions.words(draw, rows)), self.encoded(wrong)

    def _captions(self, draw: Draw) -> Array:
        """Encoded captions of other samples than those of D's turn."""
        phi = self.encoded(self.captions.any(draw, max(1, draw.batch_size // 2)))
        return np.concatenate([phi, phi])

    def _small(self, draw: Draw, phi: Array) -> Array:
        """What G1 makes of noise: the second generator's input."""
        z = draw.noise(len(phi), self.z_dim)
        return self.drawing["G1"].given(phi).forward(z, train=False)[0]

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
        n, (first, second) = len(texts), (self.drawing["G1"].embed, self.drawing["G2"].embed)
        tokens = draw.device.asarray(self.vocabulary.tokens(texts))
        noise = [draw.noise(n, size) for size in (self.z_dim, first.codes, second.codes)]
        rows = draw.device.asarray(np.arange(n))
        G1, G2, enlarge = (
            self.drawing["G1"].network,
            self.drawing["G2"].network,
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

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, Probe]:
        """Captions, noise and small pictures, with what the generators make of them for the Ds."""
        tokens = draw.device.asarray(self.vocabulary.tokens(self._some(n)))
        phi, z = self.encoded(tokens), draw.noise(n, self.z_dim)
        with self.pages.G1.keeping_buffers(), self.pages.G2.keeping_buffers():
            small, _ = self.pages.G1.given(phi).forward(z)
            large, _ = self.pages.G2.given(phi).forward(small)
        what = "small pictures", small
        probes: dict[str, Probe] = {"text": ("captions", tokens), "view": what, "D1": (*what, phi)}
        probes |= {"G1": ("noise", z, phi), "G2": (*what, phi), "D2": ("pictures", large, phi)}
        return probes

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

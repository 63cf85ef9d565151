"""StackGAN: pictures from captions, small ones first, then larger ones made of the small ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.data.pairing import Captions
from minigan.data.vocabulary import Vocabulary
from minigan.device import Array
from minigan.layers import AvgPool2d, Layer
from minigan.layers.layer import Grads
from minigan.losses import apart, mse
from minigan.models.stackgan import Networks
from minigan.models.text import matching
from minigan.objectives import Objective
from minigan.optim import Adam, Average, Optimizer
from minigan.systems.from_captions import FromCaptions, augment
from minigan.training.draw import Draw
from minigan.training.stages import Stages
from minigan.training.steps import Outcome, generator_gradient
from minigan.training.system import Player, Turn


class Weights(NamedTuple):
    """The weights of what a generator minimises besides the objective."""

    kl: float = 0.05  # keeps the conditions near a standard Gaussian
    match: float = 1.0  # makes captions find the pictures that are made of them
    vary: float = 0.2  # of the first generator: keeps two pictures of a caption apart
    pull: float = 40.0  # of the second generator: keeps the large picture near the small one


class StackGAN(FromCaptions):
    """Learn to encode captions, then to make small pictures of them, then larger ones of these.

    Players     text, view; D1, G1; D2, G2
    A step      first stage     a turn of text and view: captions and pictures find each other
                second stage    a turn of D1, one of G1: pictures in 1 / scale of their size
                third stage     a turn of D2, one of G2, whose input is what G1 makes; with `half`
                                of half the batch, and of each caption once
    Data        real, with captions

    D           scores three kinds of pairs: a picture with its caption, a picture with a caption
                that does not describe it, a generated picture with its own caption
    G           draws its condition from a Gaussian around the caption (Augment); its turn makes
                two pictures of each caption, and minimises, with s the small picture,
                    objective + kl · KL + match · matching(captions, view(s))
                    + vary · apart(s)             first stage
                    + pull · mean (s - x)²        second stage: x, G2's input, is pool(G2(x)) again
    average     decay of the moving averages of G1 and G2, which draw the samples; 0: none

    A stage that begins starts its optimizers anew. After its stage a player does not move.

    Source      Zhang et al. 2016; the encoder after Reed et al. 2016 (1605.05395); matching of
                generated pictures after Xu et al. 2018 (AttnGAN); `pull` is in neither.
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
        weights: Weights,
        average: float = 0.0,
        half: bool = False,
    ) -> None:
        self.objective, self.stages, self.weights = objective, stages, weights
        self.half = half
        self.vocabulary, self.examples = vocabulary, tuple(examples)
        self.z_dim, self.scale, self.sample_shape = z_dim, scale, sample_shape
        self.built, self.pool = networks, AvgPool2d(scale)
        players = networks._asdict().items()
        self.players = {name: Player(net, Adam(net.named_params(), 1e-3)) for name, net in players}
        self.drawing = {"G1": networks.G1, "G2": networks.G2}
        for name, G in self.drawing.items() if average > 0 else ():
            self.drawing[name] = copy.deepcopy(G)
            target = self.drawing[name].named_arrays()
            self.players[name].optimizer.average = Average(G.named_arrays(), target, average)

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        pairs = (
            (Turn("text", ("text", "view"), self.text_turn),),
            (Turn("D1", ("D1",), self.d1_turn), Turn("G1", ("G1",), self.g1_turn)),
            (Turn("D2", ("D2",), self.d2_turn), Turn("G2", ("G2",), self.g2_turn)),
        )
        return pairs[self.stages.at(step, total)]

    def begin_step(self, step: int, total: int) -> None:
        self.stages.begin(self.players, step, total)

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
        for name, of_player in grads.items():
            self.players[name].optimizer.step(of_player)
        return Outcome(loss, {}, grads)

    def d1_turn(self, draw: Draw) -> Outcome:
        real, phi, wrong = self._pairs(draw, draw.batch_size)
        z = draw.noise(len(real), self.z_dim)
        fake, _ = self.players["G1"].network.given(phi).forward(z)
        small, _ = self.pool.forward(real)
        D = self.players["D1"]
        return matching_step(D.network, self.objective, D.optimizer, small, fake, phi, wrong)

    def d2_turn(self, draw: Draw) -> Outcome:
        real, phi, wrong = self._pairs(draw, self._large(draw))
        fake, _ = self.players["G2"].network.given(phi).forward(self._small(draw, phi))
        D = self.players["D2"]
        return matching_step(D.network, self.objective, D.optimizer, real, fake, phi, wrong)

    def g1_turn(self, draw: Draw) -> Outcome:
        phi = self._captions(draw)
        D, G, z = self.players["D1"].network, self.players["G1"], draw.noise(len(phi), self.z_dim)
        fake, cache = G.network.given(phi).forward(z)
        loss, d_fake, scores = generator_gradient(D.given(phi), self.objective, fake)
        mismatch, d_mismatch = self._mismatch(fake, phi)
        alike, d_alike = apart(fake)
        loss = loss + self.weights.match * mismatch + self.weights.vary * alike
        d_fake = d_fake + self.weights.match * d_mismatch + self.weights.vary * d_alike
        return self._moved("G1", phi, loss, scores, d_fake, cache)

    def g2_turn(self, draw: Draw) -> Outcome:
        phi = self._captions(draw)[: self._large(draw)]
        D, G, x = self.players["D2"].network, self.players["G2"], self._small(draw, phi)
        fake, cache = G.network.given(phi).forward(x)
        loss, d_fake, scores = generator_gradient(D.given(phi), self.objective, fake)
        small, pooled = self.pool.forward(fake)
        mismatch, d_mismatch = self._mismatch(small, phi)
        far, d_far = mse(small, x)
        loss = loss + self.weights.match * mismatch + self.weights.pull * far
        d_small = self.weights.match * d_mismatch + self.weights.pull * d_far
        d_fake = d_fake + self.pool.input_grad(d_small, pooled)
        return self._moved("G2", phi, loss, scores, d_fake, cache)

    def _moved(
        self,
        name: str,
        phi: Array,
        loss: Array,
        scores: dict[str, Array],
        d_fake: Array,
        cache: Any,
    ) -> Outcome:
        """The last part of a generator's turn: back through it, with KL, and the update."""
        G, grads = self.players[name], dict[str, Any]()
        G.network.given(phi).backward(d_fake, cache, grads, need_dx=False)
        loss = loss + augment(getattr(self.built, name)).kl(phi, grads["embed"], self.weights.kl)
        G.optimizer.step(grads)
        return Outcome(loss, scores, grads)

    def _mismatch(self, small: Array, phi: Array) -> tuple[Array, Array]:
        """Do small pictures and their captions find each other? The loss, and d small.

        The halves have the same captions, which would be wrong for each other: each on its own.
        """
        view, half = self.players["view"].network, len(phi) // 2
        seen, cache = view.forward(small, train=False)
        first, second = matching(phi[:half], seen[:half]), matching(phi[half:], seen[half:])
        d = view.backward(np.concatenate([first[2], second[2]]) / 2, cache)
        assert d is not None  # only need_dx=False gives None
        return (first[0] + second[0]) / 2, d

    def _pairs(self, draw: Draw, n: int) -> tuple[Array, Array, Array]:
        """n pictures, encoded captions that describe them, and encoded captions that do not."""
        real, rows = (of_batch[:n] for of_batch in draw.numbered("real"))
        wrong, encoded = self.captions.wrong(draw, rows), self.built.encoded
        return real, encoded(self.captions.words(draw, rows)), encoded(wrong)

    def _large(self, draw: Draw) -> int:
        """How many of a batch are made large."""
        return max(1, draw.batch_size // 2) if self.half else draw.batch_size

    def _captions(self, draw: Draw) -> Array:
        """Encoded captions of other samples than those of D's turn, each twice."""
        phi = self.built.encoded(self.captions.any(draw, max(1, draw.batch_size // 2)))
        return np.concatenate([phi, phi])

    def _small(self, draw: Draw, phi: Array) -> Array:
        """G1's pictures from noise: the second generator's input."""
        z = draw.noise(len(phi), self.z_dim)
        return self.drawing["G1"].given(phi).forward(z, train=False)[0]


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

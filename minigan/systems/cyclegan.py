"""CycleGAN: two domains without pairs, a generator in each direction, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigan import kernels
from minigan.data import Dataset
from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.losses import l1
from minigan.metrics.features import Extractor
from minigan.metrics.score import Score
from minigan.metrics.translations import translation_scores
from minigan.objectives import Objective
from minigan.optim import Adam
from minigan.systems.pool import Pool
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, generator_gradient, update_discriminator
from minigan.training.system import Player, Rivals, System, Turn, in_pieces

GENERATOR = {"B": "G_AB", "A": "G_BA"}  # by the domain that it translates to
SHOWN = 20  # held-out images in a picture
HELD, COMPARED = 16, 200  # held-out images of each side whose errors are on the log, or choose


class Weights(NamedTuple):
    """Of the losses of both generators, beside the objective's."""

    cycle_a: float = 5.0  # of A → B → A
    cycle_b: float = 5.0  # of B → A → B
    identity: float = 0.0


class CycleGAN(System):
    """Translate between domains A and B: there and back again must end where it began.

    Players     G_AB, G_BA, and D_A, D_B, each of which judges images of the domain in its name
    A step      one turn of both generators, then one of each discriminator, with the same images
                L = Σ both ways:  L_adv(D_B, AB(a)) + cycle |BA(AB(a)) - a| + identity |BA(a) - a|
    Data        A, B, and "held out A", "held out B", of which pictures and scores are made
    Source      Zhu et al. 2017, equations 1 to 3, section 7.1; LSGAN here has ½: cycle 5 is its 10.

    The discriminators are shown the generators' fakes of this step, exchanged with older ones
    (`Pool`). paired: image i of both held-out sets is the same, and errors to the truth are known.
    """

    data = ("A", "B", "held out A", "held out B")

    def __init__(
        self,
        networks: Mapping[str, Layer],
        objective: Objective,
        *,
        shapes: Mapping[str, tuple[int, ...]],
        weights: Weights | None = None,
        pool: int = 50,
        noise: float = 0.0,
        d_lr: float = 4e-4,
        g_lr: float = 4e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        paired: bool = False,
    ) -> None:
        self.objective, self.paired, self.noise = objective, paired, noise
        self.sample_shape = shapes["B"]
        self.weights = weights or Weights()
        rates = {"G_AB": g_lr, "G_BA": g_lr, "D_A": d_lr, "D_B": d_lr}
        self.players = {
            name: Player(networks[name], Adam(networks[name].named_params(), lr, betas=betas))
            for name, lr in rates.items()
        }
        _, some = next(networks["G_AB"].named_params())
        self.pools = {side: Pool(pool, shapes[side], some) for side in ("A", "B")}
        self.made: dict[str, tuple[Array, Array]] = {}  # by side: real and fake images of this step
        self.held: dict[str, Dataset] = {}
        truth = ["truth"] if paired else []
        a, b = ["a", "AB(a)", *truth, "BA(AB(a))"], ["b", "BA(b)", *truth, "AB(BA(b))"]
        self.row_labels = {"samples": (*a, *b)}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        of_sides = [
            Turn(
                f"D_{side}",
                (f"D_{side}",),
                partial(self.d_turn, side),
                partial(int, self.pools[side].count),
            )
            for side in ("A", "B")
        ]
        return Turn("G_AB+G_BA", ("G_AB", "G_BA"), self.g_turn), *of_sides

    def g_turn(self, draw: Draw) -> Outcome:
        a, b = draw.batch("A"), draw.batch("B")
        grads: Grads = {"G_AB": {}, "G_BA": {}}
        noise = draw.rng("noise") if self.noise > 0 else None
        fake_b, there, scores_b = self.one_way("A", "B", a, grads, noise)
        fake_a, back, scores_a = self.one_way("B", "A", b, grads, noise)
        for name, gradients in grads.items():  # only now: the caches belong to the weights before
            self.players[name].optimizer.step(gradients)
        self.made = {"A": (a, fake_a), "B": (b, fake_b)}
        scores = {"fake_a": scores_a["fake"], "fake_b": scores_b["fake"]}
        return Outcome(there + back, scores, grads)

    def one_way(
        self, source: str, target: str, real: Array, grads: Grads, noise: Any = None
    ) -> tuple[Array, Array, dict[str, Array]]:
        """real → fake → real again: adds to the gradients of both generators.

        Returns the fake, the loss and D's scores."""
        names = GENERATOR[target], GENERATOR[source], f"D_{target}"
        there, back, D = (self.players[name].network for name in names)
        g_there, g_back = grads[names[0]], grads[names[1]]
        fake, c_there = there.forward(real)
        loss, d_fake, scores = generator_gradient(D, self.objective, fake)
        cycle = self.weights.cycle_a if source == "A" else self.weights.cycle_b
        if cycle > 0:
            seen = fake if noise is None else fake + self._noise(fake, noise)
            again, c_back = back.forward(seen)
            drift, d_again = l1(again, real)
            loss, way_back = loss + cycle * drift, back.backward(cycle * d_again, c_back, g_back)
            d_fake = d_fake + way_back
        there.backward(d_fake, c_there, g_there, need_dx=False)
        if self.weights.identity > 0:  # who makes images of `source` gets one, and should keep it
            same, c_same = back.forward(real)
            change, d_same = l1(same, real)
            loss = loss + self.weights.identity * change
            back.backward(self.weights.identity * d_same, c_same, g_back, need_dx=False)
        return fake, loss, scores

    def _noise(self, x: Array, rng: Any) -> Array:
        return self.noise / 127.5 * kernels.normal(x, x.shape, rng)

    def d_turn(self, side: str, draw: Draw) -> Outcome:
        D, (real, fake) = self.players[f"D_{side}"], self.made[side]
        shown = self.pools[side].exchange(fake, draw.rng(f"pool {side}"))
        return update_discriminator(D.network, self.objective, D.optimizer, real, shown)

    def saved(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        for side, pool in self.pools.items():
            arrays |= {f"pool_{side}/{name}": array for name, array in pool.arrays().items()}
        return arrays

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.device = draw.device
        self.held = {side: draw.datasets[f"held out {side}"] for side in ("A", "B")}

    def translate(self, x: Array, to: str) -> Array:
        """Images x (N, H, W, C) of the other domain as images of the domain `to`, in [-1, 1]."""
        return self.players[GENERATOR[to]].network.forward(x, train=False)[0]

    def pixels(self, x: Array, *ways: str) -> np.ndarray:
        """x translated along `ways`, such as "B", "A" for there and back: uint8 pixels."""

        def forward(rows: Array) -> Array:
            for to in ways:
                rows = self.translate(rows, to)
            return rows

        return in_pieces(forward, x)

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        **asked: Any,
    ) -> np.ndarray:
        command = "minigan translate RUN picture.png --to B --out out.png"
        raise ValueError(f"cyclegan translates images: {command}")

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """Rows of held-out images: a, AB(a), BA(AB(a)), b, BA(b), AB(BA(b)); where it is known, the
        truth after each translation."""
        rows = []
        for side, to in (("A", "B"), ("B", "A")):
            images, chosen = self.held[side].images, np.arange(min(SHOWN, len(self.held[side])))
            x = self.device.asarray(self.held[side].batch(chosen))
            rows += [images[chosen], self.pixels(x, to)]
            rows += [self.held[to].images[chosen]] if self.paired else []
            rows.append(self.pixels(x, to, side))
        n = min(map(len, rows))
        return {"samples": np.stack([_in_colour(row[:n], rows) for row in rows])}

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Losses, scores, and errors of held-out images in grey levels: of the way back, and to the
        truth where it is known."""
        return super().readings(outcomes) | self._errors(HELD)

    def held_out_error(self) -> float:
        """To the truth where it is known, else of the ways back, in grey levels."""
        errors, kind = self._errors(COMPARED), "error" if self.paired else "cycle"
        return float(errors[f"{kind}_a"] + errors[f"{kind}_b"]) / 2

    def _errors(self, n: int) -> dict[str, Array]:
        numbers: dict[str, Array] = {}
        for side, to in (("A", "B"), ("B", "A")):
            rows = np.arange(min(n, len(self.held[side])))
            x = self.device.asarray(self.held[side].batch(rows))
            fake = self.translate(x, to)
            numbers[f"cycle_{side.lower()}"] = np.abs(self.translate(fake, side) - x).mean() * 127.5
            if self.paired:
                truth = self.device.asarray(self.held[to].batch(rows))
                numbers[f"error_{to.lower()}"] = np.abs(fake - truth).mean() * 127.5
        return numbers

    def rivals(self) -> tuple[Rivals, ...]:
        return Rivals("D_B", "G_AB", self.objective), Rivals("D_A", "G_BA", self.objective)

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, tuple[str, Array]]:
        a, b = real["A"][:n], real["B"][:n]
        images = {"G_AB": a, "G_BA": b, "D_A": a, "D_B": b}
        return {name: ("images", x) for name, x in images.items()}

    def scores(self, held: Mapping[str, Dataset], judge: Extractor | None = None) -> list[Score]:
        """The table of `minigan score` for the held-out images."""
        sides = {side: held[f"held out {side}"] for side in ("A", "B")}
        return translation_scores(self, sides, judge if self.paired else None)


def _in_colour(images: np.ndarray, rows: Sequence[np.ndarray]) -> np.ndarray:
    """Grey images with three channels, where others of the rows have three."""
    return np.repeat(images, max(row.shape[3] for row in rows) // images.shape[3], axis=3)

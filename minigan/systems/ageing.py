"""Ageing: a GAN that is given the age of a sample, and the way back from an image to its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.data import ages
from minigan.device import Array, like
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.optim import Optimizer
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.latent import search
from minigan.training.draw import Draw, Fixed
from minigan.training.stages import Stages
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Player, Probe, Turn, refuse_others

AGES = 9  # in a row of a picture
PIXELS = 2.0  # weight of the pixels in a search
PER_CLASS = 10  # rows of a picture


class Ageing(ConditionalGAN):
    """G makes samples of the age that it is given, and of the class where the data have classes.
    An encoder E learns the way back, and a search from its guess finds the noise of an image: with
    another age, G shows the same thing older.

    Players     D, G, E
    A step      first stage     a turn of D, one of G: both are given the ages of the data
                second stage    a turn of E: from G(z | c) to z. G does not move any more.
    Data        real, with an attribute: the age

    age         its name; any number that is known of a sample, such as the thickness of strokes
    knots       percentiles of the age, between which a condition is linear (ages.hats)
    names       of the classes; () where the condition is the age alone
    E           image -> noise: L = mean (E(G(z | c)) - z)² over all numbers; 1: no knowledge

    Source      Antipov, Baccouche & Dugelay 2017.
    """

    def __init__(
        self,
        G: Layer,
        D: Layer,
        E: Layer,
        objective: Objective,
        *,
        age: str,
        knots: Sequence[float],
        names: Sequence[str],
        counts: Sequence[int],
        stages: Stages,
        e_optimizer: Optimizer,
        **options: Any,
    ) -> None:
        super().__init__(G, D, objective, names=names, counts=counts, **options)
        self.age, self.knots, self.stages = age, tuple(knots), stages
        self.players["E"] = Player(E, e_optimizer)

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        if self.stages.at(step, total) == 1:
            return (Turn("E", ("E",), self.e_turn),)
        return Turn("D", ("D",), self.d_turn), Turn("G", ("G",), self.g_turn)

    def begin_step(self, step: int, total: int) -> None:
        self.stages.begin(self.players, step, total)

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        dataset = draw.datasets["real"]
        labels = dataset.labels if self.names else None
        table = self.conditions(dataset.attributes[self.age], labels)
        some = next(self.players["G"].network.named_params())[1]
        self.real_conditions = draw.device.asarray(table.astype(some.dtype))

    def conditions(self, values: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """The condition of each age (N,), and of each label where there are classes: (N, d)."""
        hats = ages.hats(values, self.knots)
        if not self.names:
            return hats
        assert labels is not None
        one_hot = np.eye(len(self.names), dtype=hats.dtype)[self.known(labels)]
        return np.concatenate([hats, one_hot], axis=1)

    def d_turn(self, draw: Draw) -> Outcome:
        D, G = self.players["D"], self.players["G"]
        real, i = draw.numbered("real")
        c, z = self.real_conditions[i], draw.noise(len(real), self.z_dim)
        D_c, G_c = D.network.given(c), G.network.given(c)
        return discriminator_step(D_c, G_c, self.objective, D.optimizer, real, z)

    def g_turn(self, draw: Draw) -> Outcome:
        D, G, real = self.players["D"], self.players["G"], None
        if self.objective.compares:
            real, i = draw.numbered("real")
            c = self.real_conditions[i]
        else:
            c = self._some_conditions(draw)
        D_c, G_c, z = D.network.given(c), G.network.given(c), draw.noise(len(c), self.z_dim)
        return generator_step(D_c, G_c, self.objective, G.optimizer, z, real)

    def e_turn(self, draw: Draw) -> Outcome:
        E, G = self.players["E"], self.players["G"]
        draw.batch("real")  # epochs are counted by batches
        c, z = self._some_conditions(draw), draw.noise(draw.batch_size, self.z_dim)
        x, _ = G.network.given(c).forward(z, train=False)
        code, cache = E.network.forward(x)
        grads: dict[str, Any] = {}
        E.network.backward(2 / z.size * (code - z), cache, grads, need_dx=False)
        E.optimizer.step(grads)
        return Outcome(((code - z) ** 2).mean(), {}, grads)

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, Probe]:
        probes = super().probes(draw, real, n)
        return {**probes, "E": ("samples", probes["D"][1])}

    def _fixed_conditions(self, draw: Fixed, n: int) -> Array:
        rng = draw.generator
        values = self.age_at(rng.random(n))
        labels = rng.choice(self.table, n) if self.names else None
        return draw.device.asarray(self.conditions(values, labels))

    def _some_conditions(self, draw: Draw) -> Array:
        """Conditions of other samples than those of D's turn."""
        i = draw.labels(draw.batch_size, len(self.real_conditions), "conditions")
        return self.real_conditions[i]

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        labels: Sequence[int] | None = None,
        values: Sequence[float] | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """n samples of these ages and labels; None: as in the data."""
        z, rng = draw.noise(n, self.z_dim), draw.generator
        of_age = self.age_at(rng.random(n)) if values is None else np.asarray(values)
        if labels is None and self.names:
            labels = list(rng.choice(self.table, n))
        return self.samples_of(draw, z, of_age, labels, progress)

    def samples_of(
        self,
        draw: Fixed,
        z: Array,
        values: np.ndarray,
        labels: Sequence[int] | np.ndarray | None,
        progress: str | None = None,
    ) -> np.ndarray:
        """The samples of noise z at these ages and labels, (N,) each."""
        c = self.conditions(values, None if labels is None else np.asarray(labels))
        return self._samples(draw, z, c, progress)

    def age_at(self, share: np.ndarray) -> np.ndarray:
        """The ages that these shares of the data do not reach, by the knots."""
        return np.interp(share, (0.05, 0.25, 0.5, 0.75, 0.95), self.knots)

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Those of the stage that the run is in."""
        if "E" in outcomes:
            return {"e_loss": outcomes["E"].loss}
        return super().readings(outcomes)

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """In each row one noise, and one class, at rising ages."""
        rows = min(len(self.names), PER_CLASS) or PER_CLASS
        z, row = draw.noise(rows, self.z_dim), np.repeat(np.arange(rows), AGES)
        values = np.tile(self.age_at(np.linspace(0.05, 0.95, AGES)), rows)
        samples = self.samples_of(draw, z[draw.device.asarray(row)], values, row)
        return {"samples": samples.reshape(rows, AGES, *samples.shape[1:])}

    def find(
        self,
        x: Array,
        values: np.ndarray,
        labels: np.ndarray | None,
        features: Layer | None,
        *,
        steps: int = 80,
        pixels: float = PIXELS,
        every_age: bool = True,
    ) -> Array:
        """The noise (N, z_dim) of images x (N, ...) in [-1, 1] with known ages and labels (N,).

        every_age   at each of the knots, the features must see the same
        """
        z = self.players["E"].network.forward(x, train=False)[0].copy()
        at = (values, *(np.full(len(x), knot) for knot in self.knots if every_age))
        of_z = [self.drawing.given(like(self.conditions(one, labels), x)) for one in at]
        for _ in search(of_z[0], x, z, features, of_z[1:], steps=steps, pixels=pixels):
            pass
        return z

    def answer(
        self,
        draw: Fixed,
        n: int,
        words: Mapping[str, str],
    ) -> tuple[np.ndarray, int | None]:
        """Of --age: numbers with commas between, or "all"; of --class as of a conditional GAN. A
        row for each age of each class, all with the same noise."""
        of_age = {"age": f"{self.knots[0]:.4g} ... {self.knots[-1]:.4g}"}
        refuse_others(words, of_age | (self.class_words() if self.names else {}))
        if not words:
            return self.generate(draw, n), None
        values = self.ages_of(words["age"]) if "age" in words else [self.knots[2]]
        labels = self.labels_of(words.get("class", "0")) if self.names else [0]
        z, pairs = draw.noise(n, self.z_dim), [(k, a) for k in labels for a in values]
        every = np.concatenate([z] * len(pairs))
        c, at = (np.repeat(column, n) for column in zip(*pairs, strict=True))
        return self.samples_of(draw, every, at, c), n if len(pairs) > 1 else None

    def ages_of(self, words: str) -> list[float]:
        """Ages by numbers with commas between; ValueError for what is not one of the data's."""
        if words == "all":
            return list(self.age_at(np.linspace(0.05, 0.95, AGES)))
        try:
            values = [float(word) for word in words.split(",")]
        except ValueError:
            values = [np.nan]
        low, high = self.knots[0], self.knots[-1]
        if not all(low <= value <= high for value in values):
            known = f"{self.age} of this run is between {low:.4g} and {high:.4g}"
            expected = "expected numbers with commas between, or all"
            raise ValueError(f"--age {words}: {expected}; {known}")
        return values

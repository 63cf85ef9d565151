"""Ageing: a GAN that is given the age of a sample, and the way back from an image to its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan import data, models
from minigan.data import Dataset, ages
from minigan.device import Array, Device, like
from minigan.layers import Layer
from minigan.models import Critic
from minigan.models.conditional import conditional
from minigan.objectives import Objective
from minigan.optim import Optimizer
from minigan.random import Streams
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.latent import search
from minigan.training.config import Config, gan_recipe
from minigan.training.datasets import dataset_of
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Player, Probe, Turn

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
        return np.concatenate([hats, np.eye(len(self.names), dtype=hats.dtype)[labels]], axis=1)

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
        unknown = words.keys() - {"age", "class"}
        if unknown or (not self.names and "class" in words):
            takes = "--age and --class" if self.names else "--age"
            given = sorted(unknown or {"class"})
            raise ValueError(f"this run takes {takes}, and no --{', --'.join(given)}")
        if not words:
            return self.generate(draw, n), None
        of_age = self.ages_of(words["age"]) if "age" in words else [self.knots[2]]
        labels = self.labels_of(words.get("class", "0")) if self.names else [0]
        z, pairs = draw.noise(n, self.z_dim), [(k, a) for k in labels for a in of_age]
        every = np.concatenate([z] * len(pairs))
        c, values = (np.repeat(column, n) for column in zip(*pairs, strict=True))
        return self.samples_of(draw, every, values, c), n if len(pairs) > 1 else None

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


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    return {**gan_recipe(choices), "z_dim": 50, "epochs": 18.5}


def aged(config: Config) -> dict[str, Dataset]:
    """The data set of a run with the attribute that its system is conditioned on."""
    dataset = dataset_of(config)
    if not dataset.is_image:
        raise ValueError(f"ageing needs images; {dataset.name} has points")
    folder = None if config.data in data.NAMES else Path(config.data)
    return {"real": ages.with_attribute(dataset, config.options["age"], folder)}


def _build(config: Config, about: Mapping[str, About], on: Device) -> Ageing:
    from minigan.training.build import objective_of, optimizer_of  # here: build imports the systems

    real, options, streams = about["real"], config.options, Streams(config.seed)
    shape, z_dim = tuple(real["shape"]), config.z_dim or 50
    names = real["names"] if options["classes"] and real["classes"] else ()
    counts, knots = real["counts"] if names else (), real["knots"][options["age"]]
    objective = objective_of(config, streams)
    sizes: dict[str, Any] = {k: v for k, v in config.model_choices().items() if k != "z_dim"}
    sizes |= {"sample_shape": shape, "z_dim": z_dim}
    vectors, critic = len(knots) + len(names), Critic(**objective.critic())
    places: dict[str, Any] = {"vectors": vectors, "place": "both", "critic": critic}
    model = conditional(config.model, streams, **places, **sizes)
    D = model.D.given(np.zeros((2, vectors), np.float32))
    objective.check(D, np.zeros((2, *shape), np.float32))
    norm = {"critic_norm": "batch"} if "critic_norm" in sizes else {}
    code = Critic(output="features", features=z_dim)
    E = models.get(config.model, streams, **{**sizes, **norm, "critic": code}).D
    for part in (model.D, model.G, E, objective):
        part.convert(on.asarray)
    share = options["encoder"]
    if not 0 < share < 1:
        raise ValueError(f"encoder is the share of the run that trains it, in (0, 1), got {share}")
    gan = Stage(1 - share, {"D": config.d_lr, "G": config.g_lr}, config.betas)
    return Ageing(
        model.G,
        model.D,
        E,
        objective,
        age=options["age"],
        knots=knots,
        names=names,
        counts=counts,
        stages=Stages(gan, Stage(share, {"E": 2e-3}, (0.9, 0.999)), decay=config.decay),
        z_dim=z_dim,
        g_optimizer=optimizer_of(config, model.G.named_params(), config.g_lr),
        d_optimizer=optimizer_of(config, model.D.named_params(), config.d_lr),
        e_optimizer=optimizer_of(config, E.named_params(), 2e-3),
        average=config.average,
        sample_shape=shape,
    )


ENTRY = Entry(
    about="a generator that is given an age, and the way back from an image to its noise",
    recipe=_recipe,
    datasets=aged,
    build=_build,
    fields=(
        *("model", "width", "hidden", "z_dim", "objective", "hyper", "real_label"),
        *("penalty", "penalty_weight", "average"),
    ),
    options=(
        Option("age", "thickness", "thickness or slant, measured; or a column of attributes.csv"),
        Option("classes", True, "give the class as well, where the data have classes"),
        Option("encoder", 0.24, "share of the run that trains the encoder"),
    ),
)

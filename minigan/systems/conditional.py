"""Conditional GAN: a generator and a discriminator that are given a class."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.objectives.auxiliary import AuxiliaryClasses
from minigan.systems.gan import GAN
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Probe, Rivals, in_pieces, refuse_others

COLUMNS = 10  # samples of each class in a picture
MOST_ROWS = 20  # classes in a picture


class ConditionalGAN(GAN):
    """G makes samples of the class that it is given; D is given that class too.

    Players     D, G
    A step      `n_critic` turns of D, whose fakes have the classes of the real batch: D cannot
                use how frequent a class is. Then one turn of G, with classes as frequent
                as in the data.
    Data        real, with labels

    names       of the classes, in the order of the labels
    counts      how many samples of each class the data have
    objective   AuxiliaryClasses is bound to the labels; other objectives see D's outputs alone

    Source      Mirza & Osindero 2014; projection: Miyato & Koyama 2018; auxiliary: Odena, Olah &
                Shlens 2017.
    """

    def __init__(
        self,
        G: Layer,
        D: Layer,
        objective: Objective,
        *,
        names: Sequence[str],
        counts: Sequence[int],
        **options: Any,
    ) -> None:
        check_objective(objective)
        super().__init__(G, D, objective, **options)
        self.names = tuple(names)
        self.real_conditions: Any = None  # of the samples of the data, from `connect` on
        self.table = np.repeat(np.arange(len(counts)), np.array(counts, int))  # a label per sample

    def d_turn(self, draw: Draw) -> Outcome:
        real, c = draw.labelled("real")
        z = draw.noise(len(real), self.z_dim)
        D_c, G_c, objective = self._given(c)
        optimizer = self.players["D"].optimizer
        return self._without_logits(discriminator_step(D_c, G_c, objective, optimizer, real, z))

    def g_turn(self, draw: Draw) -> Outcome:
        real = None
        if self.objective.compares:
            real, c = draw.labelled("real")
        else:
            c = self.labels[draw.labels(draw.batch_size, len(self.table), "classes")]
        D_c, G_c, objective = self._given(c)
        z = draw.noise(len(c), self.z_dim)
        optimizer = self.players["G"].optimizer
        return self._without_logits(generator_step(D_c, G_c, objective, optimizer, z, real))

    def _given(self, c: Array) -> tuple[Layer, Layer, Objective]:
        """D, G and the objective for samples of the classes c (N,)."""
        D, G = self.players["D"].network, self.players["G"].network
        if isinstance(self.objective, AuxiliaryClasses):
            return D, G.given(c), self.objective.given(c)
        return D.given(c), G.given(c), self.objective

    def _without_logits(self, outcome: Outcome) -> Outcome:
        """The results of an update, where D classifies too: its scores, without the classes."""
        if not isinstance(self.objective, AuxiliaryClasses):
            return outcome
        scores = {name: y[:, :1] for name, y in outcome.scores.items()}
        return outcome._replace(scores=scores)

    def rivals(self) -> tuple[Rivals, ...]:
        objective = self.objective
        return (Rivals("D", "G", getattr(objective, "adversarial", objective)),)

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.labels = draw.device.asarray(self.table)
        of_data = draw.datasets["real"].labels
        if of_data is not None:
            self.real_conditions = draw.device.asarray(of_data.astype(np.int64))

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        labels: Sequence[int] | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """n samples of the classes `labels` (n,); None: as frequent as in the data."""
        z = draw.noise(n, self.z_dim)
        c = draw.generator.choice(self.table, n) if labels is None else self.known(labels)
        return self._samples(draw, z, c, progress)

    def rows(self, draw: Fixed, labels: Sequence[int], columns: int) -> np.ndarray:
        """`columns` samples of each label, row after row: all rows with the same noise."""
        z = draw.noise(columns, self.z_dim)
        every, c = np.concatenate([z] * len(labels)), np.repeat(self.known(labels), columns)
        return self._samples(draw, every, c, None)

    def _samples(self, draw: Fixed, z: Array, c: np.ndarray, progress: str | None) -> np.ndarray:
        """The samples of noise z (N, z_dim) and classes c (N,), in evaluation mode."""
        c, rows = draw.device.asarray(c), draw.device.asarray(np.arange(len(c)))

        def forward(i: Array) -> Array:
            return self.drawing.given(c[i]).forward(z[i], train=False)[0]

        return in_pieces(forward, rows, progress=progress)

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """A row for each class, the same noise in each column."""
        if self.sample_shape is not None and len(self.sample_shape) == 3:
            shown = range(len(self.names))[:MOST_ROWS]
            samples = self.rows(draw, shown, COLUMNS)
            return {"samples": samples.reshape(len(shown), COLUMNS, *samples.shape[1:])}
        return super().pictures(draw)

    def answer(
        self,
        draw: Fixed,
        n: int,
        words: Mapping[str, str],
    ) -> tuple[np.ndarray, int | None]:
        """Of --class: names or numbers with commas between, or "all"."""
        refuse_others(words, self.class_words())
        if "class" not in words:
            return self.generate(draw, n), None
        labels = self.labels_of(words["class"])
        return self.rows(draw, labels, n), n if len(labels) > 1 else None

    def class_words(self) -> dict[str, str]:
        """The words of a command that name a class, with an example."""
        return {"class": f"{self.names[0]} ... {self.names[-1]}"}

    def labels_of(self, words: str) -> list[int]:
        """The labels of classes by name or number, with commas between; all for "all"."""
        if words == "all":
            return list(range(len(self.names)))
        return [self.label(word.strip()) for word in words.split(",")]

    def known(self, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        """The labels as an array; ValueError for one that is not of this run."""
        c, K = np.asarray(labels), len(self.names)
        if c.dtype.kind not in "iu" or c.min(initial=0) < 0 or c.max(initial=0) >= K:
            raise ValueError(f"labels must be whole numbers from 0 to {K - 1}, got {labels}")
        return c

    def label(self, name: str) -> int:
        """The label of the class of this name or number; ValueError for an unknown one."""
        if name in self.names:
            return self.names.index(name)
        if name.isdigit() and int(name) < len(self.names):
            return int(name)
        near = [] if name.isdigit() else difflib.get_close_matches(name, self.names, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
        known = f"this run has {len(self.names)}: {shown}{meant}"
        raise ValueError(f"class {name!r} is unknown; {known}")

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, Probe]:
        """Noise for G, generated samples and, after `connect`, real ones for D."""
        z, c = draw.noise(n, self.z_dim), self._fixed_conditions(draw, n)
        G = self.players["G"].network
        with G.keeping_buffers():
            x, _ = G.given(c).forward(z)
        D_x, D_c = x, c
        if self.real_conditions is not None:
            some = real["real"][:n]
            D_x = np.concatenate([x, some])
            D_c = np.concatenate([c, self.real_conditions[: len(some)]])
        auxiliary = isinstance(self.objective, AuxiliaryClasses)
        return {"G": ("noise", z, c), "D": ("samples", D_x) if auxiliary else ("samples", D_x, D_c)}

    def _fixed_conditions(self, draw: Fixed, n: int) -> Array:
        """n conditions as in the data."""
        return draw.device.asarray(draw.generator.choice(self.table, n))


def check_objective(objective: Objective) -> None:
    """ValueError for an objective that a step with conditions cannot have."""
    if objective.fakes > 1:
        raise ValueError(
            f"{objective.name} compares {objective.fakes} generated samples with each real one; "
            "a step with conditions makes one of each condition; take an objective such as "
            "nonsaturating, hinge or wgan-gp"
        )
    if objective.output not in ("score", "mean", "covariance", "features"):
        raise ValueError(
            "a condition needs an objective whose D gives a score for every sample, such as "
            f"nonsaturating, hinge or wgan-gp; got {objective.name}"
        )

"""Explored: a saved run whose samples can be asked for by points of its latent space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import Dataset
from minigan.device import Array, Device
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.objectives.auxiliary import AuxiliaryClasses
from minigan.random import Streams
from minigan.report.loaded import Evidence
from minigan.scoring.saved_generator import SavedGenerator
from minigan.styles.mixing import mixed
from minigan.styles.walk import great_circle, straight
from minigan.systems.ageing import Ageing
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.stackgan import StackGAN
from minigan.systems.stylegan import StyleGAN
from minigan.systems.truncation import Consulted
from minigan.training import build, registry
from minigan.training.draw import Draw, Fixed
from minigan.training.system import in_pieces

Conditions = Mapping[str, Any]


class Given(Fixed):
    """Draws for `System.generate` whose first noise is given; what it draws besides is the same for all samples."""

    def __init__(self, z: np.ndarray, device: Device) -> None:
        super().__init__(np.random.default_rng(0), device)
        self._z: np.ndarray | None = z

    def noise(self, n: int, size: int) -> Array:
        """The given noise, and after it one row for all."""
        z, self._z = self._z, None
        if z is None:
            z = np.repeat(self.generator.standard_normal((1, size), dtype=np.float32), n, axis=0)
        return self.device.asarray(z)


class Explored:
    """The system of a run at its newest checkpoint.

    kind     "images" or "points": made from noise; "rows": it turns images into images
    space    in which one moves: "z", or "w" of a stylegan
    """

    def __init__(self, folder: Path) -> None:
        self.saved = SavedGenerator(folder, on="cpu")
        self.evidence = Evidence(folder)
        self.system: Any = self.saved.system
        self.space = "w" if isinstance(self.system, StyleGAN) else "z"
        shape = self.system.sample_shape
        noise = hasattr(self.system, "z_dim")
        self.kind = "rows" if not noise else "points" if shape is not None and len(shape) == 1 else "images"

    def described(self) -> dict[str, Any]:
        """For the page: its name, and what can be asked of it."""
        system, config = self.system, self.saved.config
        facts: dict[str, Any] = {"name": self.evidence.name, "system": config.system, "step": self.saved.step}
        chosen = registry.entry(config.system).fields  # of the others the config has values without a meaning
        facts |= {name: getattr(config, name) for name in ("model", "objective") if name in chosen}
        facts["data"] = Path(config.data).name
        facts |= {"kind": self.kind, "space": self.space, "z_dim": getattr(system, "z_dim", 0)}
        if isinstance(system, ConditionalGAN):
            facts["classes"] = [str(name) for name in system.names]
        if isinstance(system, Ageing):
            facts["age"] = {"name": system.age, "knots": [float(knot) for knot in system.knots]}
        if isinstance(system, StackGAN):
            facts["texts"] = list(system.examples[:8])
        if isinstance(system, StyleGAN):
            facts["layers"] = system.drawing.L
        return facts

    def latents(self, seeds: list[int]) -> np.ndarray:
        """A latent for each seed, float32 (n, d): the same as the first sample of `minigan sample --seed`."""
        name, z_dim = "more samples", self.system.z_dim
        z = np.concatenate([self.saved.draw(name, seed).noise(1, z_dim) for seed in seeds])
        return self.system.drawing.map(z) if self.space == "w" else z

    def random(self, n: int) -> np.ndarray:
        """n latents, always the same."""
        z = np.random.default_rng(1).standard_normal((n, self.system.z_dim), dtype=np.float32)
        return self.system.drawing.map(z) if self.space == "w" else z

    def between(self, a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
        """On the way from a to b (1, d): straight in w, on a great circle in z, with the length going from one to the
        other."""
        share = np.array([[t]], np.float32)
        if self.space == "w" or a.shape[1] == 1 or np.array_equal(a, b):
            return straight(a, b, share)
        lengths = [np.linalg.norm(v) / v.shape[1] ** 0.5 for v in (a, b)]
        return (great_circle(a, b, share) * ((1 - t) * lengths[0] + t * lengths[1])).astype(np.float32)

    def samples(self, latents: np.ndarray, conditions: Conditions) -> np.ndarray:
        """uint8 (n, H, W, C) of latents (n, d), or float32 points (n, 2)."""
        system, n, asked = self.system, len(latents), dict(conditions)
        if self.space == "w":
            return self._styled(latents, asked)
        given: dict[str, Any] = {}
        if isinstance(system, ConditionalGAN) and system.names:
            given["labels"] = np.broadcast_to(asked.get("class", 0), n)
        if isinstance(system, Ageing):
            given["values"] = [asked.get("age", system.knots[2])] * n
        if isinstance(system, StackGAN):
            texts = [asked["text"]] if asked.get("text") else system.examples[:1]
            given["texts"] = texts * n
        return system.generate(Given(latents, self.saved.device), n, **given)

    def _styled(self, w: np.ndarray, asked: dict[str, Any]) -> np.ndarray:
        """Of a stylegan: truncated by psi, with the styles of another sample from a layer on."""
        G = self.system.drawing
        if "mix" in asked:
            other = self.latents([asked["mix"]["seed"]])
            ws = mixed(G, w, np.repeat(other, len(w), axis=0), range(asked["mix"]["layer"]))
        else:
            ws = np.repeat(w[:, np.newaxis], G.L, axis=1)
        psi = asked.get("psi", 1.0)
        ws = G.styles.mean + psi * (ws - G.styles.mean) if psi != 1 else ws
        with Consulted(G, asked.get("noise", "fixed"), np.random.default_rng(0)):
            return in_pieces(G.image, ws)

    @cached_property
    def dataset(self) -> Dataset:
        """The training data; ValueError where they are not here any more."""
        dataset = self.evidence.dataset
        if dataset is None:
            raise ValueError(f"The training images are not here: {self.evidence.missing.get('dataset', 'not found')}.")
        return dataset

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """The pictures of a run that turns images into images, by name: uint8 (rows, n, H, W, C)."""
        config = self.saved.config
        try:
            draw = Draw(build.datasets(config), config.batch_size, config.seed, self.saved.device)
        except (OSError, ValueError) as error:
            raise ValueError(f"The images of this run are not here: {self.evidence.message(error)}") from error
        self.system.connect(draw)
        return self.system.pictures(Fixed(Streams(config.seed).at("pictures", 0), self.saved.device))

    @cached_property
    def opponent(self) -> tuple[Layer, Objective] | None:
        """D and its objective; None where there is no D, or where it gives no number per sample."""
        pair = next((rivals for rivals in reversed(self.system.rivals()) if rivals.D is not None), None)
        if pair is None or pair.objective is None or pair.D is None:
            return None
        if isinstance(self.system, StackGAN) and self.system.stage < 2:  # D of the large pictures is not trained yet
            return None
        if pair.objective.output not in ("score", "mean", "covariance", "autoencoder"):
            return None
        return self.system.players[pair.D].network, pair.objective

    def opinion(self, pixels: np.ndarray, conditions: Conditions) -> np.ndarray:
        """The answers (n,) of `opponent` to pictures, uint8 (n, H, W, C), as the page shows them."""
        assert self.opponent is not None
        objective = self.opponent[1]
        y = self.given(conditions)(len(pixels)).forward(as_seen(pixels), train=False)[0]
        return objective.shown(y[:, :1] if objective.output == "score" else y).reshape(len(pixels), -1).mean(axis=1)

    def given(self, conditions: Conditions) -> Callable[[int], Layer]:
        """D, bound to conditions for n samples."""
        assert self.opponent is not None
        D, condition = self.opponent[0], self._condition(conditions)
        if condition is None or isinstance(self.system.objective, AuxiliaryClasses):
            return lambda n: D
        return lambda n: D.given(condition if len(condition) == n else np.repeat(condition, n, axis=0))

    def _condition(self, conditions: Conditions) -> Array | None:
        """The condition of D: one for all samples, or one for each as in "class"; None where D is given none."""
        system = self.system
        labels = np.atleast_1d(conditions.get("class", 0))
        if isinstance(system, Ageing):
            values = np.full(len(labels), conditions.get("age", system.knots[2]))
            return system.conditions(values, labels if system.names else None)
        if isinstance(system, ConditionalGAN):
            return labels
        if isinstance(system, StackGAN):
            return system.built.encoded(system.vocabulary.tokens([conditions.get("text") or system.examples[0]]))
        return None


def as_seen(pixels: np.ndarray) -> np.ndarray:
    """Pixels as networks see them: float32 in [-1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1

"""Explorers: the runs that were named on the command line, by number, and what the page can ask of them.

A question is answered in the thread that brought it, one at a time. If a newer one of its kind has come meanwhile, an
old one is refused: a slider that is dragged leaves no queue.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minigan.data import Dataset
from minigan.lab.directions import Directions, directions
from minigan.lab.explored import Explored, as_seen
from minigan.lab.frames import pack
from minigan.lab.looking import look
from minigan.lab.nearest import Nearest
from minigan.lab.orders import Refused
from minigan.lab.rounds import ROUNDS, Rounds
from minigan.lab.wishes import Wish, read_wish
from minigan.styles.quiz import Quiz, quiz
from minigan.systems.conditional import ConditionalGAN

SHEET = 24  # samples in the sheet to choose from
END = 2.0  # how far along a way the small pictures beside its slider are
POINTS = 2000

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


class Explorer:
    """One run, with what was computed of it before."""

    def __init__(self, folder: Path) -> None:
        self.run = Explored(folder)
        self._ways: dict[str, Directions] = {}
        self._nearest: Nearest | None = None
        self._rounds: Rounds | None = None

    def directions(self, wish: Wish) -> Answer:
        """The ways along which samples change most, for these conditions; each with pictures of its two ends."""
        ways = self._found(wish)
        arrays = {}
        if self.run.kind == "images":
            base = self.place(wish)
            ends = [base + sign * END * way for way in ways.ways for sign in (-1, 1)]
            arrays["ends"] = self.run.samples(np.concatenate(ends).astype(np.float32), wish.conditions)
        return {"shares": ways.shares.tolist(), "samples": ways.samples, "end": END}, arrays

    def sample(self, wish: Wish) -> Answer:
        """The sample of a place, D's answer, and whether G has seen such latents."""
        if self.run.kind == "points":
            return self._cloud()
        latent = self.place(wish)
        picture = self.run.samples(latent, wish.conditions)
        numbers: dict[str, Any] = {"opinion": self._opinion(picture, wish)}
        if self.run.space == "z":
            d, square = latent.shape[1], float((latent**2).sum())
            usual = [max(0.0, d - 2 * math.sqrt(2 * d)), d + 2 * math.sqrt(2 * d)]
            numbers |= {"square": square, "usual": usual, "seen": usual[0] <= square <= usual[1]}
        return numbers, {"pictures": picture}

    def sheet(self, wish: Wish) -> Answer:
        """Samples of some seeds, to choose from."""
        if self.run.kind == "rows":
            rows = self.run.rows
            labels = {name: list(self.run.system.row_labels.get(name, ())) for name in rows}
            return {"labels": labels}, {name: np.ascontiguousarray(rows[name]) for name in rows}
        seeds = list(range(wish.seed, wish.seed + SHEET))
        return {"seeds": seeds}, {"pictures": self.run.samples(self.run.latents(seeds), wish.conditions)}

    def ends(self, wish: Wish) -> Answer:
        """Where a walk begins and where it ends."""
        seeds = [wish.seed, wish.seed if wish.walk is None else wish.walk[0]]
        return {}, {"pictures": self.run.samples(self.run.latents(seeds), wish.conditions)}

    def why(self, wish: Wish) -> Answer:
        """The pixels and the parts of the picture that would change D's answer."""
        if self.run.opponent is None:
            raise ValueError("This run has no D that gives one number for a picture.")
        pixels = self.run.samples(self.place(wish), wish.conditions)
        seen = look(self.run.given(wish.conditions), as_seen(pixels), energy=self._is_energy())
        numbers = {"opinion": self._opinion(pixels, wish), "note": seen.note}
        scales = {"top": _top(seen.slope), "most": _top(seen.covered)}
        return {**numbers, **scales}, {"slope": seen.slope, "covered": seen.covered, "pictures": pixels}

    def near(self, wish: Wish) -> Answer:
        """The nearest training images."""
        images = self._dataset().images
        self._nearest = self._nearest or Nearest(images)
        places, distances = self._nearest.search(self.run.samples(self.place(wish), wish.conditions))
        numbers = {"distances": distances[0].tolist(), "usual": self._nearest.usual}
        return numbers | {"searched": len(self._nearest.places)}, {"pictures": images[places[0]]}

    def quiz(self, wish: Wish) -> Answer:
        """A round of "which one is real?": begin with no answer, then "left" or "right"."""
        if wish.answer is None or self._rounds is None:
            self._rounds = Rounds(self._new_quiz(wish), has_d=self.run.opponent is not None)
            right = None
        else:
            right = self._rounds.answer(wish.answer == "left")
        pair, numbers = self._rounds.pair(), {"was_right": right, **self._rounds.result()}
        if pair is not None:
            return numbers, {"pictures": pair}
        return numbers, {"fakes": self._rounds.quiz.fake, "nearest": self._rounds.quiz.nearest}

    def place(self, wish: Wish) -> np.ndarray:
        """The latent of a wish, (1, d)."""
        latent = self.run.latents([wish.seed])
        if wish.walk is not None:
            latent = self.run.between(latent, self.run.latents([wish.walk[0]]), wish.walk[1])
        if any(wish.offsets):
            ways = self._found(wish).ways
            offsets = np.array(wish.offsets[: len(ways)], np.float32)
            latent = latent + offsets @ ways[: len(offsets)]
        return latent.astype(np.float32)

    def _found(self, wish: Wish) -> Directions:
        key = str(sorted(wish.conditions.items()))
        if key not in self._ways:
            if len(self._ways) > 50:
                self._ways.clear()
            self._ways[key] = directions(self.run.random(2000), lambda z: self.run.samples(z, wish.conditions))
        return self._ways[key]

    def _opinion(self, pixels: np.ndarray, wish: Wish) -> dict[str, Any] | None:
        if self.run.opponent is None:
            return None
        objective = self.run.opponent[1]
        kind = "probability" if objective.logit else "energy" if self._is_energy() else "score"
        return {"value": float(self.run.opinion(pixels, wish.conditions)[0]), "kind": kind}

    def _cloud(self) -> Answer:
        points = self.run.samples(self.run.random(POINTS), {})
        return {}, {"points": points, "real": self._dataset().images[:500]}

    def _dataset(self) -> Dataset:
        return self.run.dataset

    def _is_energy(self) -> bool:
        return self.run.opponent is not None and self.run.opponent[1].output == "autoencoder"

    def _new_quiz(self, wish: Wish) -> Quiz:
        dataset, rng = self._dataset(), np.random.default_rng(wish.seed)
        conditions, rows = dict(wish.conditions), np.arange(len(dataset))
        labels = dataset.labels if isinstance(self.run.system, ConditionalGAN) else None
        if labels is not None and "class" in conditions:
            rows = rows[labels == conditions["class"]]
        rows = rng.choice(rows, min(ROUNDS, len(rows)), replace=False)
        if labels is not None:
            conditions["class"] = labels[rows].astype(np.int64)
        z = rng.standard_normal((len(rows), self.run.system.z_dim), dtype=np.float32)
        fake = self.run.samples(self.run.system.drawing.map(z) if self.run.space == "w" else z, conditions)
        if self.run.opponent is None:
            return quiz(fake, dataset.images, (np.zeros(len(rows)), np.zeros(len(rows))), rows, rng)
        sign = -1 if self._is_energy() else 1
        real, generated = (sign * self.run.opinion(x, conditions) for x in (dataset.images[rows], fake))
        return quiz(fake, dataset.images, (real, generated), rows, rng)


class Explorers:
    """All runs of a lab. ValueError or OSError: a folder without a run, or a damaged checkpoint."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._explorers = [Explorer(folder) for folder in folders]
        self._lock, self._newest, self._count = threading.Lock(), dict[tuple[int, str], int](), 0

    def described(self) -> list[dict[str, Any]]:
        """For the page."""
        return [{"number": i, **one.run.described()} for i, one in enumerate(self._explorers)]

    def answer(self, number: int, what: str, values: object) -> bytes:
        """A frame. Refused: a newer question of this kind has come."""
        if number >= len(self._explorers) or what not in QUESTIONS:
            raise ValueError("there is no such run, or no such question")
        explorer = self._explorers[number]
        if explorer.run.kind not in KINDS[what]:
            raise ValueError(WHY_NOT[explorer.run.kind])
        wish = read_wish(values, explorer.run.described())
        self._count += 1
        mine = self._newest[number, what] = self._count
        with self._lock, threadpool_limits(1, "blas"):
            if self._newest[number, what] != mine:
                raise Refused("A newer question has come.")
            return pack(*QUESTIONS[what](explorer, wish))


QUESTIONS: dict[str, Callable[[Explorer, Wish], Answer]] = {
    "directions": Explorer.directions,
    "sample": Explorer.sample,
    "sheet": Explorer.sheet,
    "ends": Explorer.ends,
    "why": Explorer.why,
    "near": Explorer.near,
    "quiz": Explorer.quiz,
}
KINDS = dict.fromkeys(QUESTIONS, ("images",)) | {"sample": ("images", "points"), "sheet": ("images", "rows")}
WHY_NOT = {
    "rows": "This run turns images into images: it has no latent space to move in.",
    "points": "This run makes points, not pictures.",
    "images": "This question is for other runs.",
}


def _top(values: np.ndarray) -> float:
    """The largest size of a number, to colour by."""
    return max(float(np.abs(values).max()), 1e-12)

"""System: networks by name, and the turns that make one step of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from tqdm import tqdm

from minigan import parallel
from minigan.data import Dataset, to_pixels
from minigan.device import Array, to_host
from minigan.layers import Layer
from minigan.metrics.score import Score
from minigan.objectives import Objective
from minigan.optim import Optimizer
from minigan.runs import checkpoint
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome

PICTURES = 64  # samples in a picture of images
POINTS = 2000  # samples in a picture of points


@dataclass
class Player:
    """A network that learns, and the optimizer that moves it.

    While a run trains, `network` may be a faster form of the same network (minigan/engine), with the same arrays.
    """

    network: Layer
    optimizer: Optimizer


@dataclass(frozen=True)
class Turn:
    """One update within a step. `play` makes it, with what it draws; the log's columns are named after `name`."""

    name: str  # "D", "G", "G_AB+G_BA"
    moves: tuple[str, ...]  # players whose weights change
    play: Callable[[Draw], Outcome]
    form: Callable[[], int] = lambda: 0  # turns of one name that do different work have different forms


@dataclass(frozen=True)
class Rivals:
    """A discriminator and a generator that train against each other, by their names: what the health monitor compares.

    A player that has no rival is the G of a pair without D.
    """

    D: str | None
    G: str
    objective: Objective | None = None


Probe: TypeAlias = tuple[str, Array] | tuple[str, Array, Array]


class System:
    """Networks by name, and the turns that make one step.

    A system writes `players` and `turns`; everything else has a default. The trainer asks it what to do, and does the
    rest: progress bar, log, pictures, checkpoints, exact resume, health, threads, GPU.
    """

    data: ClassVar[tuple[str, ...]] = ("real",)  # names of the data sets that it draws from
    players: dict[str, Player]
    frozen: dict[str, Layer] = {}  # noqa: RUF012 - replaced, never changed; networks that are used and not trained
    reuses: tuple[str, ...] = ()  # players that two turns of a step give the very same input: computed once
    sample_shape: tuple[int, ...] | None = None  # of what `generate` makes; None: not known before
    row_labels: Mapping[str, Sequence[str]] = {}  # of those of its `pictures` that are rows

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        """The updates of this step, of `total`, in their order."""
        raise NotImplementedError(f"{type(self).__name__} has no turns")

    def begin_step(self, step: int, total: int) -> None:
        """Changes with the number of the step: learning rates of stages, an optimizer that starts anew.

        Called before the turns of each step, with the schedule's learning rates already set; also after a resume.
        """

    def batches(self, step: int) -> int:
        """How many batches of its first data set this step draws: epochs are counted by them."""
        return 1

    def connect(self, draw: Draw) -> None:
        """Give every part that draws random numbers its generator. Called once, before the first turn."""
        for layer in self._walk():
            if layer.draws:
                layer.rng = draw.rng("dropout")  # one stream for all layers that draw, named after the first of them

    def before(self, draw: Draw) -> Iterator[None]:
        """Preparation before the first step, in pieces; `preparation` is their number."""
        return iter(())

    def preparation(self, draw: Draw) -> int:
        """The number of pieces of `before`."""
        return 0

    def after_epoch(self) -> None:
        """Called after each pass over the first data set."""

    def saved(self) -> dict[str, Array]:
        """The live arrays that a run saves besides the players' own: image pools, controllers."""
        return {}

    def generate(self, draw: Fixed, n: int, *, progress: str | None = None, **asked: Any) -> np.ndarray:
        """n samples, in evaluation mode: uint8 pixels (n, H, W, C), or float32 points (n, 2)."""
        raise NotImplementedError(f"{type(self).__name__} does not generate samples")

    def answer(self, draw: Fixed, n: int, words: Mapping[str, str]) -> tuple[np.ndarray, int | None]:
        """n samples of each of the conditions in the words of a command, such as {"class": "3,7"}; and how many make a
        row of a picture, None for a square one. ValueError for words that say nothing to this system."""
        if words:
            name = next(iter(words))
            raise ValueError(
                f"this run takes no --{name}: it was trained without conditions. Systems with conditions are "
                "minigan train conditional (--class), ageing (--age, --class) and stackgan (--text)"
            )
        return self.generate(draw, n), None

    def scores(self, held: Mapping[str, Dataset], judge: Any = None) -> list[Score]:
        """For scores of a system that turns images into images: held-out images by the names of `data`.

        judge   a feature network, None where there is none
        """
        return []

    def held_out_error(self) -> float | None:
        """A mean error of held-out images, by which the best checkpoint is chosen where no judge scores samples; None
        where a system has no such error."""
        return None

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """The pictures of a run while it trains, by name: samples as `generate` makes them, or rows of images
        (rows, n, H, W, C). Always the same draws."""
        n = POINTS if self.sample_shape is not None and len(self.sample_shape) == 1 else PICTURES
        return {"samples": self.generate(draw, n)}

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """The numbers of a log point, 0-d arrays by name, from the last outcome of each turn."""
        losses = {f"{turn.lower()}_loss": outcome.loss for turn, outcome in outcomes.items()}
        means = {
            f"{turn.lower()}_{name}": scores.mean()
            for turn, outcome in outcomes.items()
            for name, scores in outcome.scores.items()
        }
        return losses | means

    def rivals(self) -> tuple[Rivals, ...]:
        """Who trains against whom; by default no pairs."""
        return tuple(Rivals(None, name) for name in self.players)

    def probes(self, draw: Fixed, real: Mapping[str, Array], n: int) -> Mapping[str, Probe]:
        """For each player to look into, n inputs and what they are in words, such as "noise"; and their conditions,
        where the player takes some: ("noise", z) or ("noise", z, c)."""
        return {}

    def arrays(self) -> dict[str, Array]:
        """All live arrays that a checkpoint holds, by name: "D/0.weight", "D_optimizer/m/0.weight", "saved/k"."""
        parts: dict[str, Mapping[str, Array]] = {}
        for name, player in self.players.items():
            network, optimizer = player.network, player.optimizer
            parts[name] = dict(network.named_arrays())
            parts[f"{name}_optimizer"] = optimizer.state
            if optimizer.average is not None:
                parts[f"{name}_average"] = optimizer.average.target
        parts["saved"] = self.saved()
        return {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    def counts(self) -> dict[str, int]:
        """How many updates the optimizers and the averages have made."""
        counts = {}
        for name, player in self.players.items():
            counts[f"{name}_optimizer"] = player.optimizer.t
            if player.optimizer.average is not None:
                counts[f"{name}_average"] = player.optimizer.average.t
        return counts

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Restore `counts`."""
        for name, player in self.players.items():
            player.optimizer.t = counts[f"{name}_optimizer"]
            if player.optimizer.average is not None:
                player.optimizer.average.t = counts[f"{name}_average"]

    def adopt(
        self, arrays: dict[str, np.ndarray], counts: dict[str, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """Arrays and counts of a checkpoint that an earlier version wrote, under this system's names."""
        return arrays, counts

    def restore(self, path: Path, arrays: dict[str, np.ndarray], counts: dict[str, int]) -> None:
        """Take the arrays and counts of the checkpoint `path`; ValueError where they do not fit."""
        arrays, counts = self.adopt(arrays, counts)
        checkpoint.restore(path, arrays, self.arrays(), (counts, self.counts()))
        self.set_counts(counts)

    def _walk(self) -> Iterator[Layer]:
        for network in (*(player.network for player in self.players.values()), *self.frozen.values()):
            yield from network.walk()


def refuse_others(words: Mapping[str, str], takes: Mapping[str, str]) -> None:
    """ValueError for words of a command that are not among those that a run takes, which come with an example each."""
    others = sorted(words.keys() - takes)
    if others:
        known = ", ".join(f"--{name} {example}" for name, example in takes.items())
        raise ValueError(f"this run takes no --{', --'.join(others)}; it takes {known}")


def in_pieces(
    forward: Callable[[Array], Array], x: Array, *, size: int = 256, progress: str | None = None
) -> np.ndarray:
    """forward(rows) for all rows of x in pieces of `size`, by all cores where x is on the CPU; samples as people see
    them: uint8 pixels (N, H, W, C), or float32 points (N, 2). `progress`: the name of a bar, None for no bar."""
    several = isinstance(x, np.ndarray) and len(x) > size
    starts, threads = range(0, len(x), size), parallel.cores() if several else 1

    def piece(start: int) -> np.ndarray:
        y = to_host(forward(x[start : start + size]))
        return to_pixels(y) if y.ndim == 4 else y

    done = []
    with tqdm(total=len(x), desc=progress, unit="img", disable=progress is None, leave=False) as bar:
        for samples in parallel.each(piece, starts, threads):
            done.append(samples)
            bar.update(len(samples))
    return np.concatenate(done)

"""`minigan age`: one picture at other ages, by a run of the system ageing."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from minigan import metrics, plots
from minigan.data import ages
from minigan.layers import Layer
from minigan.metrics.features import LeNet
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.ageing import Ageing
from minigan.training.datasets import dataset_of

TEXT = """Show a picture older and younger.

The encoder guesses the noise of the picture, a search by backpropagation finds the noise from which G makes it, and G
shows the same noise at other ages. The result is a row: the picture, what G makes of it, and nine ages (or --to).

examples: minigan age runs/digits --index 42 --out row.png
          minigan age runs/faces me.jpg --from 31 --to 20,40,60,80 --out row.png"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan age`."""
    parser.add_argument("run", type=Path, help="the folder of a run of the system ageing")
    parser.add_argument("picture", type=Path, nargs="?", help="a picture; or --index")
    parser.add_argument("--index", type=int, help="a sample of the run's data set, by its number")
    parser.add_argument("--from", dest="known", type=float, help="its age, where that cannot be measured")
    parser.add_argument("--class", dest="label", help="its class (default: what the feature network sees)")
    parser.add_argument("--to", default="all", help="ages, with commas between (default nine from young to old)")
    parser.add_argument("--steps", type=int, default=80, help="of the search (default 80)")
    parser.add_argument("--out", type=Path, required=True, help="the .png to write")


def act(flags: argparse.Namespace) -> int:
    """Search, age, and write the row."""
    if flags.out.suffix.lower() != ".png":
        raise ValueError(f"--out {flags.out}: the name must end in .png")
    if (flags.picture is None) == (flags.index is None):
        raise ValueError("minigan age needs a picture or --index, one of the two")
    if flags.picture is not None and flags.out.resolve() == flags.picture.resolve():
        raise ValueError(f"--out {flags.out}: it would replace the picture itself; give another name")
    generator = SavedGenerator(flags.run)
    generator.keep_out_of_data(flags.out)
    system = generator.system
    if not isinstance(system, Ageing):
        raise ValueError(f"{flags.run} was not trained with minigan train ageing: it has no ages")
    image = _picture(flags, generator)
    judge = recogniser(generator.config.data)
    values = _age(flags.known, system, image)
    label = _label(flags.label, system, image, judge)
    row = aged_rows(system, generator, image, values, label, system.ages_of(flags.to), judge, flags.steps)
    plots.save_grid(flags.out, row, len(row))
    of_class = f"class {system.names[label[0]]}, " if label is not None else ""
    print(f"{flags.out}: the picture ({of_class}{system.age} {values[0]:.3g}), its reconstruction, {len(row) - 2} ages")
    return 0


def aged_rows(
    system: Ageing,
    generator: SavedGenerator,
    images: np.ndarray,
    values: np.ndarray,
    labels: np.ndarray | None,
    to: list[float],
    judge: LeNet | None,
    steps: int = 80,
) -> np.ndarray:
    """For each image, uint8 (N, H, W, C), with known age and label: itself, its reconstruction and the ages `to`."""
    x = generator.device.asarray(images.astype(np.float32) / 127.5 - 1)
    z = system.find(x, values, labels, None if judge is None else Identity(judge), steps=steps)
    draw = generator.draw("ages")
    columns = [images, system.samples_of(draw, z, values, labels)]
    columns += [system.samples_of(draw, z, np.full(len(images), age), labels) for age in to]
    return np.stack(columns, axis=1).reshape(-1, *images.shape[1:])


class Identity(Layer):
    """The features of a recognition network for images in [-1, 1], f(x) = body(x / 2)."""

    def __init__(self, judge: LeNet) -> None:
        self.body = judge.body

    def forward(self, x: np.ndarray, train: bool = True) -> tuple[np.ndarray, object]:
        return self.body.forward(x / 2, train=False)  # its pixels are in [-0.5, 0.5]

    def input_grad(self, dy: np.ndarray, cache: object) -> np.ndarray:
        dx: np.ndarray = self.body.input_grad(dy, cache) / 2
        return dx


def recogniser(name: str) -> LeNet | None:
    """The network whose features keep what an image of this data set shows; None where there is none."""
    network = metrics.features.for_data(name)
    if network is None:
        return None
    judge = metrics.features.get(network)
    assert isinstance(judge, LeNet)
    return judge


def _picture(flags: argparse.Namespace, generator: SavedGenerator) -> np.ndarray:
    """The picture, uint8 (1, H, W, C), in the size of the run's samples."""
    H, W, C = generator.about["real"]["shape"]
    if flags.picture is not None:
        from minigan.data import pictures  # here: Pillow is slow to import

        return pictures.read(flags.picture, H, generator.config.background, C)[np.newaxis]
    dataset = dataset_of(generator.config)
    if not 0 <= flags.index < len(dataset):
        raise ValueError(f"--index must be in [0, {len(dataset)}), got {flags.index}")
    return dataset.images[flags.index : flags.index + 1]


def _age(known: float | None, system: Ageing, image: np.ndarray) -> np.ndarray:
    if known is None and system.age not in ages.MEASURED:
        raise ValueError(f"the {system.age} of a picture cannot be measured: give it with --from")
    return ages.measure(system.age, image) if known is None else np.array([known], np.float32)


def _label(word: str | None, system: Ageing, image: np.ndarray, judge: LeNet | None) -> np.ndarray | None:
    if not system.names:
        return None
    if word is None and judge is None:
        raise ValueError("there is no network that sees the class of this picture: give it with --class")
    return np.array([system.label(word)] if word is not None else judge(image).logits.argmax(axis=1))  # type: ignore[misc]

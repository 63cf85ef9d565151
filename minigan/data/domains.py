"""Two domains without pairs: made of one data set by a formula, or two folders.

    outline     o = max over the 5-pixel cross - min over it        x in [0, 1], 0 outside
    blueprint   T(x) = (1 - o) · (16, 42, 120) + o · (250, 245, 220)
    colour      T(x) = x · rgb(h)        rgb(h) the pure colour of the hue h, one for each image
    invert      T(x) = 1 - x, three pixels to the right: a task of seconds, for tests

One half of the training images is A, T of the other half is B: no pair exists. Of held-out images
both sides are made, and there the hidden truth T(a) is known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from minigan.data.catalogue import NAMES, load
from minigan.data.dataset import Dataset
from minigan.data.finding import find
from minigan.data.held import check_sides, fitting, rows, split, with_held_out
from minigan.random import Streams

BLUE, CREAM = np.array([16.0, 42, 120]), np.array([250.0, 245, 220])
SHIFT = 3  # pixels


def outline(x: np.ndarray) -> np.ndarray:
    """The largest minus the smallest of each pixel and its four neighbours, of images (N, H, W) in [0, 1]."""
    H, W = x.shape[1:]
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    cross = [framed[:, 1 + i : 1 + i + H, 1 + j : 1 + j + W] for i, j in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))]
    return np.maximum.reduce(cross) - np.minimum.reduce(cross)


def blueprint(images: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Cream outlines on blue, uint8 (N, H, W, 3), of grey images (N, H, W, 1)."""
    o = outline(images[..., 0] / 255)[..., np.newaxis]
    return np.rint((1 - o) * BLUE + o * CREAM).astype(np.uint8)


def colour(images: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Grey images (N, H, W, 1) in a hue each."""
    return np.rint(images / 255 * 255 * rgb(hues)[:, np.newaxis, np.newaxis]).astype(np.uint8)


def invert(images: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """White for black, three pixels to the right."""
    return 255 - np.roll(images, SHIFT, axis=2)


def rgb(h: np.ndarray) -> np.ndarray:
    """The pure colours (n, 3) of hues in [0, 1): one channel is 1, one is 0."""
    return np.clip(np.abs((6 * h[:, np.newaxis] + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)


def hue(images: np.ndarray) -> np.ndarray:
    """The hue of each RGB image in degrees: the angle of its pixels' sum on the colour circle."""
    R, G, B = (images[..., c].astype(np.float64).sum(axis=(1, 2)) for c in range(3))
    return np.degrees(np.arctan2(np.sqrt(0.75) * (G - B), R - (G + B) / 2)) % 360


def hue_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smaller angle between two hues in degrees; 90 on average by chance."""
    return np.abs((a - b + 180) % 360 - 180)


TASKS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "blueprint": blueprint,
    "colour": colour,
    "invert": invert,
}


def has_truth(name: str) -> bool:
    """Is this the name of a task, such as mnist-10k:blueprint?"""
    base, _, task = name.rpartition(":")
    return base in NAMES and task in TASKS


def domains(
    name: str,
    other: str | None,
    *,
    size: int | None,
    seed: int,
    multiple: int,
    least: int,
    background: str = "black",
) -> dict[str, Dataset]:
    """ "A" and "B" to train on, "held out A" and "held out B": of a task image i of both is the same.

    name      a task such as mnist-10k:blueprint, or the folder of A; then `other` is the folder of B
    multiple  what the sides of images are divided by
    least     images that each of the four has at least

    ValueError for what cannot be two domains.
    """
    if has_truth(name):
        if other is not None:
            raise ValueError(f"{name} makes both domains: leave out --data-b {other}")
        base, _, task = name.rpartition(":")
        return _of_task(base, task, Streams(seed), multiple, least)
    if other is None:
        known = ", ".join(f"mnist-10k:{task}" for task in TASKS)
        raise ValueError(f"--data must name two domains, a task ({known}) or --data A --data-b B, got {name} alone")
    if Path(name).resolve() == Path(other).resolve():
        raise ValueError(f"--data and --data-b must be two folders, got {name} for both")
    size = fitting(size, multiple)
    for path in (Path(name).expanduser(), Path(other).expanduser()):
        if not path.is_file():
            find(path)  # before the other is read, which may take long
    sides = {}
    for side, folder in (("A", name), ("B", other)):
        pictures = load(folder, size=size, background=background)
        sides[side], sides[f"held out {side}"] = split(pictures, least)
    _compare(sides["A"], sides["B"])
    for dataset in sides.values():
        check_sides(dataset, multiple)
    return {key: sides[key] for key in ("A", "B", "held out A", "held out B")}


def _of_task(base: str, task: str, streams: Streams, multiple: int, least: int) -> dict[str, Dataset]:
    train, held = with_held_out(base, size=None, multiple=multiple, least=least)
    if train.shape[2] != 1:
        raise ValueError(f"the task {task} is made of grey images, got {train.shape[2]} channels of {base}")
    order = streams.at("halves", 0).permutation(len(train))
    half = len(train) // 2
    A, B = (rows(train, np.sort(chosen)) for chosen in (order[:half], order[half:]))
    hues = streams.at("hue", 0).random(len(train))[np.sort(order[half:])]
    return {"A": renamed(A, f"{base}:{task}, A"), "B": translated(B, task, hues)} | held_out_pair(held, task, streams)


def held_out_pair(images: Dataset, task: str, streams: Streams) -> dict[str, Dataset]:
    """Both sides of held-out images: image i of both is the same."""
    hues = streams.at("held out hue", 0).random(len(images))
    return {"held out A": images, "held out B": translated(images, task, hues)}


def translated(dataset: Dataset, task: str, hues: np.ndarray) -> Dataset:
    """T of all images."""
    images, source = TASKS[task](dataset.images, hues), f"{task} of {dataset.source}"
    return Dataset(f"{dataset.name}:{task}", images, dataset.labels, source)


def renamed(dataset: Dataset, name: str) -> Dataset:
    """The same images under another name."""
    return Dataset(name, dataset.images, dataset.labels, dataset.source)


def _compare(A: Dataset, B: Dataset) -> None:
    """ValueError for domains that are one, or of two sizes; a warning for images that are in both."""
    if A.shape[:2] != B.shape[:2]:
        raise ValueError(f"both domains must have images of one size, got {A.shape[:2]} and {B.shape[:2]}")
    if A.shape != B.shape:
        return
    both = {image.tobytes() for image in A.images} & {image.tobytes() for image in B.images}
    if len(both) == len({image.tobytes() for image in (*A.images, *B.images)}):
        raise ValueError("both domains hold the same images: there is nothing to translate")
    if both:
        warnings.warn(f"images that are in both domains: {len(both)}", RuntimeWarning, stacklevel=3)

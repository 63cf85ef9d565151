"""Held-out images: what a run never trains on, and is shown and scored by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minigan.data.catalogue import MIXTURES, NAMES, here, load
from minigan.data.dataset import Dataset
from minigan.data.mnist import COLLECTIONS

SHARE = 10  # one image in ten
TESTED = {"mnist-10k": "mnist", "mnist": "mnist", "fashion-mnist": "fashion-mnist"}  # where test images come from


def with_held_out(
    name: str, *, size: int | None, multiple: int, least: int, background: str = "black"
) -> tuple[Dataset, Dataset]:
    """The data set of this name for training, and its held-out images.

    mnist and fashion-mnist have a test split; of other images the last tenth is held out, and `least` at the least.
    A folder's pictures are made to fit: their side becomes a multiple of `multiple`.

    ValueError for points, for sizes that do not fit, and for too few images.
    """
    if name in MIXTURES:
        raise ValueError(f"--data must be images, got the points of {name}")
    if name in COLLECTIONS:
        pair = load(name, size=size), load(name, split="test")
    else:
        fit = size if name in NAMES else fitting(size, multiple)
        pair = split(load(name, size=fit, background=background), least)
    check_sides(pair[0], multiple)
    return pair


def split(dataset: Dataset, least: int) -> tuple[Dataset, Dataset]:
    """All but the last tenth, and the last tenth; both have at least `least` images."""
    held = max(least, len(dataset) // SHARE)
    if len(dataset) - held < least:
        raise ValueError(
            f"{dataset.name} has {len(dataset)} images, and {2 * least} are needed: a batch to train on, and as many "
            "that are held out; take a smaller --batch-size"
        )
    return rows(dataset, slice(-held)), rows(dataset, slice(-held, None))


def test_images(name: str, n: int) -> Dataset | None:
    """The first n test images of the data set of this name; None where they are not on this machine."""
    source = TESTED.get(name)
    if source is None or not here(source, "test"):
        return None
    dataset = load(source, split="test")
    return rows(replace(dataset, name=f"{source}/test"), slice(n))


def rows(dataset: Dataset, chosen: np.ndarray | slice) -> Dataset:
    """Some images of a data set, with their labels."""
    labels = None if dataset.labels is None else dataset.labels[chosen]
    return replace(dataset, images=dataset.images[chosen], labels=labels)


def fitting(size: int | None, multiple: int) -> int | None:
    """The size of a folder's pictures, checked before they are read."""
    if size is not None and size % multiple:
        raise ValueError(f"{_unfit(size, size, multiple)} (--size {max(multiple, size - size % multiple)})")
    return size


def check_sides(dataset: Dataset, multiple: int) -> None:
    """ValueError unless the sides of these images are multiples of `multiple`."""
    H, W = dataset.shape[:2]
    if H % multiple or W % multiple:
        raise ValueError(_unfit(H, W, multiple))


def _unfit(H: int, W: int, multiple: int) -> str:
    below = min(H, W) - min(H, W) % multiple
    near = " and ".join(str(n) for n in (below, below + multiple) if n > 0)
    return f"{H} x {W} images do not divide into {multiple} x {multiple} blocks; {near} would fit"

"""`mnist-10k`: 10,000 digits inside the package, so that a first run needs neither files nor a network.

They are the first 1,000 of each class among MNIST's 60,000 training digits, in the order of MNIST, which mixes the
classes: any slice of the set is a fair sample. To make the two files again from MNIST's own:

    python -m minigan.data.embedded FOLDER_OF_MNIST TARGET_FOLDER

Source: LeCun, Cortes & Burges, the MNIST database.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from minigan.data.dataset import Dataset
from minigan.data.idx import read_idx, write_idx

NAME = "mnist-10k"
PER_CLASS = 1000
IMAGES, LABELS = f"{NAME}-images-idx3-ubyte.gz", f"{NAME}-labels-idx1-ubyte.gz"
FOLDER = Path(__file__).parent


def load() -> Dataset:
    """The embedded digits: images (10000, 28, 28, 1), 1,000 of each class."""
    images, labels = read_idx(FOLDER / IMAGES), read_idx(FOLDER / LABELS)
    source = "embedded in the package: the first 1,000 training digits of each class of MNIST"
    return Dataset(NAME, images[..., np.newaxis], labels, source)


def make(folder_of_mnist: str | os.PathLike[str], target_folder: str | os.PathLike[str]) -> None:
    """Write the two files of `mnist-10k` into a folder, from MNIST's training files (gzip or plain) in another."""
    images, labels = (
        read_idx(_plain_or_gz(Path(folder_of_mnist) / file))
        for file in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    )
    chosen = first_of_each_class(labels, PER_CLASS)
    write_idx(Path(target_folder) / IMAGES, images[chosen])
    write_idx(Path(target_folder) / LABELS, labels[chosen])


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Where the first `per_class` samples of each class 0..9 are, ascending; ValueError if a class has fewer."""
    firsts = [np.flatnonzero(labels == digit)[:per_class] for digit in range(10)]
    if any(len(first) < per_class for first in firsts):
        raise ValueError(f"expected {per_class} samples of each class, got {[len(first) for first in firsts]}")
    return np.sort(np.concatenate(firsts))


def _plain_or_gz(path: Path) -> Path:
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m minigan.data.embedded FOLDER_OF_MNIST TARGET_FOLDER")
    make(*sys.argv[1:])

"""Published data sets by the path of their files: MNIST's relatives as IDX files, CIFAR as binary files.

IDX files (KMNIST, EMNIST, ...) are found by their names, with dashes or dots: train-images-idx3-ubyte,
train-images.idx3-ubyte, packed (.gz) or not. The labels lie beside the images, under the same name with labels-idx1.

CIFAR's binary files are records of a class (CIFAR-100: a superclass and a class) and 3 x 32 x 32 bytes, the channels
one after the other. The names of the classes are in batches.meta.txt or fine_label_names.txt beside them.

Source: LeCun, Cortes & Burges, the MNIST database; Krizhevsky 2009, Learning multiple layers of
features from tiny images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigan.data.arrayfile import classes_of, shown
from minigan.data.dataset import Dataset
from minigan.data.folder import check_size, counted, name_of
from minigan.data.idx import read_idx

IDX = re.compile(r"(.*)images([-.])idx3([-.])ubyte(\.gz)?")
CIFAR = re.compile(r"(data_batch_\d+|test_batch|train|test)\.bin")
TRAIN = re.compile(r"(data_batch_\d+|train)\.bin")
SIDE = 32
EXCHANGED = "; EMNIST's files hold pictures with rows and columns exchanged"


def files_of(path: Path) -> list[Path]:
    """The published files that `path` is, or that a folder has: its training files. Empty where there are none.

    ValueError for a folder with several sets.
    """
    if path.is_file():
        return [path] if IDX.fullmatch(path.name) or CIFAR.fullmatch(path.name) else []
    if not path.is_dir():
        return []
    here = sorted(one for one in path.iterdir() if one.is_file())
    if any(one.name == "data_batch_1" for one in here):
        raise ValueError(f"{path}: these are CIFAR's pickles, which can execute code; take the binary version (.bin)")
    images = [one for one in here if IDX.fullmatch(one.name)]
    train = [one for one in images if "train" in one.name] or images
    if len(train) > 1:
        raise ValueError(
            f"{path} holds several sets, {', '.join(one.name for one in train)}: give the path of one file"
        )
    return train or [one for one in here if TRAIN.fullmatch(one.name)]


def load(path: Path, files: Sequence[Path], size: int | None, background: str) -> Dataset:
    """The pictures in these files of `path`, with their classes; ValueError, with the path, for damaged ones."""
    check_size(size)
    if IDX.fullmatch(files[0].name):
        images, labels, classes, more = _idx(files[0])
    else:
        images, labels, classes, more = _cifar(files)
    images = shown(images, size, background)
    source = f"{counted(len(images))} from {' and '.join(map(str, files))}{more}"
    return Dataset(name_of(path), images, labels, source, classes=classes)


def _idx(path: Path) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None, str]:
    images = read_idx(path)
    if images.ndim != 3:
        raise ValueError(f"{path}: expected pictures (N, H, W), got shape {images.shape}")
    more, beside = EXCHANGED if path.name.startswith("emnist") else "", _labels_beside(path)
    if beside is None:
        return images[..., np.newaxis], None, None, f"{more}; no file of labels beside it"
    return images[..., np.newaxis], *classes_of(read_idx(beside), len(images), beside), more


def _labels_beside(path: Path) -> Path | None:
    """The file of labels, packed or not, that belongs to a file of images."""
    match = IDX.fullmatch(path.name)
    stem = match[1] if match else ""
    names = (f"{stem}labels{a}idx1{b}ubyte{packed}" for a in "-." for b in "-." for packed in ("", ".gz"))
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _cifar(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...] | None, str]:
    pixels, parts = 3 * SIDE * SIDE, []
    for path in paths:
        content = np.fromfile(path, np.uint8)
        heads = 2 if len(content) % (pixels + 2) == 0 else 1
        if not len(content) or len(content) % (pixels + heads):
            raise ValueError(
                f"{path}: expected CIFAR's records of {pixels + 1:,} bytes, or of {pixels + 2:,} for CIFAR-100, "
                f"got {len(content):,} bytes"
            )
        parts.append(content.reshape(-1, pixels + heads))
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(f"{paths[0].parent} holds files of CIFAR-10 and of CIFAR-100: give the path of one file")
    records = np.concatenate(parts)
    images = records[:, -pixels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    labels = records[:, -pixels - 1].astype(np.int64)  # of CIFAR-100 the class, after the superclass
    return np.ascontiguousarray(images), labels, _names_beside(paths[0], int(labels.max())), ""


def _names_beside(path: Path, largest: int) -> tuple[str, ...] | None:
    for name in ("batches.meta.txt", "fine_label_names.txt"):
        table = path.with_name(name)
        if table.is_file():
            names = tuple(line.strip() for line in table.read_text("utf-8", "replace").splitlines() if line.strip())
            if len(names) > largest:
                return names
    return None

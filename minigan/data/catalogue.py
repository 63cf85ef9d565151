"""Data sets by name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigan.data import mixtures, mnist
from minigan.data.dataset import Dataset
from minigan.random import generator

SPLITS = ("train", "test")
MIXTURES = ("ring", "grid")
CAPTIONED = "captioned-mnist"
NAMES = ("mnist-10k", *mnist.COLLECTIONS, CAPTIONED, *MIXTURES)
POINTS = 100_000  # drawn from a mixture, as in Lin et al. 2018
FOLDER_SIZE = 64
FILES = "a .npy or .npz file of pictures, or a file of MNIST's (IDX) or CIFAR's (.bin) kind"
# What to do with files that are none of these.
WAYS = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".rar", ".7z"), "unpack it and give the folder"),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth"), "pickles can execute code: save the pictures as .npy"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), "one picture is not a data set: give its folder"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv"), "save its frames as pictures into a folder"),
    **dict.fromkeys(
        (".h5", ".hdf5", ".mat", ".csv", ".parquet"), "save the pictures as a .npy file, uint8 (N, H, W, C)"
    ),
}


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue: a data set that `load` takes by name.

    name, what   its name and a description for people
    samples      how many samples the training split has
    shape        the shape of one sample
    where        where it is, or where it would come from
    present      whether it can be loaded now without a download
    """

    name: str
    what: str
    samples: int
    shape: tuple[int, ...]
    where: str
    present: bool


def load(
    name: str | os.PathLike[str],
    *,
    size: int | None = None,
    background: str = "black",
    rng: np.random.Generator | None = None,
    split: str = "train",
) -> Dataset:
    """The data set of this name, or pictures by their path.

    name    `mnist-10k` (in the package), `mnist`, `fashion-mnist` (found on this machine, else downloaded),
            `captioned-mnist` (coloured digits with captions), `ring`, `grid` (100,000 points drawn from a mixture), or
            a path: anything with a separator in it, and any folder or file that is there. A folder of pictures; a
            .npy or .npz of pictures; MNIST's relatives as IDX files, CIFAR's binary files, or the folder of these
    size    pixels along the side: of a folder's pictures, default 64; of those of a file, default as they are; of
            captioned-mnist 28 or 56, default 28; of no other data set
    background  a colour that shows where the pictures of a path are transparent
    rng     where the points of a mixture and the colours of captioned-mnist are drawn from; the others do not need it
    split   `train`; `mnist` and `fashion-mnist` have `test` too

    Raises ValueError for an unknown name, a split that the set lacks, a size where none applies or a missing rng; the
    errors of damaged or missing files are those of `minigan.data.mnist.load` and `minigan.data.folder.load`.
    """
    name = name if isinstance(name, str) else lasting(name)
    if name not in NAMES and not _is_path(name):
        known = f"expected {', '.join(NAMES)}, or the path of a folder of pictures"
        raise ValueError(f"unknown data set {name!r}: {known}{near(name, NAMES)}")
    if split not in SPLITS or (split == "test" and name not in mnist.COLLECTIONS):
        has = "train and test" if name in mnist.COLLECTIONS else "train only"
        raise ValueError(f"{name} has no split {split!r}: it has {has}")
    if name not in NAMES:
        return by_path(name, size, background)
    if name == CAPTIONED:
        return _captioned(size, rng)
    if size is not None:
        raise ValueError(f"size={size} does not apply to {name}: only the pictures of a folder are resized")
    if name in MIXTURES:
        return _draw(name, rng)
    return mnist.load(name, split) if name in mnist.COLLECTIONS else _embedded()


def lasting(name: str | os.PathLike[str]) -> str:
    """A name that means the same from any folder: names of data sets stay, and come before folders of the same name;
    the path of a file or a folder becomes absolute. A path object is always a path."""
    is_folder = not isinstance(name, str) or (name not in NAMES and Path(name).expanduser().exists())
    return str(Path(name).expanduser().resolve()) if is_folder else str(name)


def near(name: str, known: Iterable[str]) -> str:
    """A question, for the end of a message: which of the known names did a typing error mean? Empty for none."""
    folded = {one.lower().replace("_", "-"): one for one in known}
    close = difflib.get_close_matches(name.lower().replace("_", "-"), folded, n=1)
    return f". Did you mean {folded[close[0]]}?" if close else ""


def here(name: str, split: str = "train") -> bool:
    """Can this split of a data set be loaded now, without a download? False for an unknown name as well."""
    if name in mnist.COLLECTIONS and split in SPLITS:
        return all(mnist.find(name, file) for file in mnist.FILES[split])
    return name in NAMES and split == "train"


def available() -> list[Entry]:
    """The data sets that `load` takes by name, and where each one is; downloads nothing, reads no data."""
    return [
        Entry("mnist-10k", "MNIST digits, 1,000 of each class", 10_000, (28, 28, 1), "in the package", True),
        _published("mnist", "MNIST, handwritten digits"),
        _published("fashion-mnist", "Fashion-MNIST, pictures of clothes"),
        Entry(CAPTIONED, "coloured digits with captions", 30_000, (28, 28, 3), "made when loaded", True),
        Entry("ring", "8 Gaussians on a circle", POINTS, (2,), "drawn when loaded", True),
        Entry("grid", "25 Gaussians on a square grid", POINTS, (2,), "drawn when loaded", True),
    ]


def _is_path(name: str) -> bool:
    separators = [separator for separator in ("/", os.sep, os.altsep) if separator]
    return any(separator in name for separator in separators) or Path(name).expanduser().exists()


def by_path(
    name: str, size: int | None, background: str = "black", *, folder_size: int | None = FOLDER_SIZE
) -> Dataset:
    """The pictures of a folder or a file. Without a size those of a folder get `folder_size`, None: as they are."""
    from minigan.data import arrayfile, folder, published  # here: Pillow is slow to import, and few runs read pictures

    path = Path(name).expanduser()
    files = published.files_of(path)
    if files:
        return published.load(path, files, size, background)
    if path.is_file() and path.suffix.lower() in (".npy", ".npz"):
        return arrayfile.load(path, size, background)
    if path.is_file():
        way = WAYS.get(path.suffix.lower(), "put pictures into a folder")
        raise ValueError(f"{path}: expected a folder of pictures, {FILES}; {way}")
    return folder.load(path, folder_size if size is None else size, background)


def _embedded() -> Dataset:
    from minigan.data import embedded  # here, not above: `python -m minigan.data.embedded` must be its first import

    return embedded.load()


def _captioned(size: int | None, rng: np.random.Generator | None) -> Dataset:
    from minigan.data import captioned  # here, not above: it is made of the embedded digits

    if rng is None:
        raise ValueError(f"the colours of {CAPTIONED} are drawn at random: pass rng=numpy.random.default_rng(seed)")
    return captioned.load(generator(rng), captioned.SIZES[0] if size is None else size)


def _draw(name: str, rng: np.random.Generator | None) -> Dataset:
    if rng is None:
        raise ValueError(f"the points of {name} are drawn at random: pass rng=numpy.random.default_rng(seed)")
    mixture = mixtures.ring() if name == "ring" else mixtures.grid()
    source = f"{POINTS:,} points drawn from {len(mixture.centres)} Gaussians of sigma {mixture.sigma}"
    return Dataset(name, mixture.sample(POINTS, generator(rng)), None, source)


def _published(name: str, what: str) -> Entry:
    paths = [mnist.find(name, file) for file in mnist.FILES["train"]]
    present = None not in paths
    where = str(paths[0].parent) if present and paths[0] else f"would be downloaded to {mnist.cache(name)}"
    return Entry(name, what, 60_000, (28, 28, 1), where, present)

"""MNIST and Fashion-MNIST: found where they lie already, else downloaded.

Either set is four IDX files of the same names, so only their content distinguishes the two sets, and good files from
damaged ones. Every file that is read, from whatever place, must have the SHA-256 of the published one, taken of the
decompressed content so that it does not matter who compressed it.

Source: LeCun, Cortes & Burges, the MNIST database; Xiao, Rasul & Vollgraf 2017, Fashion-MNIST.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from minigan import arrays, places
from minigan.data.dataset import Dataset
from minigan.data.download import fetch
from minigan.data.idx import content_hash, read_idx

FILES = MappingProxyType(
    {
        "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    }
)
KERAS_ARRAYS = MappingProxyType(
    {
        "train-images-idx3-ubyte": "x_train",
        "train-labels-idx1-ubyte": "y_train",
        "t10k-images-idx3-ubyte": "x_test",
        "t10k-labels-idx1-ubyte": "y_test",
    }
)


FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@dataclass(frozen=True)
class Collection:
    """One published data set: its title, its folder in torchvision's layout, mirrors, content, and the
    names of its classes where they are not numbers."""

    title: str
    torchvision: str
    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    classes: tuple[str, ...] | None = None


COLLECTIONS = MappingProxyType(
    {
        "mnist": Collection(
            title="MNIST",
            torchvision="MNIST",
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            sha256={
                "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        ),
        "fashion-mnist": Collection(
            title="Fashion-MNIST",
            torchvision="FashionMNIST",
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
            sha256={
                "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            },
            classes=FASHION,
        ),
    }
)


def load(name: str, split: str = "train") -> Dataset:
    """`mnist` or `fashion-mnist`, images (N, 28, 28, 1): N = 60,000 for split `train`, 10,000 for `test`.

    Raises FileNotFoundError if the files are nowhere and cannot be downloaded or if MINIGAN_DATA names no folder, and
    ValueError, with the path, for a file that is there but is not the published one.
    """
    paths = [find(name, file) or download(name, file) for file in FILES[split]]
    images, labels = (read(path, name, file) for path, file in zip(paths, FILES[split], strict=True))
    folders = dict.fromkeys(str(path.parent) for path in paths)
    source = f"{COLLECTIONS[name].title}, {split} split, from {' and '.join(folders)}"
    return Dataset(name, images[..., np.newaxis], labels, source, classes=COLLECTIONS[name].classes)


def find(name: str, file: str) -> Path | None:
    """Where this file of the set lies on this machine, None if nowhere; nothing is read."""
    return next((path for path in _candidates(name, file) if path.is_file()), None)


def read(path: Path, name: str, file: str) -> np.ndarray:
    """The array in `path`, which must be the published `file` of the set; ValueError with the path if it is not."""
    array = _read_keras(path, KERAS_ARRAYS[file]) if path.suffix == ".npz" else read_idx(path)
    sha256, expected = content_hash(array), COLLECTIONS[name].sha256[file]
    if sha256 != expected:
        raise ValueError(
            f"{path}: not the {file} of {COLLECTIONS[name].title}: the SHA-256 of its decompressed content must be "
            f"{expected}, got {sha256}; remove the file or replace it (each set belongs in a folder of its name)"
        )
    return array


def download(name: str, file: str) -> Path:
    """Download one file of the set into the user's cache and return its path."""
    target = cache(name) / f"{file}.gz"
    urls = [mirror + target.name for mirror in COLLECTIONS[name].mirrors]
    try:
        fetch(urls, target, lambda path: read(path, name, file))
    except ConnectionError as error:
        looked = "\n  ".join(dict.fromkeys(str(path.parent) for path in _candidates(name, file)))
        tried = str(error).replace("\n", "\n  ")
        raise FileNotFoundError(
            f"{file} of {COLLECTIONS[name].title} is not on this machine and could not be downloaded.\n"
            f"Looked in\n  {looked}\ntried\n  {tried}\n"
            f"Put the four files of {name} into FOLDER/{name} and set MINIGAN_DATA=FOLDER; "
            "or use mnist-10k, which needs no files."
        ) from error
    return target


def cache(name: str) -> Path:
    """Where downloads of the set are kept: the user's cache folder of this operating system."""
    return places.cache() / name


def _candidates(name: str, file: str) -> Iterator[Path]:
    """Every path where the file may lie, in the order in which they are tried."""
    for folder in _places(name):
        yield folder / file
        yield folder / f"{file}.gz"
    if name == "mnist":
        yield from _at_home(".keras", "datasets", "mnist.npz")


def _places(name: str) -> Iterator[Path]:
    torchvision = Path(COLLECTIONS[name].torchvision) / "raw"
    if given := os.environ.get("MINIGAN_DATA"):
        root = Path(given).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(f"MINIGAN_DATA is set to {root}, which is not a folder")
        yield from (root / name, root / torchvision, root)
    yield cache(name)
    yield Path("data") / torchvision
    yield from _at_home(".keras", "datasets", name)
    if name == "mnist":
        yield from _at_home(".dezero")
    yield Path("/usr/share/datasets") / name  # Debian's package dataset-fashion-mnist


def _at_home(*parts: str) -> Iterator[Path]:
    """The path below the home directory, where there is one."""
    home = places.home()
    if home is not None:
        yield home.joinpath(*parts)


def _read_keras(path: Path, key: str) -> np.ndarray:
    """One array of Keras's mnist.npz."""
    try:
        array = arrays.read(path, "archive", only=(key,))[0][key]
        if array.dtype != np.uint8 or array.ndim not in (1, 3) or array.size == 0:
            raise ValueError(f"got {array.dtype} of shape {array.shape}")
        return array
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: expected Keras's archive of MNIST with a uint8 array {key}: {error}") from error

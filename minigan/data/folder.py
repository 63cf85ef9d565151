"""A folder of pictures as a data set."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minigan.data import pictures
from minigan.data.dataset import Dataset
from minigan.data.finding import Found, find
from minigan.data.reading import read_all

SIZE = 64


def load(folder: str | os.PathLike[str], size: int | None = SIZE, background: str = "black") -> Dataset:
    """All pictures under a folder, in the order of their names, as uint8 (N, size, size, C).

    Where every picture lies in a subfolder, the subfolders are the classes, in the order of their names. A folder that
    holds all of the pictures, such as train/ of an archive, is not a class: the classes are those below it.

    What becomes of a picture is in `minigan.data.pictures`, which files are taken in `minigan.data.finding`. With size
    None pictures stay as they are, (N, H, W, C), and ValueError names the first of another height or width. C is 1 if
    every picture is grey, however it is stored, else 3. Transparent pixels show the background, a colour such as white
    or #c0ffee. Sets that do not fit into memory are read from a file (`minigan.data.prepared`).

    Raises FileNotFoundError or NotADirectoryError for the folder, and ValueError if it holds no picture or some that
    cannot be read or are too large to be decompressed safely, with their paths.
    """
    check_size(size)
    pictures.colour(background)
    files = find(Path(folder).expanduser())
    images = read_all(files.paths, size, background, f"reading {files.folder}")
    labels, classes = _classes(files)
    source = "; ".join(filter(None, [f"{counted(len(images))} from the folder {files.folder}", files.note]))
    return Dataset(name_of(files.folder), images, labels, source, classes=classes)


def check_size(size: int | None) -> None:
    """ValueError for a size that is not at least one pixel."""
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")


def counted(n: int) -> str:
    """So many pictures, in words."""
    return f"{n:,} picture{'s' if n > 1 else ''}"


def name_of(path: Path) -> str:
    """The name of a data set of this path: never as one of the library's own."""
    from minigan.data.catalogue import NAMES  # here: the catalogue imports this module

    resolved = path.resolve()
    name = resolved.name or str(resolved)
    return f"{name} ({'folder' if path.is_dir() else 'file'})" if name in NAMES else name


def _classes(files: Found) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The labels of the pictures and the names of the classes, by subfolder; None where a picture lies in none."""
    parents = [path.relative_to(files.folder).parts[:-1] for path in files.paths]
    first, last = min(parents), max(parents)
    level = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    if any(len(parent) == level for parent in parents):
        return None, None
    classes = tuple(sorted({parent[level] for parent in parents}))
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[parent[level]] for parent in parents], np.int64), classes

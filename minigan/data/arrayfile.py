"""Arrays of pictures as a data set: a .npy file, or a .npz archive with labels beside the pictures.

Pictures are whole numbers from 0 to 255, (N, H, W, C) with C 1, 3 or 4 (the last one opacity), or (N, H, W). In an
archive they are called images, samples, x, x_train or arr_0, or are the only array of such a shape; labels, one for
each picture, are called labels, y or y_train, and are whole numbers or words.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from minigan import arrays
from minigan.data import pictures
from minigan.data.dataset import Dataset
from minigan.data.folder import check_size, counted, name_of
from minigan.data.reading import SHARE, free_memory

IMAGES, LABELS = ("images", "samples", "x", "x_train", "arr_0"), ("labels", "y", "y_train")


def load(path: Path, size: int | None = None, background: str = "black") -> Dataset:
    """The pictures of a .npy or .npz file; with `size`, cropped to the square in the middle and resized.

    ValueError, with the path, for what is not such a file; it names the transposition for channels that come first.
    """
    check_size(size)
    pictures.colour(background)
    if path.suffix.lower() == ".npy":
        images, labels = _one(path), None
    else:
        images, labels = _archive(path)
    try:
        images = as_pictures(images)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    named = (None, None) if labels is None else classes_of(labels, len(images), path)
    images = shown(images, size, background)
    return Dataset(name_of(path), images, named[0], f"{counted(len(images))} from {path}", classes=named[1])


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 to 255 of any integer type as uint8, and True as 255; ValueError for others."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "iu":
        way = "(255 * x).round().astype('uint8') makes them of floating-point numbers from 0 to 1"
        raise ValueError(f"expected whole numbers from 0 to 255, got {values.dtype}; {way}")
    if values.dtype != np.uint8 and values.size and not (values.min() >= 0 and values.max() <= 255):
        raise ValueError(f"expected pixels from 0 to 255, got {values.min()} to {values.max()}")
    return values.astype(np.uint8, copy=False)


def as_pictures(values: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W, C) of an array that holds them; ValueError for another type or shape."""
    values = as_bytes(values)
    shape, channels = values.shape, (1, 3, 4)
    if values.ndim == 3 and values.size:
        return values[..., np.newaxis]
    if values.ndim == 4 and values.size and shape[3] in channels:
        return values
    if values.ndim == 4 and shape[1] in channels:
        raise ValueError(
            f"expected pictures (N, H, W, C), got {shape}, where the channels come first: "
            "save numpy.transpose(x, (0, 2, 3, 1)) instead"
        )
    raise ValueError(f"expected pictures (N, H, W, C) with C 1, 3 or 4, or (N, H, W), got {shape}")


def shown(images: np.ndarray, size: int | None, background: str) -> np.ndarray:
    """Pictures (N, H, W, C) on the background, cropped and resized where a size is given, grey where all are grey."""
    if images.shape[3] == 4 or (size is not None and images.shape[1:3] != (size, size)):
        rows = [pictures.prepared(_picture(image), size, background, 3) for image in images]
        images = np.stack(rows)
    if images.shape[3] == 3 and pictures.is_grey(images[0]) and all(map(pictures.is_grey, images)):
        return np.ascontiguousarray(images[..., :1])
    return images


def classes_of(labels: np.ndarray, n: int, path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Labels as numbers from 0, and the names of the classes where they are not these numbers."""
    labels = labels.reshape(len(labels)) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (n,) or labels.dtype.kind not in "iuU":
        raise ValueError(
            f"{path}: expected {n:,} labels, whole numbers or words, got {labels.dtype} of shape {labels.shape}"
        )
    values, numbers = np.unique(labels, return_inverse=True)
    if values.dtype.kind != "U" and np.array_equal(values, np.arange(len(values))):
        return numbers.astype(np.int64), None
    return numbers.astype(np.int64), tuple(map(str, values))


def _one(path: Path) -> np.ndarray:
    """The array of a .npy file, from where it lies if it does not fit into memory."""
    if path.is_file() and path.stat().st_size > SHARE * free_memory():
        return arrays.map_one(path, "file of pictures")
    return arrays.read_one(path, "file of pictures")


def _archive(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    names = arrays.names(path, "file of pictures")
    images, labels = (next((name for name in known if name in names), None) for known in (IMAGES, LABELS))
    rest = [name for name in names if name not in (*LABELS, arrays.HEADER)]
    if images is None and len(rest) == 1:
        images = rest[0]
    if images is None:
        raise ValueError(
            f"{path}: expected an array of pictures called {', '.join(IMAGES)}, got {', '.join(names) or 'none'}"
        )
    content, _ = arrays.read(path, "file of pictures", only=[name for name in (images, labels) if name])
    return content[images], None if labels is None else content[labels]


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image))

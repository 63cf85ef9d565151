"""A folder of pictures as a data set."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from minigan.data.dataset import Dataset

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
GREY = {"1", "L"}
DEEP = {"F", "I", "I;16", "I;16B", "I;16L", "I;16N"}  # more than 8 bits: Pillow would clip them to white
MANY = 200


def load(folder: str | os.PathLike[str], size: int | None = 64) -> Dataset:
    """All pictures under a folder, in the order of their names, as uint8 (N, size, size, C).

    Where every picture lies in a subfolder, the subfolders are the classes, in the order of their names.

    Each is turned as its EXIF orientation states, cropped to the square in its middle and resized (Lanczos); with size
    None they stay as they are, (N, H, W, C), and ValueError names the first of another height or width. C is 1 if
    every picture is grey, else 3; transparency is dropped, and of an animation the first frame is taken. Hidden
    files and folders (a leading dot) are passed over.

    Raises FileNotFoundError or NotADirectoryError for the folder, and ValueError if it holds no picture or one that
    cannot be read, is too large to be decompressed safely or has more than 8 bits per channel, with its path.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    folder = Path(folder).expanduser()
    paths = find_images(folder)
    channels = 1 if {mode_of(path) for path in paths} <= GREY else 3
    shape = read_picture(paths[0], size, channels).shape
    images = np.empty((len(paths), *shape), np.uint8)
    bar = tqdm(paths, desc=f"reading {folder}", unit="picture", disable=len(paths) <= MANY)
    for image, path in zip(images, bar, strict=True):
        read = read_picture(path, size, channels)
        if read.shape != shape:
            sizes = f"{read.shape[1]} x {read.shape[0]} pixels, and {paths[0].name} has {shape[1]} x {shape[0]}"
            raise ValueError(f"{path}: it has {sizes}; pictures that are not resized must be of one size")
        image[:] = read
    labels, classes = _classes(folder, paths)
    source = f"{len(paths)} pictures from the folder {folder}"
    return Dataset(folder.resolve().name, images, labels, source, classes=classes)


def read(path: Path, size: int | None, channels: int) -> np.ndarray:
    """One picture as `load` reads it, uint8 (size, size, channels)."""
    return read_picture(path, size, channels)


def find_images(folder: Path) -> list[Path]:
    """The paths of all pictures under a folder, sorted; raises as `load` does."""
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder; expected a folder of pictures")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder of pictures, got a file")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not visible:
        raise ValueError(f"{folder}: no pictures found; expected files that end in {', '.join(SUFFIXES)}")
    return sorted(visible, key=lambda path: path.relative_to(folder).parts)


def _classes(folder: Path, paths: list[Path]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The labels of the pictures and the names of the classes, by subfolder; None where a picture lies in none."""
    parts = [path.relative_to(folder).parts for path in paths]
    if any(len(part) == 1 for part in parts):
        return None, None
    classes = tuple(sorted({part[0] for part in parts}))
    return np.array([classes.index(part[0]) for part in parts], np.int64), classes


def mode_of(path: Path) -> str:
    with _open(path) as image:
        if image.mode in DEEP:
            raise ValueError(f"{path}: expected 8 bits per channel, got mode {image.mode}; convert it to 8 bits first")
        return image.mode


def read_picture(path: Path, size: int | None, channels: int) -> np.ndarray:
    """One picture, uint8 (H, W, channels)."""
    with _open(path) as image:
        try:
            image = _convert(ImageOps.exif_transpose(image), channels)
        except Exception as error:  # Pillow's decoders raise almost anything on damaged data
            raise _unreadable(path, error) from error
    if size is None:
        return np.asarray(image).reshape(image.height, image.width, channels)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))  # resize(box=...) would look beyond its box
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)).reshape(size, size, channels)


def _open(path: Path) -> Image.Image:
    """The picture with its header read; what Pillow takes for a decompression bomb is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(path, formats=FORMATS)
        except Exception as error:
            raise _unreadable(path, error) from error


def _convert(image: Image.Image, channels: int) -> Image.Image:
    if channels == 1:
        return image.convert("L")
    if image.mode == "P":  # straight to RGB, Pillow warns where a palette holds transparency
        image = image.convert("RGBA")
    return image.convert("RGB")


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path}: expected a picture that Pillow can read: {error}")

"""Writing a picture so that its name never stands for half a file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minigan.atomic import replacing


@contextmanager
def replacing_as(path: str | os.PathLike[str], suffix: str) -> Iterator[BinaryIO]:
    """As `minigan.atomic.replacing`, for a picture whose name must end in its format; ValueError where it does not."""
    if Path(path).suffix.lower() != suffix:
        raise ValueError(f"{path}: this picture is written as {suffix}, so its name must end in {suffix}")
    with replacing(path) as file:
        yield file


def png(picture: np.ndarray) -> bytes:
    """One uint8 picture (H, W), (H, W, 1) or (H, W, 3) as the bytes of a PNG."""
    from PIL import Image

    flat = picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(file, format="PNG")
    return file.getvalue()


def save_png(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """Write `png(picture)`."""
    with replacing_as(path, ".png") as file:
        file.write(png(picture))

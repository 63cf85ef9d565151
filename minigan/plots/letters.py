"""Words in pictures, in the letters that matplotlib ships: the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigan.plots import library

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LIGHT = 235  # grey level of letters on a dark ground
SIZE = 14  # pixels of the letters of a label


def font(size: float) -> FreeTypeFont:
    """Letters of so many pixels."""
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(library.load().get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def labelled(picture: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """A picture uint8 (H, W, C) of rows of one height, with a label at the left of each, on the ground of its corner.

    A label of several lines has them below each other.
    """
    from PIL import Image, ImageDraw

    letters, height = font(SIZE), len(picture) / len(labels)
    widest = max(letters.getlength(line) for label in labels for line in label.split("\n"))
    ground = int(picture[0, 0, 0])
    margin = Image.new("L", (int(widest) + SIZE, len(picture)), ground)
    pen = ImageDraw.Draw(margin)
    for i, label in enumerate(labels):
        middle = (margin.width - SIZE / 2, (i + 0.5) * height)
        pen.multiline_text(middle, label, fill=LIGHT, font=letters, anchor="rm", align="right")
    channels = np.repeat(np.asarray(margin)[..., np.newaxis], picture.shape[2], axis=2)
    return np.concatenate([channels, picture], axis=1)

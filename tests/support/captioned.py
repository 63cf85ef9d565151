"""A folder of captioned pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from minigan.checks.text_systems import TEXTS


def write_captioned(folder: Path, n: int = 12, side: int = 8) -> Path:
    """n random pictures with captions.csv; returns the folder."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{i}.png")
    lines = [f"{i}.png,{TEXTS[i % len(TEXTS)]}" for i in range(n)]
    (folder / "captions.csv").write_text("\n".join(["file,caption", *lines]) + "\n")
    return folder

"""Small images made of large ones, and the two ways to enlarge them that need no training."""

from __future__ import annotations

import numpy as np

from minigan.device import Array


def shrink(high: Array, r: int) -> Array:
    """The means of r x r pixels of images (N, H, W, C) in [-1, 1], rounded to the 256 levels of a file.

    So the means of a perfect answer's blocks are the image that was enlarged. ValueError where r does not divide H, W.
    """
    N, H, W, C = high.shape
    if H % r or W % r:
        raise ValueError(f"{H} x {W} images do not divide into {r} x {r} blocks")
    means = high.reshape(N, H // r, r, W // r, r, C).mean(axis=(2, 4))
    return np.rint((means + 1) * 127.5) / 127.5 - 1


def enlarged(small: np.ndarray, r: int, how: str) -> np.ndarray:
    """uint8 images (N, H, W, C) r times as large, by "nearest" neighbours or "bicubic" (Pillow's, a = -1/2)."""
    from PIL import Image  # here: Pillow is slow to import

    filters = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}
    N, H, W, C = small.shape
    planes = np.moveaxis(small, 3, 1).reshape(N * C, H, W)
    large = [np.asarray(Image.fromarray(plane).resize((W * r, H * r), filters[how])) for plane in planes]
    return np.moveaxis(np.stack(large).reshape(N, C, H * r, W * r), 1, 3)

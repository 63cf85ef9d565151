"""Bringing images to Inception: 299 x 299, three channels, small numbers.

The usual FID tools do this in three ways and so get three different numbers from the same images. Each has a name here,
which is part of the score (`Protocol.variant`):

    pt      as pytorch-fid              bilinear, pixels are squares          v / 127.5 - 1
    tf1     as TTUR, torch-fidelity     bilinear, pixels are points           (v - 128) / 128
    clean   as clean-fid                bicubic with antialias, then clipped  (v - 128) / 128

for pixels v in [0, 255]: white becomes 1 for `pt` and 0.992 for the others.

Height and width are resized one after the other, by matrices: y = A_h · x · A_wᵀ. Output pixel i looks at the place s_i
among the n input pixels, and what it takes of input pixel j depends on their distance. With r = n / n_out:

    pt      s = (i + ½) r - ½, kept in [0, n - 1]        A_ij = hat(s - j)
    tf1     s = i r, kept in [0, n - 1]                  A_ij = hat(s - j)
    clean   s = (i + ½) r - ½                            A_ij = cubic((s - j) / max(r, 1)) / (their sum over j)

    hat(t)    1 - |t| up to |t| = 1, then 0
    cubic(t)  1.5 |t|³ - 2.5 |t|² + 1 up to |t| = 1, -0.5 |t|³ + 2.5 |t|² - 4 |t| + 2 up to |t| = 2, then 0

`clean` widens its filter where the image shrinks, so that every input pixel counts; the bilinear ones look at two input
pixels however many there are. They are kept as they are, because the published numbers were made with them.

Source      Heusel et al. 2017 (TTUR); Parmar, Zhang & Zhu 2022 (clean-fid); Keys 1981 (the cubic, a = -½).
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from minigan.device import Array, like

SIDE = 299  # what Inception looks at


def prepare(pixels: Array, variant: str, side: int = SIDE) -> Array:
    """Pixels (N, H, W, C) in [0, 255], C 1 or 3, as the network takes them: (N, side, side, 3), of the same type.

    ValueError: unknown variant.
    """
    x = resize(pixels, variant, side)
    x = x / 127.5 - 1 if variant == "pt" else (x - 128) / 128
    return np.repeat(x, 3, axis=3) if x.shape[3] == 1 else x


def resize(pixels: Array, variant: str, side: int = SIDE) -> Array:
    """Pixels (N, H, W, C) in [0, 255] as pixels (N, side, side, C), not rounded. ValueError: unknown variant."""
    N, H, W, C = pixels.shape
    rows, columns = (like(matrix(variant, n, side), pixels) for n in (H, W))
    x = np.matmul(columns, pixels.reshape(N * H, W, C))
    x = np.matmul(rows, x.reshape(N, H, side * C)).reshape(N, side, side, C)
    return np.clip(x, 0, 255) if variant == "clean" else x


def matrix(variant: str, n: int, n_out: int) -> np.ndarray:
    """A (n_out, n), float64: what every output pixel takes of every input pixel. ValueError: unknown variant."""
    return MATRICES[checked(variant)](n, n_out)


def checked(variant: str) -> str:
    """The variant, if it is one of the three; ValueError otherwise."""
    if variant not in MATRICES:
        raise ValueError(f"unknown variant {variant!r}: expected {', '.join(MATRICES)}")
    return variant


def _squares(n: int, n_out: int) -> np.ndarray:
    """Every output pixel's centre among the input pixels, where pixels are squares: s as a column."""
    return (np.arange(n_out)[:, np.newaxis] + 0.5) * n / n_out - 0.5


def _pt(n: int, n_out: int) -> np.ndarray:
    return _hat(np.clip(_squares(n, n_out), 0, n - 1) - np.arange(n))


def _tf1(n: int, n_out: int) -> np.ndarray:
    return _hat(np.minimum(np.arange(n_out)[:, np.newaxis] * n / n_out, n - 1) - np.arange(n))


def _clean(n: int, n_out: int) -> np.ndarray:
    a = _cubic((_squares(n, n_out) - np.arange(n)) / max(n / n_out, 1))
    return a / a.sum(axis=1, keepdims=True)


def _hat(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def _cubic(t: np.ndarray) -> np.ndarray:
    t = np.minimum(np.abs(t), 2)
    return np.where(t < 1, (1.5 * t - 2.5) * t**2 + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2)


MATRICES = MappingProxyType({"pt": _pt, "tf1": _tf1, "clean": _clean})

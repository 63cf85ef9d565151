"""`correlate`, `spread` and `match` on a GPU: im2col and its adjoint by a kernel, and one product, block by block.

Where each window is the whole image, or one pixel of it, the columns are the image itself and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda.gemm import contiguous, gemm, is_float32
from minigan.kernels.cuda.windows import Windows
from minigan.kernels.geometry import Pair

BLOCK = 64 * 1024 * 1024  # numbers of columns at a time: 256 MiB


def correlate(x: Array, w: Array, stride: Pair, padding: Pair) -> Array:
    if not is_float32(x, w):
        return general.correlate(x, w, stride, padding)
    (N, H, W, C), (KH, KW, _, O) = x.shape, w.shape
    windows = Windows((H, W), C, (KH, KW), stride, padding)
    x, w = contiguous(x), contiguous(w).reshape(windows.width, O)
    y = np.empty_like(x, shape=(N * windows.rows, O))
    for images, rows in _blocks(windows, N):
        gemm(_columns(windows, x[images]), w, y[rows])
    return y.reshape(N, *windows.out, O)


def spread(y: Array, w: Array, size: Pair, stride: Pair, padding: Pair) -> Array:
    if not is_float32(y, w):
        return general.spread(y, w, size, stride, padding)
    (N, OH, OW, O), (KH, KW, C, _) = y.shape, w.shape
    windows = Windows(size, C, (KH, KW), stride, padding)
    windows.expect((OH, OW))
    y, w = contiguous(y).reshape(N * windows.rows, O), contiguous(w).reshape(windows.width, O).T
    x = np.empty_like(y, shape=(N, *size, C))
    if _are_the_image(windows):
        gemm(y, w, x.reshape(N * windows.rows, windows.width))
        return x
    for images, rows in _blocks(windows, N):
        columns = np.empty_like(y, shape=(rows.stop - rows.start, windows.width))
        gemm(y[rows], w, columns)
        part = x[images]
        _launch("col2im", windows, len(part) * size[0], size[1] * C, columns, part)
    return x


def match(x: Array, y: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    if not is_float32(x, y):
        return general.match(x, y, kernel, stride, padding)
    (N, H, W, C), (_, OH, OW, O) = x.shape, y.shape
    windows = Windows((H, W), C, kernel, stride, padding)
    windows.expect((OH, OW))
    x, y = contiguous(x), contiguous(y).reshape(N * windows.rows, O)
    w = np.empty_like(x, shape=(windows.width, O))
    for images, rows in _blocks(windows, N):
        gemm(_columns(windows, x[images]).T, y[rows], w, beta=int(rows.start > 0))
    return w.reshape(*kernel, C, O)


def _blocks(windows: Windows, N: int) -> Iterator[tuple[slice, slice]]:
    """Consecutive images whose columns fill at most one block, but one image at least, and their windows' rows.

    No images are one block of none.
    """
    step = max(1, N if _are_the_image(windows) else BLOCK // max(1, windows.rows * windows.width))
    for i in range(0, max(N, 1), step):
        stop = min(i + step, N)
        yield slice(i, stop), slice(i * windows.rows, stop * windows.rows)


def _are_the_image(windows: Windows) -> bool:
    """Whether the windows, in a row, are the image's own memory."""
    pixels = windows.kernel == (1, 1) and windows.stride == (1, 1)
    return windows.padding == (0, 0) and (pixels or windows.kernel == windows.size)


def _columns(windows: Windows, x: Array) -> Array:
    """im2col: one window per row."""
    N, shape = len(x), (len(x) * windows.rows, windows.width)
    if _are_the_image(windows):
        return x.reshape(shape)
    columns = np.empty_like(x, shape=shape)
    _launch("im2col", windows, N * windows.out[0], windows.out[1] * windows.width, x, columns)
    return columns


def _launch(name: str, windows: Windows, lines: int, numbers: int, source: Array, target: Array) -> None:
    """The kernel `name`, four channels at a time where the memory allows it: one load of 16 bytes, not four of 4."""
    if windows.C % 4 == 0 and not any(x.__cuda_array_interface__["data"][0] % 16 for x in (source, target)):
        windows.launch(f"{name}_by_4", lines, numbers // 4, source, target)
    else:
        windows.launch(name, lines, numbers, source, target)

"""Random numbers made on the GPU, the same bits as in `kernels.random`; a captured step draws anew at every replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigan.device import Array
from minigan.kernels import random
from minigan.kernels.cuda.launch import launch
from minigan.kernels.cuda.shape import THREADS, blocks, takes
from minigan.kernels.random import feistel_bits, folded


def draw_uniform(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    _draw("draw_uniform", out, key, step, part)


def draw_normal(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    _draw("draw_normal", out, key, step, part)


def _draw(kernel: str, out: Array, key: Sequence[int], step: Array, part: int) -> None:
    k, l = folded(key)[0]
    grid = blocks(-(-out.size // 4))
    launch(kernel, grid, THREADS, out, np.uint32(k), np.uint32(l), step, np.uint32(part), np.int32(out.size))


def draw_rows(rows: Array, n: int, key: Sequence[int], seen: Array) -> None:
    numbers = (np.uint32(word) for word in (n, *feistel_bits(n), *folded(key)[1]))
    launch("draw_rows", blocks(rows.size), THREADS, rows, *numbers, seen, np.int32(rows.size))


def take(images: Array, rows: Array) -> Array:
    if images.dtype != np.uint8:
        return random.take(images, rows)
    x = np.empty_like(images, shape=(*rows.shape, *images.shape[1:]), dtype=np.float32)
    if takes(x):
        size = x.size // rows.size
        launch("take", blocks(x.size), THREADS, images, rows, x, np.int32(size), np.int32(x.size))
    return x

"""Fused optimizers: all arrays of a network in one launch, their addresses in a table that travels with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.kernels.cuda.launch import launch
from minigan.kernels.cuda.shape import THREADS, blocks, takes

ARRAYS = 24
POINTERS = ("p", "g", "m", "v", "average")
# `Moves` in source/optimizers.cu, byte for byte
MOVES = np.dtype([(name, "u8", ARRAYS) for name in POINTERS] + [("n", "i4", ARRAYS), ("first", "i4", ARRAYS + 1)], True)


def fusible(a: Array) -> bool:
    return takes(a) or (a.size == 0 and a.dtype == np.float32)


def fused_update(
    rule: str, moves: Sequence[Sequence[Any]], hyper: Sequence[float], clock: Array, decay: float = 0
) -> None:
    numbers = [np.float32(number) for number in (decay, *_constants(rule, hyper))]
    some = [move for move in moves if move[0].size > 0]
    for i in range(0, len(some), ARRAYS):
        table, grid = _table(some[i : i + ARRAYS])
        launch(rule, grid, THREADS, table, clock, *numbers)


def _constants(rule: str, hyper: Sequence[float]) -> Sequence[float]:
    """What the kernel makes of the hyper-parameters, at a precision that float32 does not have."""
    if rule == "rmsprop":
        alpha, eps = hyper
        return alpha, 1 - alpha, eps
    if rule == "adam":
        b1, b2, eps = hyper
        return b1, 1 - b1, _log(b1), b2, 1 - b2, _log(b2), eps
    if rule == "adamax":
        b1, b2, eps = hyper
        return b1, 1 - b1, b2, eps
    return hyper


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _table(moves: Sequence[Sequence[Any]]) -> tuple[np.ndarray, int]:
    """The addresses and sizes of up to ARRAYS arrays, and the number of blocks that work on them."""
    table = np.zeros(1, MOVES)
    row = table[0]
    grid = 0
    for k, move in enumerate(moves):
        for name, a in zip(POINTERS, move, strict=True):
            row[name][k] = 0 if a is None else _address(a, move[0])
        row["first"][k], row["n"][k] = grid, move[0].size
        grid += blocks(move[0].size)
    row["first"][len(moves) :] = grid
    return table, grid


def _address(a: Array, p: Array) -> int:
    if not takes(a) or a.shape != p.shape:
        raise TypeError(f"an update needs contiguous float32 arrays of {p.shape}, got {a.dtype} of {a.shape}")
    return a.__cuda_array_interface__["data"][0]

"""The optimizers' updates: all arrays of a network in one launch, their addresses in a table that travels with it."""

from __future__ import annotations

import math

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda.launch import launch
from minigan.kernels.cuda.shape import THREADS, blocks, takes
from minigan.kernels.moves import Moves

ARRAYS = 24
POINTERS = ("p", "g", "m", "v", "average")
# `Moves` in source/update.cu, byte for byte
MOVES = np.dtype([(name, "u8", ARRAYS) for name in POINTERS] + [("n", "i4", ARRAYS), ("first", "i4", ARRAYS + 1)], True)


def fusible(a: Array) -> bool:
    return takes(a) or (a.size == 0 and a.dtype == np.float32)


# Each rule with a clock is one launch; its numbers are computed at a precision that float32 does not have.


def sgd(moves: Moves, lr: float, momentum: float) -> None:
    if moves.clock is None:
        return general.sgd(moves, lr, momentum)
    _launch("sgd", moves, momentum)


def rmsprop(moves: Moves, lr: float, alpha: float, eps: float) -> None:
    if moves.clock is None:
        return general.rmsprop(moves, lr, alpha, eps)
    _launch("rmsprop", moves, alpha, 1 - alpha, eps)


def adam(moves: Moves, lr: float, betas: tuple[float, float], eps: float, t: int) -> None:
    if moves.clock is None:
        return general.adam(moves, lr, betas, eps, t)
    b1, b2 = betas
    _launch("adam", moves, b1, 1 - b1, _log(b1), b2, 1 - b2, _log(b2), eps)


def adamax(moves: Moves, lr: float, betas: tuple[float, float], eps: float) -> None:
    if moves.clock is None:
        return general.adamax(moves, lr, betas, eps)
    b1, b2 = betas
    _launch("adamax", moves, b1, 1 - b1, b2, eps)


def follow(moves: Moves) -> None:
    if moves.clock is None or not all(fusible(p) for p, *_ in moves):
        return general.follow(moves)
    _launch("follow", moves)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _launch(rule: str, moves: Moves, *numbers: float) -> None:
    constants = [np.float32(number) for number in (moves.decay, *numbers)]
    rows = [_pointers(row, average) for row, average in zip(moves, moves.averages, strict=True) if row[0].size > 0]
    for i in range(0, len(rows), ARRAYS):
        table, grid = _table(rows[i : i + ARRAYS])
        launch(rule, grid, THREADS, table, moves.clock, *constants)


def _pointers(row: tuple[Array, ...], average: Array | None) -> list[Array | None]:
    """The arrays of a row in the order of POINTERS, None for what there is not."""
    p, g, m, v = [*row, None, None, None][:4]
    if g is not None and not takes(g):
        g = g.astype(p.dtype, order="C")
    return [p, g, m, v, average]


def _table(rows: list[list[Array | None]]) -> tuple[np.ndarray, int]:
    """The addresses and sizes of up to ARRAYS arrays, and the number of blocks that work on them."""
    table = np.zeros(1, MOVES)
    record = table[0]
    grid = 0
    for k, row in enumerate(rows):
        p: Array = row[0]
        for name, a in zip(POINTERS, row, strict=True):
            record[name][k] = 0 if a is None else _address(a, p)
        record["first"][k], record["n"][k] = grid, p.size
        grid += blocks(p.size)
    record["first"][len(rows) :] = grid
    return table, grid


def _address(a: Array, p: Array) -> int:
    if not takes(a) or a.shape != p.shape:
        raise TypeError(f"an update needs contiguous float32 arrays of {p.shape}, got {a.dtype} of {a.shape}")
    return a.__cuda_array_interface__["data"][0]

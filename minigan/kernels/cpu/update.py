"""The optimizers' updates in cache-sized pieces, every operation writing into scratch or into the array itself.

A step costs a few reads and one write of memory per number, whatever the formula looks like. An average takes in a
piece while it is still in the cache. Pieces do not depend on each other: threads may share them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigan.kernels.cpu.pieces import CHUNK, pieces
from minigan.kernels.cpu.scratch import scratch
from minigan.kernels.moves import Moves


def sgd(moves: Moves, lr: float, momentum: float) -> None:
    def rule(p: np.ndarray, g: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
        np.multiply(v, momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, lr, out=u)
        np.subtract(p, u, out=p)

    _walk(moves, rule)


def rmsprop(moves: Moves, lr: float, alpha: float, eps: float) -> None:
    def rule(p: np.ndarray, g: np.ndarray, s: np.ndarray, u: np.ndarray) -> None:
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - alpha, out=u)
        np.multiply(s, alpha, out=s)
        np.add(s, u, out=s)
        np.sqrt(s, out=u)
        np.add(u, eps, out=u)
        np.divide(g, u, out=u)
        np.multiply(u, lr, out=u)
        np.subtract(p, u, out=p)

    _walk(moves, rule)


def adam(moves: Moves, lr: float, betas: tuple[float, float], eps: float, t: int) -> None:
    # Both corrections are two numbers per step, not two operations per element: with c = √(1 - β₂ᵗ),
    # lr · m̂ / (√v̂ + ε) = (lr · c / (1 - β₁ᵗ)) · m / (√v + c · ε). Kingma & Ba 2014, the remark below algorithm 1.
    b1, b2 = betas
    c = math.sqrt(1 - b2**t)
    rate = lr * c / (1 - b1**t)

    def rule(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
        np.multiply(m, b1, out=m)
        np.multiply(g, 1 - b1, out=u)
        np.add(m, u, out=m)
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - b2, out=u)
        np.multiply(v, b2, out=v)
        np.add(v, u, out=v)
        np.sqrt(v, out=u)
        np.add(u, c * eps, out=u)
        np.divide(m, u, out=u)
        np.multiply(u, rate, out=u)
        np.subtract(p, u, out=p)

    _walk(moves, rule)


def adamax(moves: Moves, lr: float, betas: tuple[float, float], eps: float) -> None:
    b1, b2 = betas

    def rule(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
        np.multiply(m, b1, out=m)
        np.multiply(g, 1 - b1, out=u)
        np.add(m, u, out=m)
        np.multiply(v, b2, out=v)
        np.add(v, eps, out=v)
        np.abs(g, out=u)
        np.maximum(v, u, out=v)
        np.divide(m, v, out=u)
        np.multiply(u, lr, out=u)
        np.subtract(p, u, out=p)

    _walk(moves, rule)


def follow(moves: Moves) -> None:
    _walk(moves, lambda *arrays: None)


def _walk(moves: Moves, rule: Callable[..., None]) -> None:
    """`rule` for each piece of each row, with scratch of its size; then the average of that piece."""
    n, weight = len(moves.rows[0]), moves.weight
    work = [
        piece
        for row, average in zip(moves, moves.averages, strict=True)
        for piece in pieces(*row, *([] if average is None else [average]))
    ]

    def share(rank: int, size: int) -> None:
        buffers = {dtype: scratch(f"update {dtype}", (CHUNK,), dtype) for dtype in {p.dtype for p, *_ in moves}}
        for arrays in work[rank::size]:
            p = arrays[0]
            u = buffers[p.dtype][: p.size]
            rule(*arrays[:n], u)
            for average in arrays[n:]:
                np.subtract(p, average, out=u)
                np.multiply(u, weight, out=u)
                np.add(average, u, out=average)

    if moves.workers is None:
        share(0, 1)
    else:
        size = moves.workers.size
        moves.workers.run(lambda rank: share(rank, size))

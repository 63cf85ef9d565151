"""Optimizer: what all update rules share, on named arrays, in place.

They take the arrays of `network.named_params()` and, at each step, a dict of gradients under the same names. The
arithmetic runs in cache-sized pieces, every operation writing into scratch or into the array itself: a step costs a
few reads and one write of memory per number, whatever the formula looks like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minigan.device import Array

CHUNK = 64 * 1024  # numbers per piece: parameter, gradient, two moments and scratch of float32 fit a 2 MiB cache


def flatten(grads: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """Nested gradients {"3": {"weight": g}} under their parameters' names {"3.weight": g}."""
    flat: dict[str, Array] = {}
    for name, value in grads.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


class Optimizer:
    """What all optimizers share: named parameters, named state, and the walk over both in pieces.

    `state` maps "moment/parameter" to an array; together with `t`, the number of steps taken, it is all that a
    checkpoint needs.
    """

    moments: tuple[str, ...] = ()  # names of the arrays kept for each parameter

    def __init__(self, params: Iterable[tuple[str, Array]], lr: float) -> None:
        self.params = dict(params)
        if not self.params:
            raise ValueError(f"{type(self).__name__} got no parameters")
        if not lr > 0:
            raise ValueError(f"learning rate must be positive, got {lr}")
        scattered = [name for name, p in self.params.items() if not p.flags.c_contiguous]
        if scattered:  # cut into flat pieces they would be copies, and the parameters would stand still
            raise ValueError(f"{', '.join(scattered)} are not contiguous in memory; make them so before training")
        self.lr, self.t = lr, 0
        self.state = {f"{m}/{name}": np.zeros_like(p) for m in self.moments for name, p in self.params.items()}
        some = next(iter(self.params.values()))
        self._scratch = [np.empty_like(some, shape=(CHUNK,)) for _ in range(2)]

    def step(self, grads: Mapping[str, Any]) -> None:
        """Move every parameter by its gradient; ValueError for a wrong name or shape, before anything moves."""
        flat = flatten(grads)
        if flat.keys() != self.params.keys():
            missing, unknown = self.params.keys() - flat.keys(), flat.keys() - self.params.keys()
            raise ValueError(f"gradients missing for {sorted(missing)}, unknown {sorted(unknown)}")
        for name, p in self.params.items():
            if flat[name].shape != p.shape:
                raise ValueError(f"{name}: the gradient has shape {flat[name].shape}, the parameter {p.shape}")
        self.t += 1
        for name, p in self.params.items():
            state = [self.state[f"{m}/{name}"] for m in self.moments]
            for piece in pieces(p, flat[name], *state):
                scratch = [s[: piece[0].size] for s in self._scratch]
                self._update(*piece, *scratch)

    def _update(self, *arrays: Array) -> None:
        """One piece: the parameter, its gradient, its moments in order, two pieces of scratch."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")


def pieces(*arrays: Array) -> Iterator[list[Array]]:
    """The arrays, all of one size, cut into flat pieces of CHUNK numbers that belong together."""
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, flat[0].size, CHUNK):
        yield [a[i : i + CHUNK] for a in flat]

"""Optimizer: what all update rules share, on named arrays, in place.

They take the arrays of `network.named_params()` and, at each step, a dict of gradients under the same names. The
arithmetic runs in cache-sized pieces, every operation writing into scratch or into the array itself: a step costs a
few reads and one write of memory per number, whatever the formula looks like. On a GPU it is one kernel for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.kernels.cpu.pieces import CHUNK, pieces
from minigan.optim.average import Average
from minigan.optim.clock import Clock


def flatten(grads: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """Nested gradients {"3": {"weight": g}} under their parameters' names {"3.weight": g}."""
    flat: dict[str, Array] = {}
    for name, value in grads.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


class Workers(Protocol):
    """Threads that run a function at the same time: job(0), job(1), ..., job(size - 1)."""

    size: int

    def run(self, job: Callable[[int], Any]) -> Any: ...


class Optimizer:
    """What all optimizers share: named parameters, named state, and the walk over both in pieces.

    `state` maps "moment/parameter" to an array; together with `t`, the number of steps taken, it is all that a
    checkpoint needs. `average`, where one is set, takes in what a piece has become while it is still in the cache.
    `workers`, where some are set, share the pieces, which do not know of each other: the numbers are the same.

    On a GPU, `t` and `lr` have a copy in its memory that the kernel reads. A recorded step goes on with it: call
    `on_device` before each replay, which tells the GPU what it does not know yet, and `count` for each. Recording
    counts a step that is not made: set `t` (and the average's) back to what it was.
    """

    moments: tuple[str, ...] = ()  # names of the arrays kept for each parameter
    rule: str | None = None  # the fused kernel that has the class's own formula
    average: Average | None = None
    workers: Workers | None = None
    _clock: Clock | None = None

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

    def step(self, grads: Mapping[str, Any]) -> None:
        """Move every parameter by its gradient; ValueError for a wrong name or shape, before anything moves."""
        flat = self._checked(grads)
        if self._fused():
            return self._step_on_device(flat)
        moves = list(self._moves(flat))
        self.count()
        if self.workers is None:
            self._make(moves)
        else:
            size = self.workers.size
            self.workers.run(lambda rank: self._make(moves[rank::size]))
        if self.average is not None:
            self.average.finish(done=self.params)

    def count(self) -> None:
        """Count one step more, of the average too."""
        self.t += 1
        if self.average is not None:
            self.average.begin()
        if self._clock is not None:
            self._clock.count()

    def on_device(self) -> None:
        """Tell the GPU `t` and `lr` where they are not what it counts by; elsewhere nothing."""
        if self._fused():
            if self._clock is None:
                self._clock = Clock(next(iter(self.params.values())))
            self._clock.tell(self.t, self.t if self.average is None else self.average.t, self.lr)

    def _fused(self) -> bool:
        # a subclass without a rule of its own may have another formula
        return "rule" in vars(type(self)) and kernels.fusible(*self.params.values())

    def _step_on_device(self, grads: dict[str, Array]) -> None:
        self.on_device()
        clock = cast("Clock", self._clock)
        clock.tick()
        self.count()
        averages = {} if self.average is None else self.average.target
        moves = []
        for name, p in self.params.items():
            m, v = ([self.state[f"{moment}/{name}"] for moment in self.moments] + [None])[:2]
            g = grads[name] if kernels.fusible(grads[name]) else grads[name].astype(p.dtype, order="C")
            moves.append((p, g, m, v, averages.get(name)))
        decay = 0.0 if self.average is None else self.average.decay
        kernels.fused_update(cast("str", self.rule), moves, self._hyper(), clock.array, decay)
        if self.average is not None:
            self.average.finish(done=self.params, clock=clock.array)

    def _hyper(self) -> tuple[float, ...]:
        """What the fused kernel takes besides t and lr."""
        raise NotImplementedError(f"{type(self).__name__} has no fused kernel")

    def _checked(self, grads: Mapping[str, Any]) -> dict[str, Array]:
        """The gradients by the parameters' names."""
        flat = flatten(grads)
        if flat.keys() != self.params.keys():
            missing, unknown = self.params.keys() - flat.keys(), flat.keys() - self.params.keys()
            raise ValueError(f"gradients missing for {sorted(missing)}, unknown {sorted(unknown)}")
        for name, p in self.params.items():
            if flat[name].shape != p.shape:
                raise ValueError(f"{name}: the gradient has shape {flat[name].shape}, the parameter {p.shape}")
        return flat

    def _moves(self, grads: dict[str, Array]) -> Iterator[list[Array]]:
        """Pieces that belong together: of a parameter, its gradient, its moments in order, and its average."""
        averages = {} if self.average is None else self.average.target
        for name, p in self.params.items():
            state = [self.state[f"{m}/{name}"] for m in self.moments]
            averaged = [averages[name]] if name in averages else []
            yield from pieces(p, grads[name], *state, *averaged)

    def _make(self, moves: list[list[Array]]) -> None:
        scratch = [np.empty_like(p, shape=(CHUNK,)) for p, *_ in moves[:1]]
        n = 2 + len(self.moments)
        for arrays in moves:
            u = scratch[0][: arrays[0].size]
            self._update(*arrays[:n], u)
            for average in arrays[n:]:
                cast("Average", self.average).take_in(arrays[0], average, u)

    def _update(self, *arrays: Array) -> None:
        """One piece: the parameter, its gradient, its moments in order, a piece of scratch."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

"""Optimizer: what all update rules share, on named arrays, in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.optim.average import Average
from minigan.optim.clock import Clock
from minigan.optim.finite import not_finite


def _named(params: Any, rule: str) -> dict[str, Array]:
    """The arrays by name; TypeError where there are no names: a network itself has none."""
    try:
        named = dict(params)
    except (TypeError, ValueError):
        named = {None: params}
    if not all(isinstance(name, str) for name in named):
        raise TypeError(f"{rule} expects arrays with their names: network.named_params()")
    return named


def flatten(grads: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """Nested gradients {"3": {"weight": g}} under their parameters' names {"3.weight": g}."""
    flat: dict[str, Array] = {}
    for name, value in grads.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


class NotFinite(FloatingPointError):
    """The update was not made: not all gradients are finite; `grads` holds all by name."""

    def __init__(self, grads: Mapping[str, Array]) -> None:
        names = not_finite(grads) or list(grads)
        super().__init__(
            f"the gradients of {_listed(names)} are not finite; no parameter has moved"
        )
        self.grads = dict(grads)


class Optimizer:
    """Moves the arrays of `network.named_params()` by gradients of the same names.

    params    the arrays by name, moved in place
    lr, t     learning rate (may be changed at any time), and number of steps taken
    state     the moments by name, "moment/parameter"; with t it is all that a checkpoint needs
    average   an `Average` that takes in the parameters after each step, where one is set
    workers   threads that share the work on a CPU, where some are set; the numbers are the same

    A rule of your own is a subclass with the names of its moments and a method `update`, which
    changes the arrays of every row in place:

        class Lion(Optimizer):
            moments = ("m",)

            def update(self, moves):
                for p, g, m in moves:
                    p -= self.lr * np.sign(0.9 * m + 0.1 * g)
                    m[...] = 0.99 * m + 0.01 * g

    (`m = ...` would make a new array and leave the moment as it was.) The moments start at zero; t
    is 1 in the first update.

    On a GPU, t and lr have a copy in its memory, which the kernels read, so that a recorded step
    can be replayed: call `on_device` before each replay, which sends what has changed, and `count`
    after it. Recording counts a step that is not made: set t (and the average's) back. A rule of
    your own that is to be recorded reads t and lr in `moves.clock`, (t, the average's t, lr): a
    replay would repeat the `self.lr` of the recording.
    """

    moments: tuple[str, ...] = ()  # names of the arrays kept for each parameter
    # Does the kernel that `update` calls also update the average? Not inherited: a subclass may
    # change p after the kernel.
    fused_average = False
    average: Average | None = None
    workers: kernels.Workers | None = None
    _clock: Clock | None = None

    def __init__(self, params: Iterable[tuple[str, Array]], lr: float) -> None:
        self.params = _named(params, type(self).__name__)
        if not self.params:
            raise ValueError(f"{type(self).__name__} got no parameters")
        if not lr > 0:
            raise ValueError(f"learning rate must be positive, got {lr}")
        scattered = [name for name, p in self.params.items() if not p.flags.c_contiguous]
        if scattered:  # their flat pieces would be copies, and the parameters would not move
            raise ValueError(
                f"{', '.join(scattered)} are not contiguous in memory; copy them first"
            )
        self.lr, self.t = lr, 0
        self.state = {
            f"{m}/{name}": np.zeros_like(p) for m in self.moments for name, p in self.params.items()
        }

    def update(self, moves: kernels.Moves) -> None:
        """Change each p, and its moments, of the rows (p, g, *moments) of `moves`, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def step(self, grads: Mapping[str, Any]) -> None:
        """Move every parameter by its gradient.

        ValueError for a wrong name or shape, NotFinite for gradients that are infinite, not numbers
        or too large to be squared, both before anything moves. Gradients on a GPU are not looked
        at, for a look would have to wait.
        """
        flat = flatten(grads)
        self._check(flat)
        self.on_device()
        if self._clock is not None:
            self._clock.tick()
        self.count()
        moves = self._moves(flat)
        self.update(moves)
        if self.average is not None:
            self.average.take_in(self.params if self._fuses_average() else (), moves.clock)

    def reset(self) -> None:
        """Forget all steps: moments zero, t = 0. The parameters and their average stay."""
        self.t = 0
        for moment in self.state.values():
            moment.fill(0)

    def count(self) -> None:
        """Count one step more, of the average too."""
        self.t += 1
        if self.average is not None:
            self.average.count()
        if self._clock is not None:
            self._clock.count()

    def on_device(self) -> None:
        """Send the GPU t and lr where they are not what it counts by; elsewhere nothing."""
        if kernels.fusible(*self.params.values()):
            if self._clock is None:
                self._clock = Clock(next(iter(self.params.values())))
            self._clock.send(self.t, self.t if self.average is None else self.average.t, self.lr)

    def _fuses_average(self) -> bool:
        return vars(type(self)).get("fused_average", False)

    def _moves(self, grads: dict[str, Array]) -> kernels.Moves:
        average = self.average if self._fuses_average() else None
        rows = [
            (p, grads[name], *(self.state[f"{m}/{name}"] for m in self.moments))
            for name, p in self.params.items()
        ]
        return kernels.Moves(
            rows,
            [None if average is None else average.target.get(name) for name in self.params],
            decay=0.0 if average is None else average.decay,
            count=0 if average is None else average.t,
            workers=self.workers,
            clock=None if self._clock is None else self._clock.array,
        )

    def _check(self, grads: dict[str, Array]) -> None:
        if grads.keys() != self.params.keys():
            missing, unknown = self.params.keys() - grads.keys(), grads.keys() - self.params.keys()
            raise ValueError(f"gradients missing for {sorted(missing)}, unknown {sorted(unknown)}")
        for name, p in self.params.items():
            if grads[name].shape != p.shape:
                shape = grads[name].shape
                raise ValueError(f"{name}: the gradient has shape {shape}, the parameter {p.shape}")
        if not_finite({name: g for name, g in grads.items() if isinstance(g, np.ndarray)}):
            raise NotFinite(grads)


def _listed(names: list[str], most: int = 6) -> str:
    shown = names[:most] + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

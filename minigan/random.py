"""Every random number of a run as a function of (seed, step, stream).

A counter-based generator (Philox, Salmon et al. 2011) has no hidden history: its numbers depend on
a key and a counter alone. The key is (seed, name of the stream), the counter starts at
(step, part of the step). So nothing about randomness needs saving: a run that continues at step s
draws what it would have drawn had it never stopped.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import numpy as np


class Counter:
    """A stream of random numbers drawn where the arrays are: a Generator for a GPU.

    A draw depends on three things: `key`, that is (seed, stream); the number in `step`, a uint64
    array (1,) that lives on the device itself, so that a step recorded once draws new numbers at
    every replay; and how many draws came before it since `begin`. The kernels `uniform`,
    `dropout_mask` and `draw_normal` turn them into numbers.
    """

    def __init__(self, key: tuple[int, int], step: Any) -> None:
        self.key, self.step = key, step
        self._drawn = 0

    def begin(self) -> None:
        """Count the draws from 0 again: a new step begins."""
        self._drawn = 0

    def part(self) -> int:
        """The number of this draw within its step; the next one has another."""
        self._drawn += 1
        return self._drawn - 1


Random: TypeAlias = np.random.Generator | Counter  # what a page draws with


def generator(rng: Any, *, needed: bool = True) -> Any:
    """rng itself; TypeError unless random numbers can be drawn from it. `needed`: is None refused?

    A seed is not taken: two layers of the same seed would begin with the same weights.
    """
    drawn_from = hasattr(rng, "standard_normal") or isinstance(rng, Counter)
    if not drawn_from and (needed or rng is not None):
        example = "numpy.random.default_rng(0), one for all layers of a network"
        raise TypeError(f"rng must be a generator of NumPy, such as {example}; got {rng!r} ({type(rng).__name__})")
    return rng


class Streams:
    """The random generators of a run, by name: independent, and all rewound together by `seek`."""

    def __init__(self, seed: int) -> None:
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
            raise ValueError(f"seed must be an integer from 0 to 2^64 - 1, got {seed}")
        self.seed = seed
        self._position = (0, 0)
        self._given: dict[str, np.random.Generator] = {}

    def __call__(self, name: str) -> np.random.Generator:
        """The generator of one stream; the same object at every call, so that `seek` reaches it."""
        if name not in self._given:
            self._given[name] = self.at(name, *self._position)
        return self._given[name]

    def at(self, name: str, step: int, part: int = 0) -> np.random.Generator:
        """A new generator for (seed, step, stream), whatever the others do."""
        counter = np.array([0, 0, part, step], np.uint64)
        return np.random.Generator(np.random.Philox(key=self._key(name), counter=counter))

    def counter(self, name: str, step: Any) -> Counter:
        """The stream for draws on the device that holds `step`, a uint64 array (1,)."""
        seed, stream = self._key(name).tolist()
        return Counter((seed, stream), step)

    def seek(self, step: int, part: int = 0) -> None:
        """Set every generator to the start of its numbers for this part of this step."""
        self._position = (step, part)
        for name, generator in self._given.items():
            generator.bit_generator.state = self.at(name, step, part).bit_generator.state

    def _key(self, name: str) -> np.ndarray:
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        # uint64 from the start: out of a list with one number of 2^63 or more, NumPy would make
        # rounded floats.
        return np.array([self.seed, int.from_bytes(digest, "little")], np.uint64)

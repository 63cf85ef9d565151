"""The team: threads that do the same at the same time, each with its own part, and exchange values.

NumPy leaves Python's lock while it computes, and layers keep nothing between calls: so two threads can run the same
layers at the same time, each on its rows, with BLAS at one thread each. That beats one thread with a threaded BLAS
where a network is more than products (convolutions: copies, sums, activations), and loses where it is nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

from minigan.layers import Conv2d, ConvTranspose2d, Dropout, Layer, Linear

HIDDEN = 128  # numbers on both sides from which on a fully connected layer is more than a way in or out

T = TypeVar("T")


class Team:
    """`size` threads, the caller's one of them, that run the same function at the same time and can exchange values."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a team has at least 1 thread, got {size}")
        self.size = size
        self._others = ThreadPoolExecutor(max(1, size - 1), "team")
        self._barrier = Barrier(size)
        self._given: tuple[list[Any], list[Any]] = ([None] * size, [None] * size)
        self._turns = [0] * size

    def run(self, job: Callable[[int], T]) -> list[T]:
        """job(rank) in every thread; their results by rank. An exception in one of them reaches the caller."""
        futures: list[Future[T]] = [
            self._others.submit(copy_context().run, self._guarded, job, rank) for rank in range(1, self.size)
        ]
        ends: list[Any] = []
        try:
            ends.append(self._guarded(job, 0))
        except BaseException as error:
            ends.append(error)
        for future in futures:
            ends.append(future.exception() or future.result())
        errors = [end for end in ends if isinstance(end, BaseException)]
        if errors:
            self._barrier.reset()
            self._turns = [0] * self.size
            # Threads that waited for the one that failed have failed for it.
            raise next((error for error in errors if not isinstance(error, BrokenBarrierError)), errors[0])
        return ends

    def gather(self, rank: int, value: T) -> list[T]:
        """The values of all threads, by rank; every thread has to come, and in the same order of calls."""
        # Two sets of places in turn: who gives the next value has met all others, who then have seen the one before.
        self._turns[rank] ^= 1
        given = self._given[self._turns[rank]]
        given[rank] = value
        self._barrier.wait()
        return list(given)

    def close(self) -> None:
        """Let the threads go."""
        self._others.shutdown()

    def _guarded(self, job: Callable[[int], T], rank: int) -> T:
        try:
            return job(rank)
        except BaseException:
            self._barrier.abort()
            raise


def suits(*networks: Layer) -> bool:
    """Is a team faster than a threaded BLAS for these networks, and does it compute the same?

    There are convolutions, nothing draws random numbers, and there is no hidden fully connected layer: its product
    reads all of its weights for however few rows.
    """
    layers = [layer for network in networks for layer in walk(network)]
    convolutions = any(isinstance(layer, Conv2d | ConvTranspose2d) for layer in layers)
    hidden = any(isinstance(layer, Linear) and min(layer.weight.shape) >= HIDDEN for layer in layers)
    return convolutions and not hidden and not any(isinstance(layer, Dropout) for layer in layers)


def walk(layer: Layer) -> Iterator[Layer]:
    """The layer and all layers inside it."""
    yield layer
    for value in vars(layer).values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, Layer):
                yield from walk(part)

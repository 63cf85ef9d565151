"""The team: threads that do the same at the same time, each with its own part, and exchange values.

NumPy leaves Python's lock while it computes, and layers keep nothing between calls: so threads can run the same layers
at the same time, each on its rows, with BLAS at one thread each. A threaded BLAS would share the products alone, and
its idle threads spin: beside another busy program it was seen to make a step eight times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

T = TypeVar("T")


class Circle:
    """`size` threads that meet: each brings a value, and leaves with everybody's."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._barrier = Barrier(size)
        self._given: tuple[list[Any], list[Any]] = ([None] * size, [None] * size)
        self._turns = [0] * size

    def gather(self, rank: int, value: T) -> list[T]:
        """The values of all threads, by rank; every thread has to come, and in the same order of calls."""
        # Two sets of places in turn: who gives the next value has met all others, who then have seen the one before.
        self._turns[rank] ^= 1
        given = self._given[self._turns[rank]]
        given[rank] = value
        self._barrier.wait()
        return list(given)

    def abandon(self) -> None:
        """Whoever waits, or comes, gets BrokenBarrierError: somebody will never come."""
        self._barrier.abort()

    def mend(self) -> None:
        """Begin again where it was abandoned: whoever is late for the old barrier is to find it broken."""
        if self._barrier.broken:
            self._barrier, self._turns = Barrier(self.size), [0] * self.size


class Team:
    """`size` threads, the caller's one of them, that run the same function at the same time.

    They meet in `circle`; a part of them can meet in a circle of its own, made by `part`.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a team has at least 1 thread, got {size}")
        self.size = size
        self._others = ThreadPoolExecutor(max(1, size - 1), "team")
        self._circles: list[Circle] = []
        self.circle = self.part(size)

    def part(self, size: int) -> Circle:
        """A circle for `size` of the threads, which is abandoned when any thread of the team fails."""
        self._circles.append(Circle(size))
        return self._circles[-1]

    def run(self, job: Callable[[int], T]) -> list[T]:
        """job(rank) in every thread; their results by rank. An exception in one of them reaches the caller."""
        for circle in self._circles:
            circle.mend()
        futures: list[Future[T]] = []
        ends: list[Any] = []
        try:
            for rank in range(1, self.size):
                futures.append(self._others.submit(copy_context().run, self._guarded, job, rank))
            ends.append(job(0))
        except BaseException as error:  # a second Ctrl-C too, between any two lines
            self._abandon()
            ends.append(error)
        for future in futures:
            ends.append(future.exception() or future.result())
        errors = [end for end in ends if isinstance(end, BaseException)]
        if errors:
            # Threads that waited for the one that failed have failed for it.
            raise next((error for error in errors if not isinstance(error, BrokenBarrierError)), errors[0])
        return ends

    def close(self) -> None:
        """Let the threads go."""
        self._others.shutdown()

    def _guarded(self, job: Callable[[int], T], rank: int) -> T:
        try:
            return job(rank)
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        for circle in self._circles:
            circle.abandon()

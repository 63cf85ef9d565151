"""Team: threads that run the same function at the same time, each on its own part, and exchange values.

NumPy releases Python's lock while it computes, and layers keep nothing between calls: so threads can run the same
layers at the same time, each on its rows, with BLAS at one thread each. A threaded BLAS would share the products alone,
and its idle threads wait in a loop: beside another busy program it was seen to make a step eight times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Exchange:
    """Where `size` threads exchange values: each gives one, and gets those of all."""

    forked = False  # has every member its own copy of everything?

    def __init__(self, size: int) -> None:
        self.size = size
        self._barrier = Barrier(size)
        self._values: tuple[list[Any], list[Any]] = ([None] * size, [None] * size)
        self._turns = [0] * size

    def gather(self, rank: int, value: T) -> list[T]:
        """The values of all threads, by rank; every thread has to call this, and in the same order of calls."""
        # Two lists in turn: a thread that gives its next value has met all others, which then have read the last list.
        self._turns[rank] ^= 1
        values = self._values[self._turns[rank]]
        values[rank] = value
        self._barrier.wait()
        return list(values)

    def abort(self) -> None:
        """Whoever waits here, or comes later, gets BrokenBarrierError: one of the threads has failed."""
        self._barrier.abort()

    def reset(self) -> None:
        """Start again after `abort`, with a new barrier: a thread that is late still finds the old one broken."""
        if self._barrier.broken:
            self._barrier, self._turns = Barrier(self.size), [0] * self.size


class Team:
    """`size` threads, one of them the caller's, that run the same function at the same time.

    All of them exchange values in `exchange`; some of them can in one of their own, made by `exchange_of`. One function
    runs at a time: a second thread that calls `run` waits.

    ranks    of the members that belong to this process: all
    halves   can each half of the members compute something of its own?
    """

    kind = "threads"

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a team has at least 1 thread, got {size}")
        self.size, self.ranks, self.halves = size, range(size), size % 2 == 0
        self._others = ThreadPoolExecutor(max(1, size - 1), "team")
        self._running = Lock()
        self._exchanges: list[Exchange] = []
        self.exchange = self.exchange_of(size)

    def exchange_of(self, size: int) -> Exchange:
        """An exchange of `size` of the threads, which is aborted when any thread of the team fails."""
        self._exchanges.append(Exchange(size))
        return self._exchanges[-1]

    def run(self, job: Callable[[int], T]) -> list[T]:
        """job(rank) in every thread; their results by rank. An exception in one of them reaches the caller."""
        with self._running:
            return self._run(job)

    def close(self) -> None:
        """End the threads."""
        self._others.shutdown()

    def _run(self, job: Callable[[int], T]) -> list[T]:
        for exchange in self._exchanges:
            exchange.reset()
        futures: list[Future[T]] = []
        ends: list[Any] = []
        try:
            for rank in range(1, self.size):
                futures.append(self._others.submit(copy_context().run, self._guarded, job, rank))
            ends.append(job(0))
        except BaseException as error:  # a second Ctrl-C too, between any two lines
            self._abort()
            ends.append(error)
        for future in futures:
            ends.append(future.exception() or future.result())
        errors = [end for end in ends if isinstance(end, BaseException)]
        if errors:
            # Threads that waited for the one that failed have failed because of it.
            raise next((error for error in errors if not isinstance(error, BrokenBarrierError)), errors[0])
        return ends

    def _guarded(self, job: Callable[[int], T], rank: int) -> T:
        try:
            return job(rank)
        except BaseException:
            self._abort()
            raise

    def _abort(self) -> None:
        for exchange in self._exchanges:
            exchange.abort()

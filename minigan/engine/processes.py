"""Processes: a team without a common lock. Every process plays the whole turn, and computes its own rows.

Python's threads share one lock: a step of small networks is a thousand short NumPy calls, each of which returns through
it, and a second thread gains nothing. A forked process has a lock of its own. It has the networks, the data and the
random generators as they were at the fork, and plays the same turns from then on; what it lacks, outputs and gradients
of the other rows, comes by `Mailboxes`. All sums run in the order of the ranks, as in a `Team`: the same bits.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from typing import Any, NoReturn, TypeVar

import numpy as np

from minigan.engine.mailboxes import Mailboxes

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = 2000  # bytes of the reason that a process leaves when it fails


def possible() -> bool:
    """Linux with semaphores, and not inside a notebook's kernel, whose other threads a fork would cut off."""
    if sys.platform != "linux" or "ipykernel" in sys.modules:
        return False
    try:
        get_context("fork").Semaphore(0)
    except (ImportError, OSError):  # a container without /dev/shm
        return False
    return True


class Lost(RuntimeError):
    """A process of the team has ended before its time."""


class Processes:
    """`size` processes, one of them the caller's, that play the same turns at the same time.

    `start` forks them, `begin` is called by all before each turn, `stop` ends them. Inside a turn (`active`), `run` and
    `exchange` are those of a `Team`; outside, each process is alone.

    room     bytes of the longest value that they exchange
    ranks    of the members that belong to this process: one
    halves   can each half of the members compute something of its own?
    """

    kind = "processes"

    def __init__(self, size: int, room: int) -> None:
        self.size, self.rank, self.active, self.halves = size, 0, False, size == 2
        self.exchange = Mailboxes(size, room, self._waiting)
        self._parent = os.getpid()
        self._others: dict[int, int] = {}  # rank -> process number; in the first process alone
        self._reasons = mmap.mmap(-1, size * MESSAGE)

    def start(self, follow: Callable[[], None]) -> None:
        """Fork the others: each calls `follow`, which plays the turns that this process plays, and ends."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.exchange.reset()
        self._reasons[:] = bytes(len(self._reasons))
        self._parent = os.getpid()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # no process is started and not noted
        try:
            for rank in range(1, self.size):
                number = self._fork()
                if number == 0:
                    self._be(rank, follow)
                self._others[rank] = number
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    @property
    def ranks(self) -> tuple[int, ...]:
        return (self.rank,)

    def begin(self, name: str, state: np.ndarray) -> None:
        """A turn begins, in all processes; it ends with `active = False`. They have to agree on its name and on
        `state`, numbers that describe what the turn starts from; Lost where they do not."""
        if not all(map(partial(_alike, (name, state)), self.exchange.gather(self.rank, (name, state)))):
            raise Lost(
                "the processes that share this run differ, because a turn was left out, or a weight or learning rate "
                "was changed between two turns; play each turn once, or use threads: Trainer(..., fork=False)"
            )
        self.active = True

    def run(self, job: Callable[[int], T]) -> list[T]:
        """job(rank) of every process; their results by rank. What a job does beyond its result stays in its process."""
        if not self.active:
            raise Lost("a network of several processes was called outside of a turn, where each of them is alone")
        return self.exchange.gather(self.rank, job(self.rank))

    def exchange_of(self, size: int) -> Any:
        """The exchange of a process alone: half of two."""
        if size != 1:
            raise ValueError(f"{size} of {self.size} processes cannot exchange values among themselves")
        return Alone()

    def stop(self) -> None:
        """End the other processes, wherever they are: they have nothing to lose."""
        self.active = False
        for number in self._others.values():
            os.kill(number, signal.SIGKILL)
        for number in self._others.values():
            os.waitpid(number, 0)
        self._others = {}

    def _fork(self) -> int:
        with warnings.catch_warnings():
            # Python warns of threads that a fork cuts off; those of BLAS and of progress bars bear it.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                return os.fork()
            except OSError as error:
                raise OSError(
                    error.errno, f"no further process can be started ({error.strerror}); --no-fork"
                ) from error

    def _be(self, rank: int, follow: Callable[[], None]) -> NoReturn:
        """The life of another process. It writes nothing and returns nowhere."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the first process, which ends the others
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self.rank, self._others = rank, {}
            follow()
            code = 0
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}".encode()[:MESSAGE]
            self._reasons[rank * MESSAGE : rank * MESSAGE + len(reason)] = reason
        finally:
            os._exit(code)

    def _waiting(self) -> None:
        """While a process waits: are the others alive?"""
        if self.rank > 0:
            if os.getppid() != self._parent:
                os._exit(1)
            return
        for rank in list(self._others):
            if self._ended(rank):
                raise self._failure(rank)

    def _ended(self, rank: int) -> bool:
        """Has this process ended? Then it is forgotten."""
        number, status = os.waitpid(self._others[rank], os.WNOHANG)
        if number == 0:
            return False
        del self._others[rank]
        self._status = status
        return True

    def _failure(self, rank: int) -> Exception:
        """The exception that reports the end of a process."""
        reason = self._reasons[rank * MESSAGE : (rank + 1) * MESSAGE].rstrip(b"\0").decode(errors="replace")
        if reason.startswith("MemoryError"):
            return MemoryError(reason)
        code = os.waitstatus_to_exitcode(self._status)
        how = reason or (f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}")
        return Lost(f"process {rank} of the {self.size} that compute this run has ended: {how}")


def _alike(expected: tuple[str, np.ndarray], received: Any) -> bool:
    """Does another process begin the same turn from the same state? One that is inside a turn sends other values."""
    if not (isinstance(received, tuple) and len(received) == 2 and isinstance(received[0], str)):
        return False
    return received[0] == expected[0] and np.array_equal(received[1], expected[1], equal_nan=True)


class Alone:
    """The exchange of one process, or thread, with itself."""

    size, forked = 1, True

    def gather(self, rank: int, value: T) -> list[T]:
        return [value]

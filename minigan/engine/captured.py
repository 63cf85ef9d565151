"""Captured: a step that is recorded once into a CUDA graph, and then started by one launch.

A step of a small network is a hundred small kernels, and Python needs longer to start one than the GPU to run it. A
graph holds them all. What it asks of the step: the same work every time, on the same arrays; nothing that waits for the
GPU or comes from the host; and memory that nobody else is given, which is why the graph has a pool of its own. A step
that asks for more than that runs as before, and `why_not` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
WARM_UP = 2  # steps in front of the recorded one: kernels are compiled, libraries loaded, the pool has its memory


class Books(Protocol):
    """What Python keeps of a run: whole numbers that a step moves, such as updates made and batches seen."""

    def open(self) -> None:
        """Before a step: bring to the device what it does not know yet, such as a new learning rate."""

    def read(self) -> Mapping[str, int]:
        """The numbers."""

    def write(self, numbers: Mapping[str, int]) -> None:
        """Set them back: the step that moved them was recorded and not made."""

    def advance(self, moves: Mapping[str, int]) -> None:
        """Move them as a step moved them that is now being replayed."""


class Captured(Generic[T]):
    """`step` as one launch, from its third call on: the same numbers, to the last bit.

    step      makes one step and returns arrays, in which its results are found again after every replay
    books     the numbers that Python counts in a step: a replay moves them as the recorded step did
    cuda      CuPy's `cuda`, or what stands for it
    why_not   why the step cannot be recorded, in words; None while it can

    The first calls are steps like all others, made on a stream at the side. Nothing that is recorded is executed by
    that, so a recording that fails leaves every array as it was; the books are set back, and the step is made again.
    Replays go to the caller's stream.
    """

    def __init__(self, step: Callable[[], T], books: Books, cuda: Any) -> None:
        self.step, self.books, self.why_not = step, books, None
        self._cuda, self._warm = cuda, 0
        self._stream, self._pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
        self._graph: Any = None
        self._moves: dict[str, int] = {}
        self._result: Any = None

    step: Callable[[], T]
    why_not: str | None

    def __call__(self) -> T:
        """Make one step."""
        self.books.open()
        if self._graph is None and self.why_not is None:
            if self._warm < WARM_UP:
                self._warm += 1
                return self._aside(self.step)
            self._record()
        if self._graph is None:
            return self.step()
        self._graph.launch(self._cuda.get_current_stream())
        self.books.advance(self._moves)
        return self._result

    def _aside(self, work: Callable[[], Any]) -> Any:
        """Do it on our stream with our memory, after all that came before it and before all that comes after."""
        self._cuda.get_current_stream().synchronize()
        with self._stream, self._cuda.using_allocator(self._pool.malloc):
            done = work()
        self._stream.synchronize()
        return done

    def _record(self) -> None:
        before = dict(self.books.read())
        try:
            self._result, self._graph = self._aside(self._capture)
            self._moves = {name: n - before[name] for name, n in self.books.read().items()}
        except (RuntimeError, MemoryError) as error:
            self.why_not = f"{error or type(error).__name__}"
            del self._stream, self._pool
        self.books.write(before)
        self.books.open()

    def _capture(self) -> Any:
        self._stream.begin_capture()
        try:
            result = self.step()
        except BaseException:
            with suppress(RuntimeError):  # the capture may be void already; what matters is the first error
                self._stream.end_capture()
            raise
        return result, self._stream.end_capture()

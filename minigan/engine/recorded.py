"""Recorded: the turns of a step as launches of CUDA graphs.

A turn of a small network is a hundred small kernels, and Python needs longer to start one than the GPU to run it. A
graph holds them all. What it asks of the turn: the same work every time, on the same arrays; nothing that waits for the
GPU or comes from the host; and memory that is used for nothing else, which is why the graph has a pool of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

import numpy as np

from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import System, Turn

T = TypeVar("T")
WARM_UP = 2  # calls before the recorded one: kernels are compiled, libraries loaded, the pool has its memory


class Books:
    """The whole numbers that Python keeps of a run and that a turn moves: updates, batches, counts of the objective."""

    def __init__(self, system: System, draw: Draw) -> None:
        self.system, self.draw = system, draw

    def open(self) -> None:
        """Before a turn: bring learning rates and counts to the GPU where they are not what it counts by."""
        for player in self.system.players.values():
            player.optimizer.on_device()

    def read(self) -> dict[str, int]:
        """All numbers."""
        seen = {f"seen/{name}": n for name, n in self.draw.seen.items()}
        return seen | self.system.counts() | {name: int(array) for name, array in self._counted().items()}

    def write(self, numbers: Mapping[str, int]) -> None:
        """Set them back: the turn that moved them was recorded and not made."""
        self.draw.seen.update({name: numbers[f"seen/{name}"] for name in self.draw.seen})
        self.system.set_counts(numbers)
        for name, array in self._counted().items():
            array[...] = numbers[name]

    def advance(self, moves: Mapping[str, int]) -> None:
        """Move them as a turn moved them that is now being replayed: optimizers count for themselves, and for their
        averages."""
        for name, player in self.system.players.items():
            for _ in range(moves[f"{name}_optimizer"]):
                player.optimizer.count()
        counts = self.system.counts().keys()
        counted = self.read()
        self.write(counted | {name: counted[name] + n for name, n in moves.items() if name not in counts})

    def _counted(self) -> dict[str, np.ndarray]:
        """The integers among what the system saves, which stay on the host."""
        return {
            f"saved/{name}": array
            for name, array in self.system.saved().items()
            if isinstance(array, np.ndarray) and array.dtype.kind == "i"
        }


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
            self.why_not = str(error) or type(error).__name__
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


class Recorded:
    """The turns of a run as graphs, one for each name and form of a turn.

    All turns are recorded, or none: where one cannot be, `say` is called once with the reason, and from then on they
    are all played operation by operation.
    """

    def __init__(self, system: System, draw: Draw, cuda: Any, say: Callable[[str], object]) -> None:
        self._books, self._draw, self._cuda, self._say = Books(system, draw), draw, cuda, say
        self._graphs: dict[tuple[str, int], Captured[Any]] = {}
        self.why_not: str | None = None

    def play(self, turn: Turn, step: int, part: int) -> Outcome:
        """One turn, as `begin` and `play` make it."""

        def whole() -> tuple[Outcome, Any]:
            self._draw.begin(step, part)
            return turn.play(self._draw), self._draw.last_noise

        if self.why_not is not None:
            return whole()[0]
        key = turn.name, turn.form()
        if key not in self._graphs:
            self._graphs[key] = Captured(whole, self._books, self._cuda)
        graph = self._graphs[key]
        outcome, self._draw.last_noise = graph()  # a replay has put new numbers into the arrays of the recording
        if graph.why_not is not None:
            self.why_not = graph.why_not
            self._graphs.clear()
            self._say(f"steps are launched operation by operation, because they cannot be recorded: {self.why_not}")
        return outcome

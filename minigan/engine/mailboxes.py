"""Mailboxes: shared memory in which the processes of one fork exchange arrays."""

from __future__ import annotations

import marshal
import mmap
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")

HEAD = 8  # bytes at the beginning of a message: the length of its description
ALIGNED = 64  # every array in a message begins at a multiple of so many bytes
SPINS = 1000  # looks at a semaphore, about 0.2 ms: most waits end before, and a process need not be woken
PATIENCE = 0.2  # seconds between two looks at whether the others are alive
KNOWN = 1000  # layouts that are remembered


class Layout(NamedTuple):
    """Where a message of one description lies in one mailbox: the description in bytes, and a view for each array."""

    description: tuple[Any, ...]
    head: np.ndarray
    arrays: list[np.ndarray]


class Mailboxes:
    """Where `size` processes exchange values: each gives one, and gets those of all, as threads do in an `Exchange`.

    It is made before the fork, and every process calls it with its own rank. A value is an array, or a tuple, list,
    dict, number, string or None with arrays in it. Arrays that come from another process are new ones.

    room     bytes of the longest message; what no message touches takes no memory
    waiting  called again and again while a process waits: it raises where waiting is in vain
    """

    forked = True

    def __init__(self, size: int, room: int, waiting: Callable[[], None]) -> None:
        self.size, self.waiting = size, waiting
        memory = mmap.mmap(-1, 2 * size * _aligned(room))  # without a name: it is gone with the last process
        self._boxes = np.frombuffer(memory, np.uint8).reshape(2, size, -1)
        self._layouts: dict[tuple[int, int, Any], Layout] = {}  # by half, rank and description
        self.reset()

    def reset(self) -> None:
        """Begin anew, before a fork."""
        semaphore = get_context("fork").Semaphore
        self._arrived = [[semaphore(0) for _ in range(self.size)] for _ in range(self.size)]
        self._half = 0

    def gather(self, rank: int, value: T) -> list[T]:
        """The values of all processes, by rank; every process has to call this, and in the same order of calls."""
        # Two halves in turn: a process that writes again has met all others, which then have read the last value.
        self._half ^= 1
        self._write(rank, value)
        others = [other for other in range(self.size) if other != rank]
        for other in others:
            self._arrived[rank][other].release()
        for other in others:
            self._wait(self._arrived[other][rank])
        return [value if other == rank else self._read(other) for other in range(self.size)]

    def _wait(self, semaphore: Any) -> None:
        for _ in range(SPINS):
            if semaphore.acquire(False):
                return
        while not semaphore.acquire(True, PATIENCE):
            self.waiting()

    def _write(self, rank: int, value: Any) -> None:
        arrays: list[np.ndarray] = []
        description = _described(value, arrays)
        layout = self._layouts.get((self._half, rank, description))
        if layout is None:
            layout = self._lay_out(rank, description, marshal.dumps(description), description)
        box = self._boxes[self._half, rank]
        box[:HEAD].view(np.int64)[0] = len(layout.head)
        box[HEAD : HEAD + len(layout.head)] = layout.head
        for target, array in zip(layout.arrays, arrays, strict=True):
            np.copyto(target, array)

    def _read(self, rank: int) -> Any:
        box = self._boxes[self._half, rank]
        head = box[HEAD : HEAD + int(box[:HEAD].view(np.int64)[0])].tobytes()
        layout = self._layouts.get((self._half, rank, head))
        if layout is None:
            layout = self._lay_out(rank, head, head, marshal.loads(head))
        return _built(layout.description, iter(layout.arrays))

    def _lay_out(self, rank: int, key: Any, head: bytes, description: tuple[Any, ...]) -> Layout:
        box, at, views = self._boxes[self._half, rank], _aligned(HEAD + len(head)), []
        for dtype, shape in _arrays(description):
            end = at + np.dtype(dtype).itemsize * int(np.prod(shape))
            if end > len(box):
                raise MemoryError(f"a message between processes takes {end:,} bytes of {len(box):,}; use threads")
            views.append(box[at:end].view(dtype).reshape(shape))
            at = _aligned(end)
        if len(self._layouts) >= KNOWN:
            self._layouts.clear()
        layout = self._layouts[self._half, rank, key] = Layout(description, np.frombuffer(head, np.uint8), views)
        return layout


def _described(value: Any, arrays: list[np.ndarray]) -> tuple[Any, ...]:
    """The form from which `_built` makes the value again; its arrays are appended to `arrays`."""
    kind = type(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        arrays.append(value)
        return "array", value.dtype.str, value.shape
    if kind is dict:
        return "dict", tuple([(name, _described(item, arrays)) for name, item in value.items()])
    if kind is tuple or kind is list:
        return kind.__name__, tuple([_described(item, arrays) for item in value])
    return "plain", value


def _arrays(description: tuple[Any, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Type and shape of every array, in order."""
    kind, *content = description
    if kind == "array":
        yield content[0], content[1]
    elif kind != "plain":
        for item in content[0]:
            yield from _arrays(item[1] if kind == "dict" else item)


def _built(description: tuple[Any, ...], arrays: Iterator[np.ndarray]) -> Any:
    """The value, with copies of the arrays."""
    kind = description[0]
    if kind == "array":
        return next(arrays).copy()
    if kind == "plain":
        return description[1]
    if kind == "dict":
        return {name: _built(item, arrays) for name, item in description[1]}
    items = [_built(item, arrays) for item in description[1]]
    return tuple(items) if kind == "tuple" else items


def _aligned(n: int) -> int:
    return -(-n // ALIGNED) * ALIGNED

"""A GPU without a GPU that has streams, CUDA graphs and memory pools: what is recorded runs when the graph is launched.

Arrays are in memory that this machine hands out. Outside a capture an operation runs at once.
While a stream captures none runs: its result is memory whose numbers mean nothing yet, and the operation joins the
graph, which has addresses and no arrays, as CUDA's does. Memory that nobody holds goes back to its pool and is handed
out again: a graph whose memory came from everybody's pool writes into other people's arrays at its next launch.
Refused while a stream captures is what CuPy 14 refuses: copies from and to the host, waits, its own calls of cuBLAS,
cuSOLVER and cuRAND, and sorting.
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Device
from minigan.kernels import cuda, general
from minigan.kernels.cuda import launch
from minigan.kernels.cuda.launch import Backend
from support import strict
from support.strict import StrictArray

LIBRARIES = frozenset({"matmul", "dot", "tensordot", "einsum", "inner", "outer", "vdot"})
SOLVERS = frozenset({"cholesky", "eigh", "eigvalsh", "inv", "qr", "solve", "svd"})
SORTS = frozenset({"argsort", "lexsort", "sort", "partition", "argpartition"})
MANY = 8  # arrays that CuPy concatenates one by one; for more it sends their addresses from the host
IN_PLACE = frozenset({"fill"})
EMPTY = frozenset({"empty", "empty_like"})

_machine: ContextVar[Gpu] = ContextVar("machine")


class Pool:
    """cupy.cuda.MemoryPool: memory that was given back is handed out again, to whoever asks next."""

    def __init__(self) -> None:
        self.free: dict[int, list[np.ndarray]] = {}
        self.handed_out = 0

    def malloc(self, size: int) -> Block:
        """Memory of `size` bytes, all bits set where it is new: NaN."""
        self.handed_out += 1
        waiting = self.free.get(size)
        raw = waiting.pop() if waiting else np.full(size, 255, np.uint8)
        block = Block(raw)
        weakref.finalize(block, self.free.setdefault(size, []).append, raw)
        return block


class Block:
    """Memory in use: arrays hold it as their base, and it goes back to its pool when none does."""

    def __init__(self, raw: np.ndarray) -> None:
        self.raw = raw
        self.__array_interface__ = raw.__array_interface__


class Graph:
    """cupy.cuda.Graph."""

    def __init__(self, nodes: list[Callable[[], Any]]) -> None:
        self.nodes, self.launches = nodes, 0

    def launch(self, stream: Stream | None = None) -> None:
        self.launches += 1
        for node in self.nodes:
            node()


class Stream:
    """cupy.cuda.Stream."""

    def __init__(self, machine: Gpu, null: bool = False) -> None:
        self.machine, self.null = machine, null
        self._before: list[Stream] = []

    def __enter__(self) -> Stream:
        self._before.append(self.machine.current)
        self.machine.current = self
        return self

    def __exit__(self, *error: object) -> None:
        self.machine.current = self._before.pop()

    def begin_capture(self, mode: int | None = None) -> None:
        if self.null:
            raise RuntimeError("cannot capture on the default stream")
        self.machine.nodes, self.machine.broken = [], False

    def end_capture(self) -> Graph:
        nodes, broken = self.machine.nodes, self.machine.broken
        self.machine.nodes = None
        if nodes is None or broken:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated: operation failed due to a previous error")
        self.machine.graphs.append(Graph(nodes))
        return self.machine.graphs[-1]

    def synchronize(self) -> None:
        self.machine.wait("synchronize()")


class Gpu:
    """The machine, and what its `cupy.cuda` has. `waits` names every wait for it; `graphs` are those recorded."""

    def __init__(self, kernels: Backend | None = None) -> None:
        self._kernels, self.type = kernels, GpuArray if kernels is None else KernelArray
        self.nodes: list[Callable[[], Any]] | None = None  # of the graph being recorded
        self.broken = False
        self.graphs: list[Graph] = []
        self.waits: list[str] = []
        self.null = Stream(self, null=True)
        self.current = self.null
        self.everybodys = Pool()
        self._allocate: Callable[[int], Block] = self.everybodys.malloc

    # cupy.cuda

    def Stream(self, null: bool = False, non_blocking: bool = False) -> Stream:
        return Stream(self, null)

    MemoryPool = Pool

    def get_current_stream(self) -> Stream:
        return self.current

    @contextmanager
    def using_allocator(self, allocate: Callable[[int], Block]) -> Iterator[None]:
        before, self._allocate = self._allocate, allocate
        try:
            yield
        finally:
            self._allocate = before

    # the machine

    def wait(self, what: str) -> None:
        if self.nodes is not None:
            self.refuse(RuntimeError(f"{what}: the current stream is capturing, so synchronization is not allowed"))
        self.waits.append(what)

    def refuse(self, error: Exception) -> None:
        self.broken = self.broken or not isinstance(
            error, NotImplementedError
        )  # what CuPy itself refuses harms nothing
        raise error

    def do(self, work: Callable[[], Any]) -> None:
        """An operation: now, or at every launch of the graph being recorded."""
        if self.nodes is None:
            work()
        else:
            self.nodes.append(work)

    def memory(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of fresh memory."""
        size = max(math.prod(shape), 1) * dtype.itemsize
        return np.asarray(self._allocate(size)).view(dtype)[: math.prod(shape)].reshape(shape)

    def array(self, x: np.ndarray) -> GpuArray:
        """A copy of a host array."""
        if self.nodes is not None:
            self.refuse(RuntimeError("the current stream is capturing: no copies from the host"))
        host = self.memory(x.shape, x.dtype)
        host[...] = x
        return self.type(host)

    def run(
        self, source: Path, name: str, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared: int
    ) -> None:
        """A hand-written kernel (the launch backend)."""
        assert self._kernels is not None
        there = tuple(KernelArray(address(a._host)) if isinstance(a, GpuArray) else a for a in args)
        self.do(lambda: self._kernels.run(source, name, grid, block, there, shared))  # type: ignore[union-attr]

    def kernel(self, work: Callable[..., Any], *args: Any) -> None:
        """A kernel as a function on the arrays inside: written down here, where no text of its own can run."""
        there = [address(a._host) if isinstance(a, GpuArray) else a for a in args]
        self.do(lambda: work(*there))


class GpuArray(StrictArray):
    """An array on this machine, for which the kernels' formulas are CuPy calls."""

    __slots__ = ()

    def _compute(self, name: str, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
        machine, call = _machine.get(), None
        if machine.nodes is not None:
            _refuse_what_cupy_refuses(machine, name, args)
            call = _by_address(function, args, kwargs)
        if kwargs.get("out") is not None or name in IN_PLACE:
            machine.do(call or (lambda: function(*args, **kwargs)))
            return kwargs.get("out")
        here = [*args, *kwargs.values(), getattr(function, "__self__", None)]
        result = function(*args, **kwargs) if machine.nodes is None else _tried(function, args, kwargs)
        if isinstance(result, list | tuple):
            return [self._own(machine, np.asarray(part), None, here) for part in result]
        if not isinstance(result, np.ndarray | np.generic):
            return result
        return self._own(machine, np.asarray(result), None if name in EMPTY else call, here)

    def _own(self, machine: Gpu, result: np.ndarray, call: Callable[[], Any] | None, here: list[Any]) -> np.ndarray:
        """The result in this machine's memory; a view of what is there already stays one."""
        if any(np.may_share_memory(result, other) for part in here for other in _arrays(part)):
            return result
        fresh = machine.memory(result.shape, result.dtype)
        if machine.nodes is None:
            fresh[...] = result
            return fresh
        to = address(fresh)
        if call is not None:
            machine.do(lambda: np.copyto(to, call()))
        elif to.dtype.kind == "f":
            machine.do(lambda: to.fill(np.nan))  # uninitialised at every launch
        return fresh

    def __deepcopy__(self, memo: dict[int, Any]) -> GpuArray:
        return self.copy()

    def __getitem__(self, key: Any) -> GpuArray:
        if not any(
            isinstance(part, np.ndarray | list | GpuArray) for part in (key if isinstance(key, tuple) else (key,))
        ):
            return super().__getitem__(key)
        _refuse_indices_from_the_host(key)
        opened = tuple(
            _machine.get().array(np.asarray(part))._host if isinstance(part, np.ndarray | list) else part
            for part in strict._index(key)
        )
        return self._wrap(self._compute("getitem", operator.getitem, [self._host, opened], {}))

    def __setitem__(self, key: Any, value: Any) -> None:
        _refuse_indices_from_the_host(key)
        super().__setitem__(key, value)

    def _store(self, key: tuple[Any, ...], value: Any) -> None:
        machine = _machine.get()
        if machine.nodes is None:
            self._host[key] = value
        else:
            to, at, what = address(self._host), _there(key), _there(value)
            machine.do(lambda: to.__setitem__(at, what))

    def set(self, host: np.ndarray) -> None:
        machine = _machine.get()
        if machine.nodes is not None:
            machine.refuse(RuntimeError("the current stream is capturing: no copies from the host"))
        super().set(host)


class KernelArray(GpuArray):
    """An array on this machine, for which there are hand-written kernels."""

    __slots__ = ()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._host.__array_interface__, "version": 3}


class FakeDevice(Device):
    """`cuda:0` on this machine."""

    def asarray(self, x: Any) -> Any:
        return x if isinstance(x, GpuArray) else _machine.get().array(np.asarray(x))

    def use(self) -> None:
        """It is the only one."""

    def cuda(self) -> Any:
        return _machine.get()


@contextmanager
def gpu(kernels: Backend | None = None) -> Iterator[Gpu]:
    """A machine, in whose memory the arrays inside are."""
    machine = Gpu(kernels)
    token, before = _machine.set(machine), launch.backend.set(machine)
    try:
        with strict._reporting_syncs_to(machine.wait):
            yield machine
    finally:
        launch.backend.reset(before)
        _machine.reset(token)


def address(host: np.ndarray) -> np.ndarray:
    """The same numbers by their address alone: what a graph keeps of an array does not keep its memory."""
    base: Any = host
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if not isinstance(base, Block):
        raise AssertionError("an array that is not in this machine's memory")
    offset = host.__array_interface__["data"][0] - base.raw.__array_interface__["data"][0]
    return np.ndarray(host.shape, host.dtype, base.raw, offset, host.strides)


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, list | tuple):
        return [part for part in value if isinstance(part, np.ndarray)]
    return [value] if isinstance(value, np.ndarray) else []


def _there(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return address(value)
    return type(value)(map(_there, value)) if isinstance(value, list | tuple) else value


def _by_address(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Callable[[], Any]:
    """The call as a graph keeps it."""
    owner = getattr(function, "__self__", None)
    bound = getattr(address(owner), function.__name__) if isinstance(owner, np.ndarray) else function
    there, named = [_there(value) for value in args], {name: _there(value) for name, value in kwargs.items()}
    return lambda: bound(*there, **named)


def _tried(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A result of the right type and shape, for inputs whose numbers mean nothing."""
    with np.errstate(all="ignore"):
        try:
            return function(*args, **kwargs)
        except IndexError:  # rows that are not known yet
            blank = [
                np.zeros_like(part) if isinstance(part, np.ndarray) and part.dtype.kind in "iu" else part
                for part in args
            ]
            return function(*blank, **kwargs)


def _refuse_indices_from_the_host(key: Any) -> None:
    machine = _machine.get()
    if machine.nodes is not None and any(
        isinstance(part, np.ndarray | list) for part in (key if isinstance(key, tuple) else (key,))
    ):
        machine.refuse(RuntimeError("the current stream is capturing: no indices from the host"))


def _refuse_what_cupy_refuses(machine: Gpu, name: str, args: list[Any]) -> None:
    if name in LIBRARIES:
        machine.refuse(NotImplementedError(f"cupy.{name} calls cuBLAS, which CuPy does not record"))
    if name in SOLVERS:
        machine.refuse(NotImplementedError(f"cupy.linalg.{name} calls cuSOLVER, which CuPy does not record"))
    if name in SORTS:
        machine.refuse(RuntimeError(f"cupy.{name} waits for the GPU: the current stream is capturing"))
    if name in ("concatenate", "stack") and len(args[0]) > MANY:
        machine.refuse(RuntimeError(f"cupy.{name} of many arrays copies from the host: the stream is capturing"))


def own_kernels(monkeypatch: Any) -> None:
    """Until the test ends, what a GPU has hand-written kernels for is one operation here, and can be recorded."""

    def own(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: _machine.get().kernel(function, *args)

    def matmul(a: Any, b: Any) -> Any:
        y = np.empty_like(a, shape=(len(a), b.shape[1]), order="C")
        _machine.get().kernel(lambda *there: np.matmul(*there[:2], out=there[2]), a, b, y)
        return y

    monkeypatch.setattr(general, "matmul", matmul)
    monkeypatch.setattr(cuda, "matmul", matmul)
    for name in ("draw_uniform", "draw_normal", "draw_rows", "tick"):
        monkeypatch.setattr(kernels, name, own(getattr(kernels, name)))

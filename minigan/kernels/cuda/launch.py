"""How a hand-written kernel is started: found by its name, its arguments checked, compiled when first asked for.

The kernels are the `extern "C" __global__` functions of `source/*.cu`. NVRTC, which comes with CuPy, compiles a file
the first time one of its kernels runs on a device. CUDA itself checks nothing: a Python float instead of a
float32, a slice instead of a contiguous array, and it reads elsewhere in memory. So all of it is checked here,
against the kernel's own text.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

SOURCES = Path(__file__).parent / "source"
HEAD = re.compile(r'extern "C" __global__ void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\(([^)]*)\)\s*\{')
TYPES: dict[str, np.dtype] = {
    "float": np.dtype("f4"),
    "int": np.dtype("i4"),
    "u32": np.dtype("u4"),
    "u64": np.dtype("u8"),
    "unsigned char": np.dtype("u1"),
}
PLENTY = 48 * 1024  # bytes of shared memory beyond which a kernel must be set up for it
Size = int | tuple[int, ...]


class Parameter(NamedTuple):
    """One parameter of a kernel, as its source declares it; a struct of the source's own has no dtype here."""

    name: str
    dtype: np.dtype | None
    pointer: bool


class Kernel(NamedTuple):
    """One kernel: its name, the file that holds it, and what it takes."""

    name: str
    source: Path
    parameters: tuple[Parameter, ...]


class Backend(Protocol):
    """Starts a checked kernel: a GPU, or in tests whatever can run its text."""

    def run(
        self,
        source: Path,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared: int,
    ) -> None: ...


class Nvrtc:
    """Starts kernels on CuPy's current device and stream."""

    def run(
        self,
        source: Path,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared: int,
    ) -> None:
        import cupy

        function = _compiled(source, name, cupy.cuda.runtime.getDevice())
        if shared > PLENTY:
            function.max_dynamic_shared_size_bytes = shared
        function(grid, block, args, shared_mem=shared)


GPU = Nvrtc()
backend: ContextVar[Backend] = ContextVar("backend")  # not set: the GPU


def launch(name: str, grid: Size, block: Size, *args: Any, shared: int = 0) -> None:
    """Run kernel `name` in `grid` blocks of `block` threads; `shared` is its dynamic shared memory in bytes.

    Arguments are contiguous GPU arrays (None: a null pointer) and NumPy scalars, each of exactly the type that the
    kernel declares, and for a struct an array of one record that lies in memory as the struct does; anything else
    raises TypeError. An empty grid has nothing to do.
    """
    kernel = kernels()[name]
    if len(args) != len(kernel.parameters):
        raise TypeError(f"{name} takes {len(kernel.parameters)} arguments, got {len(args)}")
    for value, parameter in zip(args, kernel.parameters, strict=True):
        if not _fits(value, parameter):
            raise TypeError(f"{name}: {parameter.name} must be {_wanted(parameter)}, got {_described(value)}")
    blocks = grid if isinstance(grid, tuple) else (grid,)
    threads = block if isinstance(block, tuple) else (block,)
    if 0 not in blocks:
        backend.get(GPU).run(kernel.source, name, blocks, threads, args, shared)


@cache
def kernels() -> dict[str, Kernel]:
    """Every kernel by its name."""
    kernels: dict[str, Kernel] = {}
    for path in sorted(SOURCES.glob("*.cu")):
        for name, parameters in HEAD.findall(path.read_text(encoding="utf-8")):
            if name in kernels:
                raise ValueError(f"kernel {name} is in {kernels[name].source.name} and again in {path.name}")
            kernels[name] = Kernel(name, path, tuple(map(_parameter, parameters.split(","))))
    return kernels


@cache
def _compiled(source: Path, name: str, device: int) -> Any:
    return _module(source, device).get_function(name)


@cache
def _module(source: Path, device: int) -> Any:
    import cupy

    return cupy.RawModule(code=source.read_text(encoding="utf-8"), options=("--std=c++17",))


def _parameter(text: str) -> Parameter:
    """The parameter that `const float* __restrict__ x` declares."""
    pointer = "*" in text
    *words, name = text.replace("__restrict__", " ").replace("__grid_constant__", " ").replace("*", " ").split()
    kind = " ".join(word for word in words if word != "const")
    if pointer and kind not in TYPES:
        raise TypeError(f"no array has the type of the parameter {text.strip()!r}")
    return Parameter(name, TYPES.get(kind), pointer)


def _fits(value: Any, parameter: Parameter) -> bool:
    if parameter.dtype is None:
        return isinstance(value, np.ndarray) and value.dtype.names is not None and value.size == 1
    if not parameter.pointer:
        return type(value) is parameter.dtype.type
    if value is None:
        return True
    return (
        hasattr(type(value), "__cuda_array_interface__") and value.dtype == parameter.dtype and value.flags.c_contiguous
    )


def _wanted(parameter: Parameter) -> str:
    if parameter.dtype is None:
        return "an array of one record"
    return f"a contiguous GPU array of {parameter.dtype}" if parameter.pointer else f"a numpy.{parameter.dtype}"


def _described(value: Any) -> str:
    if not hasattr(value, "flags") or not hasattr(value, "dtype"):
        return f"{type(value).__name__} {value!r}"
    where = "GPU" if hasattr(type(value), "__cuda_array_interface__") else "host"
    contiguous = "contiguous" if value.flags.c_contiguous else "scattered"
    return f"{contiguous} {where} {type(value).__name__} of {value.dtype}"

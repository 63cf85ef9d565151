"""Runs the kernels' own texts on the CPU: `g++` compiles each `.cu` file after `cuda_shim.h`."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigan.kernels.cuda.launch import HEAD

HEADER = Path(__file__).with_name("cuda_shim.h")
BY_VALUE = re.compile(r"const __grid_constant__ (\w+) (\w+)")
DYNAMIC = re.compile(r"extern __shared__ ([\w ]+?) (\w+)\[\];")
ERRORS = {1: "threads of one block wait at different __syncthreads()"}
GXX = shutil.which("g++")


class Shim:
    """A launch backend that needs no GPU; arrays are anything whose `__cuda_array_interface__` has a host address.

    folder: where compiled files go, to be found again. change: applied to each source, to see what a mistake does.
    Threads run in an order that differs from launch to launch, and is the same in every run of the tests.
    """

    def __init__(self, folder: Path, change: Callable[[str], str] = lambda text: text) -> None:
        self._folder, self._change = folder, change
        self._libraries: dict[Path, ctypes.CDLL] = {}
        self._seeds = itertools.count(1)
        self.ran: list[str] = []

    def run(
        self,
        source: Path,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared: int,
    ) -> None:
        if source not in self._libraries:
            self._libraries[source] = ctypes.CDLL(str(self._compile(source)))
        threads = 1
        for size in block:
            threads *= size
        if threads > 1024 or any(size > 65535 for size in grid[1:]):
            raise ValueError(f"{name}: no GPU takes a grid of {grid} blocks of {block} threads")
        sizes = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block)), shared, next(self._seeds)]
        function = getattr(self._libraries[source], f"shim_{name}")
        error = function(*map(ctypes.c_uint, sizes), *map(_argument, args))
        if error:
            raise RuntimeError(f"{name}: {ERRORS[error]}")
        self.ran.append(name)

    def _compile(self, source: Path) -> Path:
        text = cpu_text(self._change(source.read_text(encoding="utf-8")))
        digest = hashlib.sha256((HEADER.read_text(encoding="utf-8") + text).encode()).hexdigest()[:16]
        library = self._folder / f"{source.stem}-{digest}.so"
        if not library.exists():
            code, made = (self._folder / f"{source.stem}-{digest}-{os.getpid()}.{end}" for end in ("cpp", "so"))
            code.write_text(text, encoding="utf-8")
            # no contraction of a·b + c into one rounding: the numbers are those of the formula, on every machine
            flags = ["-std=c++17", "-O1", "-w", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HEADER.parent}"]
            done = subprocess.run([str(GXX), *flags, str(code), "-o", str(made)], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"g++ does not compile {source.name}:\n{done.stderr}")
            os.replace(made, library)
        return library


def cpu_text(text: str) -> str:
    """A `.cu` text as C++: with the header, and for every kernel a function that runs all its threads."""
    text = DYNAMIC.sub(r"\1* \2 = (\1*)SHIM_DYNAMIC;", text)
    text = re.sub(r"^#include.*$", "", text, flags=re.MULTILINE)
    together = "true" if re.search("__syncthreads|__shfl", text) else "false"
    wrappers = []
    for name, parameters in HEAD.findall(text):
        taken, given = zip(*map(_passed_on, parameters.split(",")), strict=True)
        wrappers.append(
            f'extern "C" int shim_{name}(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,'
            f" unsigned shared, unsigned seed, {', '.join(taken)}) {{\n"
            f"  return shim::run({{gx, gy, gz}}, {{bx, by, bz}}, shared, seed, {together},"
            f" [&] {{ {name}({', '.join(given)}); }});\n}}\n"
        )
    return '#define CPU_SHIM\n#include "cuda_shim.h"\n#line 1\n' + text + "".join(wrappers)


def _passed_on(parameter: str) -> tuple[str, str]:
    """How a launching function takes a kernel's parameter, and gives it to the kernel: a struct comes by address."""
    by_value = BY_VALUE.search(parameter)
    if by_value:
        return f"const {by_value[1]}* {by_value[2]}", f"*{by_value[2]}"
    return parameter, re.split(r"[\s*]+", parameter.strip())[-1]


def _argument(value: Any) -> Any:
    if value is None:
        return ctypes.c_void_p(None)
    if hasattr(value, "__cuda_array_interface__"):
        return ctypes.c_void_p(value.__cuda_array_interface__["data"][0])
    if value.dtype.names is not None:
        return ctypes.c_void_p(value.ctypes.data)
    return {"f": ctypes.c_float, "i": ctypes.c_int, "I": ctypes.c_uint}[value.dtype.char](value.item())

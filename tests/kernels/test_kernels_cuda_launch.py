"""A kernel gets the arguments that it declares, and the stand-in for a GPU raises where a GPU would fail."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fake_cuda as fake
from support.shim import Shim

from minigan import kernels
from minigan.kernels.cuda import launch as launching
from minigan.kernels.cuda.launch import HEAD, SOURCES, launch
from minigan.kernels.cuda.update import ARRAYS, MOVES

F32, I32 = np.float32, np.int32
FILES = sorted(SOURCES.glob("*.cu"))


def device(*shape: int, dtype: Any = np.float32) -> fake.FakeArray:
    return fake.to_device(np.zeros(shape, dtype))


def kernel_file(folder: Path, body: str) -> Path:
    path = folder / "own.cu"
    path.write_text(f'extern "C" __global__ void own(float* y, int n) {{\n{body}\n}}\n')
    return path


def run(shim: Shim, path: Path, threads: int, y: Any) -> None:
    shim.run(path, "own", (1,), (threads,), (y, np.int32(y.size)), 0)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((device(8), device(8), 0.2, I32(8)), "slope must be a numpy.float32, got float 0.2"),
        ((device(8), device(8), np.float64(0.2), I32(8)), "slope must be a numpy.float32, got .* float64"),
        ((device(8), device(8), F32(0.2), 8), "n must be a numpy.int32, got int 8"),
        ((device(8), device(8), F32(0.2), np.int64(8)), "n must be a numpy.int32"),
        ((np.zeros(8, F32), device(8), F32(0.2), I32(8)), "x must be .* got contiguous host ndarray of float32"),
        ((device(8), device(8, dtype=np.float64), F32(0.2), I32(8)), "y must be .* of float32, got .* of float64"),
        ((device(16)[::2], device(8), F32(0.2), I32(8)), "x must be a contiguous .* got scattered GPU"),
        ((device(8), device(8), F32(0.2)), "leaky_relu takes 4 arguments, got 3"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_runs(fake_cuda: Shim, args: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        launch("leaky_relu", 1, 256, *args)
    assert fake_cuda.ran == []


def test_a_struct_takes_one_record_and_nothing_else(fake_cuda: Shim) -> None:
    for table in (np.zeros(2, MOVES), np.zeros(1), device(1)):
        with pytest.raises(TypeError, match="moves must be an array of one record"):
            launch("sgd", 1, 256, table, device(3), F32(0), F32(0))


def test_an_empty_grid_has_nothing_to_do(fake_cuda: Shim) -> None:
    launch("leaky_relu", 0, 256, device(0), device(0), F32(0.2), I32(0))
    assert fake_cuda.ran == []


def test_every_kernel_is_known_with_its_parameters() -> None:
    assert set(launching.kernels()) == {name for path in FILES for name, _ in HEAD.findall(path.read_text())}
    assert sum(path.read_text().count("__global__ ") for path in FILES) == len(launching.kernels())
    x, _, slope, _ = launching.kernels()["leaky_relu"].parameters
    assert x == ("x", np.float32, True)
    assert slope == ("slope", np.float32, False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_sources_include_nothing_and_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "#include" not in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_sources_compile_for_a_gpu_and_spill_nothing(path: Path, tmp_path: Path) -> None:
    options = ["-std=c++17", "-arch=sm_90", "-cubin", "-Werror", "all-warnings", "-Xptxas", "-v"]
    done = subprocess.run(
        ["nvcc", *options, "-o", tmp_path / "out.cubin", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    stacks = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores", done.stderr)
    assert stacks
    assert set(stacks) == {("0", "0")}


def test_the_table_of_an_optimizer_lies_in_memory_as_its_struct() -> None:
    assert MOVES.itemsize == 5 * 8 * ARRAYS + 4 * ARRAYS + 4 * (ARRAYS + 1) + 4  # a multiple of 8
    assert [MOVES.fields[name][1] for name in ("v", "n", "first")] == [24 * ARRAYS, 40 * ARRAYS, 44 * ARRAYS]
    text = (SOURCES / "update.cu").read_text()
    assert f"#define ARRAYS {ARRAYS}\n" in text
    assert re.findall(r"(\w+)\[ARRAYS(?: \+ 1)?\];", text) == list(MOVES.names)


def test_numpy_a_gpu_and_other_arrays_each_take_their_own_kernels(fake_cuda: Shim) -> None:
    kernels.leaky_relu(np.zeros(3, np.float32), 0.2)
    assert fake_cuda.ran == []
    kernels.leaky_relu(device(3), 0.2)
    assert fake_cuda.ran == ["leaky_relu"]


def test_threads_that_do_not_wait_for_each_other_are_found_out(shim_folder: Path, tmp_path: Path) -> None:
    body = "__shared__ float held[64]; int t = threadIdx.x; held[t] = t; %s y[t] = held[n - 1 - t];"
    y = device(64)
    run(Shim(shim_folder), kernel_file(tmp_path, body % "__syncthreads();"), 64, y)
    np.testing.assert_array_equal(y.get(), np.arange(64)[::-1])
    y = device(64)
    run(Shim(shim_folder), kernel_file(tmp_path, body % ""), 64, y)
    assert not np.array_equal(y.get(), np.arange(64)[::-1])


def test_threads_that_wait_at_different_barriers_are_an_error(shim_folder: Path, tmp_path: Path) -> None:
    body = "if (threadIdx.x < 3)\n__syncthreads();\nelse\n__syncthreads();"
    with pytest.raises(RuntimeError, match="own: threads of one block wait at different"):
        run(Shim(shim_folder), kernel_file(tmp_path, body), 8, device(8))


def test_shared_memory_is_nan_when_a_block_begins(shim_folder: Path, tmp_path: Path) -> None:
    y, path = device(8), kernel_file(tmp_path, "__shared__ float held[8]; y[threadIdx.x] = held[threadIdx.x];")
    run(Shim(shim_folder), path, 8, y)
    assert np.isnan(y.get()).all()


def test_a_write_beside_an_array_is_found_out(shim_folder: Path, tmp_path: Path) -> None:
    path = kernel_file(tmp_path, "y[threadIdx.x] = 0;")
    with pytest.raises(AssertionError, match="after the end"), fake.fences():
        run(Shim(shim_folder), path, 9, np.empty_like(device(8)))


def test_a_text_that_does_not_compile_states_why(shim_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)own.cu.*nonsense"):
        run(Shim(shim_folder), kernel_file(tmp_path, "nonsense;"), 1, device(1))


def test_shuffles_and_dynamic_shared_memory_work(shim_folder: Path, tmp_path: Path) -> None:
    body = """extern __shared__ float held[]; int t = threadIdx.x; held[t] = t; float sum = t;
    for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffff, sum, lanes);
    __syncthreads(); y[t] = sum + held[n - 1 - t];"""
    y = device(32)
    Shim(shim_folder).run(kernel_file(tmp_path, body), "own", (1,), (32,), (y, np.int32(32)), 32 * 4)
    np.testing.assert_array_equal(y.get(), 496 + np.arange(32)[::-1])

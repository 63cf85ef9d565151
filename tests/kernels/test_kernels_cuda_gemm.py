"""Matrix products for a GPU: through a cuBLAS that computes on the host, and by the kernel's own text."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import fake_cublas, strict
from support import fake_cuda as gpu
from support.shim import Shim

from minigan.kernels.cuda import cublas, gemm, launch, precision

Place = Callable[[np.ndarray], Any]
SIZES = list(itertools.product((1, 3, 8), (1, 2, 7), (1, 4, 5)))


def rows(x: np.ndarray) -> Any:
    return gpu.to_device(x)


def rows_apart(x: np.ndarray) -> Any:
    """A slice of columns of a wider matrix, whose other numbers are NaN."""
    wide = np.full((x.shape[0], x.shape[1] + 3), np.nan, x.dtype)
    wide[:, 1:-2] = x
    return gpu.to_device(wide)[:, 1:-2]


def columns(x: np.ndarray) -> Any:
    return gpu.to_device(np.ascontiguousarray(x.T)).T


def columns_apart(x: np.ndarray) -> Any:
    return rows_apart(x.T).T


def between(x: np.ndarray) -> Any:
    """A slice of rows of a longer matrix, whose other numbers are NaN."""
    long = np.full((len(x) + 2, x.shape[1]), np.nan, x.dtype)
    long[1:-1] = x
    return gpu.to_device(long)[1:-1]


PLACES = (rows, rows_apart, columns, columns_apart, between)


@pytest.fixture(params=["cublas", "own"])
def machine(request: pytest.FixtureRequest, fake_cuda: Shim) -> Iterator[str]:
    if request.param == "own":
        yield request.param
    else:
        with fake_cublas.in_use(fake_cublas.FakeCublas()):
            yield request.param


def numbers(M: int, N: int, K: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(M * 100 + N * 10 + K)
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in ((M, K), (K, N), (M, N)))


def assert_close(found: Any, expected: np.ndarray) -> None:
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(found.get(), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("a_at", PLACES)
@pytest.mark.parametrize("b_at", PLACES)
@pytest.mark.parametrize("out_at", PLACES)
def test_every_matrix_may_be_a_slice_or_a_transpose(machine: str, a_at: Place, b_at: Place, out_at: Place) -> None:
    for M, N, K in SIZES:
        a, b, c = numbers(M, N, K)
        out = out_at(c)
        gemm.gemm(a_at(a), b_at(b), out, alpha=0.5, beta=-2)
        assert_close(out, 0.5 * (a.astype(float) @ b) - 2 * c)


def test_a_result_touches_nothing_beside_itself(machine: str) -> None:
    a, b, c = numbers(3, 4, 5)
    around = gpu.to_device(np.full((6, 9), 7, np.float32))
    gemm.gemm(rows(a), rows(b), around[2:5, 3:7])
    found = around.get()
    np.testing.assert_allclose(found[2:5, 3:7], a @ b, rtol=1e-5)
    found[2:5, 3:7] = 7
    assert (found == 7).all()


def test_without_beta_the_result_is_never_read(machine: str) -> None:
    a, b, c = numbers(3, 4, 5)
    out = rows(np.full_like(c, np.nan))
    gemm.gemm(rows(a), rows(b), out)
    assert_close(out, a.astype(float) @ b)


def test_a_sum_of_no_products_is_zero_and_no_rows_make_no_work(machine: str) -> None:
    a, b, c = numbers(3, 4, 0)
    out = rows(np.full_like(c, np.nan))
    gemm.gemm(rows(a), rows(b), out)
    assert_close(out, np.zeros((3, 4)))
    out = rows(c)
    gemm.gemm(rows(a), rows(b), out, beta=3)
    assert_close(out, 3 * c)
    assert gemm.matmul(rows(np.ones((0, 2), np.float32)), rows(np.ones((2, 5), np.float32))).shape == (0, 5)


@pytest.mark.parametrize(("M", "N", "K"), [(64, 64, 16), (65, 63, 17), (130, 1, 33), (1, 129, 100), (70, 140, 15)])
def test_tiles_cover_matrices_of_any_size(fake_cuda: Shim, M: int, N: int, K: int) -> None:
    a, b, _ = numbers(M, N, K)
    for a_at, b_at in itertools.product((rows, columns), repeat=2):
        assert_close(gemm.matmul(a_at(a), b_at(b)), a.astype(float) @ b)
    assert fake_cuda.ran == ["gemm"] * 4


@pytest.mark.parametrize("barrier", [0, 1], ids=["before the sums", "after them"])
def test_a_missing_barrier_is_seen(shim_folder: Path, barrier: int) -> None:
    def change(text: str) -> str:
        pieces = text.split("__syncthreads();")
        assert len(pieces) == 3
        pieces[barrier : barrier + 2] = ["".join(pieces[barrier : barrier + 2])]
        return "__syncthreads();".join(pieces)

    a, b, _ = numbers(33, 34, 35)
    token = launch.backend.set(Shim(shim_folder, change))
    try:
        found = gemm.matmul(between(a), between(b))
    finally:
        launch.backend.reset(token)
    with pytest.raises(AssertionError):
        assert_close(found, a.astype(float) @ b)


def test_matmul_copies_what_lies_scattered_and_gives_rows(machine: str) -> None:
    a, b, _ = numbers(6, 8, 10)
    for a_view, b_view in (((2, 1), (1, 2)), ((1, 2), (2, 1)), ((-1, 2), (2, -1))):
        x, y = a[:: a_view[0], :: a_view[1]], b[:: b_view[0], :: b_view[1]]
        found = gemm.matmul(gpu.to_device(a)[:: a_view[0], :: a_view[1]], gpu.to_device(b)[:: b_view[0], :: b_view[1]])
        assert_close(found, x.astype(float) @ y)
    assert gemm.matmul(columns(a), columns(b)).flags.c_contiguous


def test_float64_takes_the_formula(machine: str) -> None:
    a, b, _ = (x.astype(float) for x in numbers(3, 4, 5))
    found = gemm.matmul(gpu.to_device(a), gpu.to_device(b))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.get(), a @ b)


def test_products_wait_for_nothing(machine: str) -> None:
    a, b, _ = numbers(3, 4, 5)
    with strict.no_sync():
        gemm.matmul(rows(a), columns_apart(b))


def test_scattered_memory_is_refused(machine: str) -> None:
    a, b, c = map(rows, numbers(4, 4, 4))
    for bad in (a[::2, ::2], a[::-1], a[:, ::-1]):
        with pytest.raises(ValueError, match="whole rows or whole columns, got shape"):
            gemm.gemm(bad, b[: bad.shape[1]], c[: len(bad)])
    with pytest.raises(ValueError, match="whole rows or whole columns"):
        gemm.gemm(a, b, c[::-1])


def test_wrong_shapes_and_types_are_refused(machine: str) -> None:
    a, b, c = map(rows, numbers(3, 4, 5))
    with pytest.raises(ValueError, match=r"cannot multiply \(3, 5\) and \(3, 5\) into \(3, 4\)"):
        gemm.gemm(a, a, c)
    with pytest.raises(ValueError, match="cannot multiply"):
        gemm.gemm(a, b, c.T)
    with pytest.raises(ValueError, match=r"cannot multiply \(3, 5\) and \(4, 4\)"):
        gemm.matmul(a, gpu.to_device(np.ones((4, 4), np.float32)))
    with pytest.raises(TypeError, match="float32 matrices, got float32, float32 -> float64"):
        gemm.gemm(a, b, gpu.to_device(np.zeros((3, 4))))


def test_a_handle_gets_its_workspace_after_its_stream(fake_cuda: Shim) -> None:
    with fake_cublas.in_use(fake_cublas.FakeCublas()) as library:
        assert library.calls == ["cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2"]
        assert library.workspace == (fake_cublas.WORKSPACE, fake_cublas.NBYTES)
        gemm.matmul(*map(rows, numbers(3, 4, 5)[:2]))
        assert library.calls[3:] == ["cublasGemmEx"] and fake_cuda.ran == []
        assert library.workspace == (fake_cublas.WORKSPACE, fake_cublas.NBYTES)


def test_precision_is_strict_unless_asked_and_only_inside(fake_cuda: Shim) -> None:
    a, b = map(rows, numbers(3, 4, 5)[:2])
    with fake_cublas.in_use(fake_cublas.FakeCublas()) as library:
        gemm.matmul(a, b)
        with precision.using("tf32"):
            gemm.matmul(a, b)
            with precision.using("float32"):
                gemm.matmul(a, b)
        gemm.matmul(a, b)
    assert library.computed == [68, 77, 68, 68]  # CUBLAS_COMPUTE_32F and CUBLAS_COMPUTE_32F_FAST_TF32


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown precision 'half': expected float32 or tf32"), precision.using("half"):
        pass
    assert precision.precision.get() == "float32"


@pytest.mark.parametrize("function", ["cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2", "cublasGemmEx"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "no GPU memory is left for it (CUBLAS_STATUS_ALLOC_FAILED): choose a smaller batch"),
        (13, "the GPU failed to run it (CUBLAS_STATUS_EXECUTION_FAILED)"),
        (99, "unknown status 99"),
    ],
)
def test_an_error_of_cublas_states_what_failed(fake_cuda: Shim, function: str, status: int, words: str) -> None:
    a, b = map(rows, numbers(3, 4, 5)[:2])
    library = fake_cublas.FakeCublas(fail=(function, status))
    with pytest.raises(cublas.CublasError) as error, fake_cublas.in_use(library):
        gemm.matmul(a, b)
    assert str(error.value) == f"{function}: {words}"


def test_sizes_beyond_32_bits_are_refused() -> None:
    handle = cublas.Handle(fake_cublas.FakeCublas(), fake_cublas.STREAM, fake_cublas.WORKSPACE, fake_cublas.NBYTES)
    thin = cublas.Matrix(0, 2**31, 1, 1)
    with pytest.raises(ValueError, match="up to 2147483647 rows and columns"):
        handle.gemm(thin, cublas.Matrix(0, 1, 1, 1), thin)


class FakeCuda:
    """The parts of `cupy.cuda` that say where a product runs. `allocated` holds the size of every piece of memory."""

    def __init__(self) -> None:
        self.runtime, self.device, self.stream = SimpleNamespace(getDevice=lambda: self.device), 0, fake_cublas.STREAM
        self.allocated: list[int] = []

    def get_current_stream(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self.stream)

    def Memory(self, nbytes: int) -> SimpleNamespace:
        self.allocated.append(nbytes)
        return SimpleNamespace(ptr=fake_cublas.WORKSPACE + len(self.allocated))


@pytest.fixture
def fake_cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    """CuPy without a GPU, and cuBLAS on the host."""
    fake = FakeCuda()
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=fake))  # type: ignore[arg-type]
    library = fake_cublas.FakeCublas()
    monkeypatch.setattr(cublas, "_library", lambda: library)
    yield fake
    cublas._handle.cache_clear()


def test_each_thread_device_and_stream_has_a_handle_and_a_workspace_of_its_own(fake_cupy: FakeCuda) -> None:
    first = cublas.current()
    assert cublas.current() is first and fake_cupy.allocated == [32 * 2**20]
    fake_cupy.device = 1
    second = cublas.current()
    with ThreadPoolExecutor(1) as other:
        third = other.submit(cublas.current).result()
    assert len({first, second, third}) == 3 and fake_cupy.allocated == [32 * 2**20] * 3
    fake_cupy.device = 0
    assert cublas.current() is first


def test_a_handle_works_on_the_current_stream(fake_cupy: FakeCuda) -> None:
    fake_cupy.stream = 0xDEAD  # the fake library takes its own stream only
    with pytest.raises(cublas.CublasError, match="cublasSetStream_v2"):
        cublas.current()


def test_cublas_is_for_arrays_of_cupy(fake_cupy: FakeCuda, fake_cuda: Shim) -> None:
    assert gemm.available() is None
    token = launch.backend.set(launch.Nvrtc())
    assert gemm.available() is cublas.current()
    launch.backend.reset(token)


def test_a_missing_cublas_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)  # type: ignore[arg-type]
    cublas._library.cache_clear()
    with pytest.warns(RuntimeWarning, match="cuBLAS cannot be loaded .*: matrices are multiplied by minigan's own"):
        assert cublas.current() is None
    assert cublas.current() is None  # a second warning would be an error
    cublas._library.cache_clear()

"""cuBLAS's matrix product through ctypes. CuPy's own wrapper refuses to work while a CUDA graph is recorded.

A handle belongs to one thread, device and stream and brings its own workspace, so that cuBLAS never allocates inside
a recorded graph and gives the same bits on every replay (cuBLAS manual, "Results reproducibility", "CUDA Graphs
Support"). Handles and workspaces are kept for good: a recorded graph continues to use them.
"""

from __future__ import annotations

import ctypes
import threading
import warnings
from ctypes import byref, c_float, c_size_t, c_void_p
from functools import cache
from typing import Any, NamedTuple

WORKSPACE = 32 * 1024 * 1024  # bytes: what cuBLAS recommends for Hopper
FLOAT32 = 0  # CUDA_R_32F
DEFAULT_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT
COMPUTE = {"float32": 68, "tf32": 77}  # CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32
LARGEST = 2**31 - 1  # sizes are 32-bit integers
WORDS = {
    1: "the library is not initialised (CUBLAS_STATUS_NOT_INITIALIZED): the driver may be too old for this CUDA",
    3: "no GPU memory is left for it (CUBLAS_STATUS_ALLOC_FAILED): choose a smaller batch",
    7: "it was called with a wrong value (CUBLAS_STATUS_INVALID_VALUE)",
    8: "this GPU cannot do it (CUBLAS_STATUS_ARCH_MISMATCH)",
    11: "GPU memory could not be reached (CUBLAS_STATUS_MAPPING_ERROR)",
    13: "the GPU failed to run it (CUBLAS_STATUS_EXECUTION_FAILED)",
    14: "something inside failed (CUBLAS_STATUS_INTERNAL_ERROR)",
    15: "these types are not supported (CUBLAS_STATUS_NOT_SUPPORTED)",
    16: "its licence was not found (CUBLAS_STATUS_LICENSE_ERROR)",
}


class CublasError(RuntimeError):
    """A call of cuBLAS that did not succeed."""


class Matrix(NamedTuple):
    """A row-major float32 matrix on the GPU: rows of `columns` numbers, `pitch` numbers apart."""

    pointer: int
    rows: int
    columns: int
    pitch: int


class Handle:
    """One cuBLAS handle that works on `stream` in `workspace` (a pointer) of `nbytes`."""

    def __init__(self, library: Any, stream: int, workspace: int, nbytes: int) -> None:
        self._library, self._handle = library, c_void_p()
        self._call("cublasCreate_v2", byref(self._handle))
        # The stream comes first: setting it takes the workspace away again.
        self._call("cublasSetStream_v2", self._handle, c_void_p(stream))
        self._call("cublasSetWorkspace_v2", self._handle, c_void_p(workspace), c_size_t(nbytes))

    def gemm(
        self,
        a: Matrix,
        b: Matrix,
        out: Matrix,
        turned: tuple[bool, bool] = (False, False),
        alpha: float = 1,
        beta: float = 0,
        precision: str = "float32",
    ) -> None:
        """out = alpha · op(a) · op(b) + beta · out, op turning the matrices that `turned` names.

        cuBLAS stores matrices by columns, so what it sees of a row-major matrix is the transpose, and it is asked
        for outᵀ = op(b)ᵀ · op(a)ᵀ. CublasError describes what went wrong.
        """
        (M, N), K = (out.rows, out.columns), a.rows if turned[0] else a.columns
        if max(M, N, K, a.pitch, b.pitch, out.pitch) > LARGEST:
            raise ValueError(f"cuBLAS multiplies matrices of up to {LARGEST} rows and columns, got {a}, {b} -> {out}")
        sizes = (int(turned[1]), int(turned[0]), N, M, K)
        left = (c_void_p(b.pointer), FLOAT32, b.pitch, c_void_p(a.pointer), FLOAT32, a.pitch)
        right = (c_void_p(out.pointer), FLOAT32, out.pitch, COMPUTE[precision], DEFAULT_ALGORITHM)
        self._call("cublasGemmEx", self._handle, *sizes, byref(c_float(alpha)), *left, byref(c_float(beta)), *right)

    def _call(self, function: str, *args: Any) -> None:
        status = getattr(self._library, function)(*args)
        if status:
            raise CublasError(f"{function}: {WORDS.get(status, f'unknown status {status}')}")


def current() -> Handle | None:
    """The handle for CuPy's current stream; None, with one warning, where cuBLAS cannot be loaded."""
    import cupy

    library = _library()
    if library is None:
        return None
    device, stream = cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr
    return _handle(library, threading.get_ident(), device, stream)[0]


@cache
def _handle(library: Any, thread: int, device: int, stream: int) -> tuple[Handle, Any]:
    """A handle and its workspace, which comes from no pool: pools give memory back, a recorded graph cannot."""
    import cupy

    workspace = cupy.cuda.Memory(WORKSPACE)
    return Handle(library, stream, workspace.ptr, WORKSPACE), workspace


@cache
def _library() -> Any:
    """The copy of cuBLAS that CuPy uses; None and a RuntimeWarning where there is none."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, OSError, RuntimeError) as error:  # pathfinder's own error is a RuntimeError
        words = f"cuBLAS cannot be loaded ({error}): matrices are multiplied by minigan's own, slower kernel"
        warnings.warn(words, RuntimeWarning, stacklevel=2)
        return None

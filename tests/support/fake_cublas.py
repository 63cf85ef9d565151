"""cuBLAS's product on host memory, as its manual defines it: matrices by columns, sizes checked, a stream first."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigan.kernels.cuda import cublas, gemm

INVALID_VALUE = 7
FLOAT32, ALGORITHM = 0, -1
STREAM, WORKSPACE, NBYTES = 0x57, 0xA000, 4096


class FakeCublas:
    """The four functions that are called. `calls` holds their names in order, `computed` every compute type.

    fail: the name of a function, and the status that it returns.
    """

    def __init__(self, fail: tuple[str, int] = ("", 0)) -> None:
        self.calls: list[str] = []
        self.computed: list[int] = []
        self.workspace = (0, 0)
        self._fail = fail

    def cublasCreate_v2(self, handle: Any) -> int:
        handle._obj.value = 0xB1A5
        return self._called("cublasCreate_v2")

    def cublasSetStream_v2(self, handle: ctypes.c_void_p, stream: ctypes.c_void_p) -> int:
        self.workspace = (0, 0)
        return self._called("cublasSetStream_v2") or self._wrong(handle.value == 0xB1A5, stream.value == STREAM)

    def cublasSetWorkspace_v2(
        self, handle: ctypes.c_void_p, workspace: ctypes.c_void_p, nbytes: ctypes.c_size_t
    ) -> int:
        self.workspace = (workspace.value or 0, nbytes.value)
        return self._called("cublasSetWorkspace_v2") or self._wrong(handle.value == 0xB1A5)

    def cublasGemmEx(
        self,
        handle: ctypes.c_void_p,
        transa: int,
        transb: int,
        m: int,
        n: int,
        k: int,
        alpha: Any,
        A: ctypes.c_void_p,
        Atype: int,
        lda: int,
        B: ctypes.c_void_p,
        Btype: int,
        ldb: int,
        beta: Any,
        C: ctypes.c_void_p,
        Ctype: int,
        ldc: int,
        compute: int,
        algorithm: int,
    ) -> int:
        """C = alpha · op(A) · op(B) + beta · C with op(A) m x k, op(B) k x n and C m x n, all stored by columns."""
        self.computed.append(compute)
        a_shape, b_shape = (k, m) if transa else (m, k), (n, k) if transb else (k, n)
        pitches = [ld >= max(1, rows) for ld, rows in ((lda, a_shape[0]), (ldb, b_shape[0]), (ldc, m))]
        types = [(Atype, Btype, Ctype) == (FLOAT32,) * 3, algorithm == ALGORITHM, {transa, transb} <= {0, 1}]
        wrong = self._called("cublasGemmEx") or self._wrong(handle.value == 0xB1A5, min(m, n, k) >= 0, *pitches, *types)
        if wrong:
            return wrong
        a, b, c = _by_columns(A, a_shape, lda), _by_columns(B, b_shape, ldb), _by_columns(C, (m, n), ldc)
        product = (a.T if transa else a).astype(float) @ (b.T if transb else b)
        c[...] = alpha._obj.value * product + (beta._obj.value * c if beta._obj.value else 0)
        return 0

    def _called(self, name: str) -> int:
        self.calls.append(name)
        return self._fail[1] if name == self._fail[0] else 0

    def _wrong(self, *right: bool) -> int:
        return 0 if all(right) else INVALID_VALUE


@contextmanager
def in_use(library: FakeCublas) -> Iterator[FakeCublas]:
    """Inside, products of this thread are computed by `library`."""
    handle = cublas.Handle(library, STREAM, WORKSPACE, NBYTES)
    token = gemm.blas.set(lambda: handle)
    try:
        yield library
    finally:
        gemm.blas.reset(token)


def _by_columns(pointer: ctypes.c_void_p, shape: tuple[int, int], pitch: int) -> np.ndarray:
    memory = (ctypes.c_float * (pitch * (shape[1] - 1) + shape[0])).from_address(pointer.value or 0)
    flat = np.frombuffer(memory, np.float32)
    return np.lib.stride_tricks.as_strided(flat, shape, (flat.itemsize, flat.itemsize * pitch))

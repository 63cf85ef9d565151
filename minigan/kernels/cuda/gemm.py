"""Matrix products on a GPU: cuBLAS where it can be loaded, a tiled kernel of our own where not."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import numpy as np

from minigan.device import Array
from minigan.kernels import general
from minigan.kernels.cuda import cublas
from minigan.kernels.cuda.launch import GPU, Nvrtc, backend, launch
from minigan.kernels.cuda.precision import precision

TILE = 64  # rows and columns of the result that one block of gemm.cu computes
THREADS = 256


def available() -> cublas.Handle | None:
    """cuBLAS for CuPy's current stream; None where it cannot be loaded, or where CuPy does not run the kernels."""
    return cublas.current() if isinstance(backend.get(GPU), Nvrtc) else None


blas: ContextVar[Callable[[], cublas.Handle | None]] = ContextVar("blas", default=available)


def matmul(a: Array, b: Array) -> Array:
    if (a.ndim, b.ndim) != (2, 2) or not is_float32(a, b):
        return general.matmul(a, b)
    out = np.empty_like(a, shape=(a.shape[0], b.shape[1]), order="C")
    gemm(_in_rows(a), _in_rows(b), out)
    return out


def scatter(labels: Array, rows: Array, K: int) -> Array:
    return matmul(general.one_hot(labels, K, rows), rows)


def gemm(a: Array, b: Array, out: Array, alpha: float = 1, beta: float = 0) -> None:
    """out = alpha · a · b + beta · out for float32 matrices; with beta = 0, out is written and never read.

    Each may be a slice of rows or columns, or the transpose of one: memory must go up along both axes, number by
    number along one of them. ValueError where it does not, or where the shapes do not fit; TypeError for other types.
    """
    if not is_float32(a, b, out):
        raise TypeError(f"gemm multiplies float32 matrices, got {a.dtype}, {b.dtype} -> {out.dtype}")
    if (a.ndim, b.ndim, out.ndim) != (2, 2, 2) or (*a.shape, *b.shape) != (len(out), len(b), len(b), out.shape[1]):
        raise ValueError(f"gemm cannot multiply {a.shape} and {b.shape} into {out.shape}")
    if out.size == 0:
        return
    if len(b) == 0:
        out[...] = out * beta if beta else 0
        return
    (a_rows, a_turned), (b_rows, b_turned), (out_rows, out_turned) = map(_rows, (a, b, out))
    if out_turned:
        gemm(b.T, a.T, out.T, alpha, beta)
        return
    handle = blas.get()()
    if handle is None:
        _tiled(a, b, out, alpha, beta)
    else:
        handle.gemm(a_rows, b_rows, out_rows, (a_turned, b_turned), alpha, beta, precision.get())


def is_float32(*arrays: Array) -> bool:
    """Whether all arrays hold float32: for these there are kernels."""
    return all(x.dtype == np.float32 for x in arrays)


def contiguous(x: Array) -> Array:
    """x itself, or a contiguous copy of a view."""
    return x if x.flags.c_contiguous else x.copy()


def _pitch(x: Array) -> int:
    """Numbers from one row of x to the next; 0 where its rows are scattered, run backwards or overlap.

    An axis of length one has no neighbours: its stride may say anything.
    """
    (R, C), (down, along) = x.shape, (stride // x.itemsize for stride in x.strides)
    if C > 1 and along != 1:
        return 0
    return C if R == 1 else down if down >= C else 0


def _in_rows(x: Array) -> Array:
    """x itself, or a copy where neither its rows nor its columns lie in one piece."""
    return x if x.size == 0 or _pitch(x) or _pitch(x.T) else x.copy()


def _rows(x: Array) -> tuple[cublas.Matrix, bool]:
    """The memory of x as rows, and whether x is the transpose of that."""
    turned = not _pitch(x)
    stored = x.T if turned else x
    pitch = _pitch(stored)
    if not pitch:
        raise ValueError(f"gemm needs whole rows or whole columns, got shape {x.shape} with strides {x.strides}")
    R, C = stored.shape
    return cublas.Matrix(x.__cuda_array_interface__["data"][0], R, C, pitch), turned


def _tiled(a: Array, b: Array, out: Array, alpha: float, beta: float) -> None:
    """The same by gemm.cu, always in float32; it takes contiguous memory, so slices are copied."""
    a_stored, a_turned = _stored(a)
    b_stored, b_turned = _stored(b)
    result = contiguous(out)
    (M, K), N = a.shape, b.shape[1]
    sizes = map(np.int32, (M, N, K, a_turned, b_turned))
    grid = -(-N // TILE) * -(-M // TILE)
    launch("gemm", grid, THREADS, a_stored, b_stored, result, *sizes, np.float32(alpha), np.float32(beta))
    if result is not out:
        out[...] = result


def _stored(x: Array) -> tuple[Array, bool]:
    """A contiguous array with the numbers of x, and whether it holds the transpose of x."""
    turned = not x.flags.c_contiguous and x.T.flags.c_contiguous
    return contiguous(x.T if turned else x), turned

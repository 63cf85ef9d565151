"""Products for NumPy: BLAS, and ways around the shapes on which BLAS is slow, or wrong."""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu.scratch import scratch

# Up to so many multiplications, OpenBLAS with AVX-512 takes both factors as they lie, and does not reorder them first.
SMALL = 10**6
FOUND = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])  # it leaves out what is empty
HAS_SMALL = not {"X86_V4", "AVX512_SKX"}.isdisjoint(FOUND)
LEAST_ROWS = 48  # of a piece: below, its start shows


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (M, K), N = a.shape, b.shape[1]
    if K == 1:
        return a * b  # an outer product: five times as fast as BLAS
    if b.flags.f_contiguous and not b.flags.c_contiguous and 1 < M < N:
        # dy · weightᵀ. BLAS would reorder the large b for a few rows of a; yᵀ = bᵀ · aᵀ takes b as it lies and then
        # turns the small result: 1.3 times as fast for a batch of 64.
        return np.matmul(b.T, a.T, out=scratch("product", (N, M), a.dtype)).T.copy()
    return np.matmul(a, b)


def tall(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a · b, for many rows and a narrow b: in pieces of rows, 1.1 to 1.45 times as fast. Rows come in sixteens,
    a register of AVX-512; then an output whose width is a multiple of 16 has the bits of the undivided product."""
    (M, K), N = a.shape, b.shape[1]
    rows = SMALL // max(1, K * N) // 16 * 16
    whole = M // rows * rows if HAS_SMALL and rows >= LEAST_ROWS else 0
    if whole:
        np.matmul(a[:whole].reshape(-1, rows, K), b, out=out[:whole].reshape(-1, rows, N))
    if whole < M:
        np.matmul(a[whole:], b, out=out[whole:])


# Products with one vector are einsum's, not BLAS's: on small matrices OpenBLAS was seen to report an invalid operation
# among finite numbers.
def matrix_vector(a: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.einsum("or,r->o", a, v)


def vector_matrix(u: np.ndarray, a: np.ndarray) -> np.ndarray:
    return np.einsum("o,or->r", u, a)

"""Products for NumPy: BLAS, and ways around the shapes on which BLAS is slow, or wrong."""

from __future__ import annotations

import numpy as np

from minigan.kernels.cpu.scratch import scratch


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (M, K), N = a.shape, b.shape[1]
    if K == 1:
        return a * b  # an outer product: five times as fast as BLAS
    if b.flags.f_contiguous and not b.flags.c_contiguous and 1 < M < N:
        # dy · weightᵀ. BLAS would reorder the large b for a few rows of a; yᵀ = bᵀ · aᵀ takes b as it lies and then
        # turns the small result: 1.3 times as fast for a batch of 64.
        return np.matmul(b.T, a.T, out=scratch("product", (N, M), a.dtype)).T.copy()
    return np.matmul(a, b)


# Products with one vector are einsum's, not BLAS's: on small matrices OpenBLAS was seen to report an invalid operation
# among finite numbers.
def matrix_vector(a: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.einsum("or,r->o", a, v)


def vector_matrix(u: np.ndarray, a: np.ndarray) -> np.ndarray:
    return np.einsum("o,or->r", u, a)

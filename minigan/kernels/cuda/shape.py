"""Which arrays the hand-written kernels take, and how many threads share them."""

from __future__ import annotations

import numpy as np

from minigan.device import Array

THREADS = 256
BLOCKS = 512  # of one sum: some for each of a large GPU's 132 multiprocessors


def takes(*arrays: Array) -> bool:
    """Are these float32 arrays whose numbers are contiguous, and few enough to count with an int?"""
    return all(a.dtype == np.float32 and a.flags.c_contiguous and 0 < a.size < 2**31 - THREADS for a in arrays)


def blocks(n: int) -> int:
    """Blocks of THREADS threads for n numbers."""
    return -(-n // THREADS)


def column_threads(columns: int) -> tuple[int, int]:
    """Threads (across, down) of one block that sums columns: no wider than needed, powers of two, THREADS in all."""
    across = 1 << min(columns - 1, 31).bit_length()
    return across, THREADS // across


def row_slices(rows: int, columns: int) -> int:
    """Slices of the rows whose sums are taken apart: one where a block does it soon; none of them empty."""
    across, down = column_threads(columns)
    if rows <= 32 * down:
        return 1
    wanted = min(-(-rows // (4 * down)), -(-BLOCKS * across // columns))
    return -(-rows // -(-rows // wanted))

"""Arrays that belong together, in pieces that stay in the cache while a chain of operations runs over them."""

from __future__ import annotations

from collections.abc import Iterator

from minigan.device import Array

CHUNK = 64 * 1024  # numbers per piece: parameter, gradient, two moments and scratch of float32 fit a 2 MiB cache


def pieces(*arrays: Array) -> Iterator[list[Array]]:
    """The arrays, all of one size, cut into flat pieces of CHUNK numbers that belong together."""
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, flat[0].size, CHUNK):
        yield [a[i : i + CHUNK] for a in flat]

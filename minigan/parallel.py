"""Independent pieces of work, by all cores: batches to generate or to measure, which are independent of each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

S = TypeVar("S")
T = TypeVar("T")


def cores() -> int:
    """The cores that this process may use, up to 4: a batch of 64 does not feed more."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 4)


def each(job: Callable[[S], T], items: Iterable[S], threads: int) -> Iterator[T]:
    """job(item) for every item, in their order; `threads` of them at a time, with BLAS at one thread in each.

    The job must not change anything that another one reads. An exception, or the caller's leaving, drops what has not
    begun.
    """
    if threads == 1:
        yield from map(job, items)
        return
    with threadpool_limits(1, "blas"):
        pool = ThreadPoolExecutor(threads, "each")
        try:
            futures = [pool.submit(copy_context().run, job, item) for item in items]
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)

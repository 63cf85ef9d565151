"""Freed memory is kept for the next step instead of going back to the operating system."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
LARGEST = 32 << 20  # bytes: glibc refuses a larger threshold, in silence where it is set by an environment variable


def keep_freed_memory() -> bool:
    """Let glibc's malloc keep what this process frees; False where there is another malloc, which nothing changes.

    glibc maps every large array anew and returns it when it is freed. Each 4 KiB of the next one then cost a page
    fault, 3,500 in a step of `dcgan`: 6 % of its time. Arrays above 32 MiB still come and go. The whole process is
    concerned: a run and a benchmark call this, importing the library does not.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, 1 << 30))

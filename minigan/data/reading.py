"""Many pictures as one array: in memory, or, where that is too small, in a file (`minigan.data.prepared`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import parallel
from minigan.data import pictures

MANY = 200  # pictures: from here on a bar is shown, and all cores read
BLOCK = 256
SHARE = 0.25  # of the free memory: larger sets stay on the disk
SHOWN = 5  # pictures that cannot be read, in a message
Row = np.ndarray | ValueError


def read_all(
    paths: Sequence[Path], size: int | None, background: str, title: str, *, free: Callable[[], int] | None = None
) -> np.ndarray:
    """The pictures, uint8 (N, H, W, C): C is 1 if all of them are grey, else 3.

    title   words for the bar
    free    how many bytes of memory are free; default what the system reports

    ValueError names all pictures that cannot be read, or with size None the first one of another size.
    """
    with pictures.limits():
        shape = pictures.read_within(paths[0], size, background).shape
        pixels = len(paths) * shape[0] * shape[1] * 3
        if pixels <= SHARE * (free or free_memory)():
            store = InMemory(len(paths), *shape)
            fill(store, paths, size, background, title)
            return store.images
        from minigan.data.prepared import mapped  # here: it imports this module

        return mapped(paths, shape, size, background, title)


class InMemory:
    """Pixels (N, H, W, C) that begin grey where the first picture is."""

    done = 0

    def __init__(self, N: int, H: int, W: int, C: int) -> None:
        self.images = np.empty((N, H, W, C), np.uint8)

    def put(self, rows: Sequence[np.ndarray]) -> None:
        """The next rows."""
        if self.images.shape[3] == 1 and any(row.shape[2] == 3 for row in rows):
            self.widen()
        for row in rows:
            self.images[self.done] = row  # a grey one into all three channels
            self.done += 1

    def widen(self) -> None:
        """From grey to colour."""
        self.images = np.repeat(self.images, 3, axis=3)


def free_memory() -> int:
    """Bytes of memory that this process may still use, as far as the system reports them."""
    limits = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    with suppress(OSError, ValueError):  # in a container
        most, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        limits.append(int(most) - int(used))
    return max(0, min(limits)) if limits else 4 * 2**30


def fill(store: InMemory, paths: Sequence[Path], size: int | None, background: str, title: str) -> None:
    """Read the pictures that the store does not have yet, block by block; errors of `read_all`."""
    bad: list[ValueError] = []
    H, W = store.images.shape[1:3]
    few = len(paths) <= MANY
    threads = 1 if few else parallel.cores()

    def read(path: Path) -> Row:
        try:
            row = pictures.read_within(path, size, background)
        except ValueError as error:
            return error
        if row.shape[:2] != (H, W):
            sizes = f"{row.shape[1]} x {row.shape[0]} pixels, and {paths[0].name} has {W} x {H}"
            raise ValueError(
                f"{path}: it has {sizes}; pictures must be of one size, or --size N crops and resizes them"
            )
        return row

    tick = 0.2 if sys.stderr.isatty() else 10.0  # seconds between two pictures of the bar
    shown = {"desc": title, "unit": "picture", "mininterval": tick, "disable": few}
    with tqdm(total=len(paths), initial=store.done, **shown) as bar:
        for start in range(store.done, len(paths), BLOCK):
            rows: list[np.ndarray] = []
            for row in parallel.each(read, paths[start : start + BLOCK], threads):
                (bad if isinstance(row, ValueError) else rows).append(row)  # type: ignore[arg-type]
                bar.update()
            if not bad:
                store.put(rows)
    if bad:
        more = f"\nand {len(bad) - SHOWN} more of {len(paths)} pictures" if len(bad) > SHOWN else ""
        raise ValueError("\n".join(map(str, bad[:SHOWN])) + more)

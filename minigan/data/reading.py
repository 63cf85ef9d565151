"""Many pictures as one array: in memory, or, where that is too small, in a file that is made once.

The file lies in the cache of this user and is read from there piece by piece. Its name is a digest of everything that
its pixels depend on: names, sizes and times of the pictures, and how they are prepared. It is written a block at a
time: a preparation that was stopped continues where it was. One that is done has the digest of its pixels beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import parallel, places
from minigan.atomic import replacing
from minigan.data import pictures

MANY = 200  # pictures: from here on a bar is shown, and all cores read
BLOCK = 256
SHARE = 0.25  # of the free memory: larger sets stay on the disk
SHOWN = 5  # pictures that cannot be read, in a message
VERSION = "1"  # of the preparation: another one, other files
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
            _fill(store, paths, size, background, title)
            return store.images
        return _mapped(paths, shape, size, background, title)


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


class InFile(InMemory):
    """The same in a file, which can be continued."""

    def __init__(self, path: Path, N: int, H: int, W: int, C: int) -> None:
        self.path, self.state = path, path.with_suffix(".json")
        with suppress(OSError, ValueError, TypeError, KeyError):
            state = json.loads(self.state.read_text())
            shape = (N, H, W, int(state["channels"]))
            self.images = np.lib.format.open_memmap(path, "r+")
            if self.images.shape == shape and self.images.dtype == np.uint8:
                self.done = int(state["done"])
                return
        self.images = np.lib.format.open_memmap(path, "w+", np.uint8, (N, H, W, C))

    def put(self, rows: Sequence[np.ndarray]) -> None:
        super().put(rows)
        self._map().flush()
        with replacing(self.state) as file:
            file.write(json.dumps({"done": self.done, "channels": self.images.shape[3]}).encode())

    def _map(self) -> np.memmap:
        assert isinstance(self.images, np.memmap)
        return self.images

    def widen(self) -> None:
        wide = self.path.with_suffix(".wide")
        images = np.lib.format.open_memmap(wide, "w+", np.uint8, (*self.images.shape[:3], 3))
        images[: self.done] = self.images[: self.done]
        images.flush()
        self.state.unlink(missing_ok=True)
        os.replace(wide, self.path)
        self.images = images


def free_memory() -> int:
    """Bytes of memory that this process may still use, as far as the system reports them."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    with suppress(OSError, ValueError):  # in a container
        most, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        found.append(int(most) - int(used))
    return max(0, min(found)) if found else 4 * 2**30


def cache() -> Path:
    """Where prepared pixels are kept: $MINIGAN_CACHE, or the cache folder of this user."""
    if given := os.environ.get("MINIGAN_CACHE"):
        return Path(given).expanduser() / "prepared"
    return places.cache() / "prepared"


def _fill(store: InMemory, paths: Sequence[Path], size: int | None, background: str, title: str) -> None:
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


def _mapped(paths: Sequence[Path], shape: tuple[int, ...], size: int | None, background: str, title: str) -> np.ndarray:
    """The pixels in a file of the cache, prepared if they are not yet; read from there."""
    target = cache() / f"{_key(paths, size, background)}.npy"
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.with_suffix(".lock")):
        if not _is_whole(target, len(paths)):
            need, room = len(paths) * int(np.prod(shape[:2])) * 3, shutil.disk_usage(target.parent).free
            if need > room:
                raise ValueError(
                    f"the pixels of {len(paths):,} pictures take {need / 2**30:.1f} GiB in {target.parent}, where "
                    f"{room / 2**30:.1f} are free; take a smaller --size, or set MINIGAN_CACHE to another folder"
                )
            part = target.with_suffix(".part")
            store = InFile(part, len(paths), *shape)
            _fill(store, paths, size, background, f"{title} into {target.parent}")
            digest = {"sha256": _digest(store.images), "shape": store.images.shape}
            del store
            with replacing(target.with_suffix(".sha256.json")) as file:
                file.write(json.dumps(digest).encode())
            os.replace(part, target)
            part.with_suffix(".json").unlink(missing_ok=True)
    return np.asarray(np.load(target, mmap_mode="r"))


def _key(paths: Sequence[Path], size: int | None, background: str) -> str:
    """A digest of what the pixels depend on."""
    sha = hashlib.sha256(json.dumps([VERSION, size, pictures.colour(background)]).encode())
    for path in paths:
        state = path.stat()
        sha.update(f"\0{os.path.abspath(path)}\0{state.st_size}\0{state.st_mtime_ns}".encode(errors="surrogateescape"))
    return sha.hexdigest()[:32]


def _is_whole(path: Path, N: int) -> bool:
    """Is this a finished file with the digest that is written beside it?"""
    with suppress(OSError, ValueError, KeyError, TypeError):
        stated = json.loads(path.with_suffix(".sha256.json").read_text())
        images = np.load(path, mmap_mode="r")
        return len(images) == N and list(images.shape) == stated["shape"] and _digest(images) == stated["sha256"]
    return False


def _digest(images: np.ndarray) -> str:
    sha = hashlib.sha256()
    bar = tqdm(range(0, len(images), BLOCK), desc="checking prepared pictures", leave=False, delay=2)
    for start in bar:
        sha.update(np.ascontiguousarray(images[start : start + BLOCK]).data)
    return sha.hexdigest()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Inside, no other process prepares the same pictures; it waits, where the system has locks."""
    with open(path, "ab") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("another process prepares these pictures: waiting until they are ready", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a file system without locks
                pass
        yield

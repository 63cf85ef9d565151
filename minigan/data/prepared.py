"""Pixels of pictures in a file, for sets that do not fit into memory.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import places
from minigan.atomic import replacing
from minigan.data import pictures
from minigan.data.reading import BLOCK, InMemory, fill

VERSION = "1"  # of the preparation: another one, other files


def mapped(paths: Sequence[Path], shape: tuple[int, ...], size: int | None, background: str, title: str) -> np.ndarray:
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
            unfinished = target.with_suffix(".part")
            store = InFile(unfinished, len(paths), *shape)
            fill(store, paths, size, background, f"{title} into {target.parent}")
            digest = {"sha256": _digest(store.images), "shape": store.images.shape}
            del store
            with replacing(target.with_suffix(".sha256.json")) as file:
                file.write(json.dumps(digest).encode())
            os.replace(unfinished, target)
            unfinished.with_suffix(".json").unlink(missing_ok=True)
    return np.asarray(np.load(target, mmap_mode="r"))


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


def cache() -> Path:
    """Where prepared pixels are kept: $MINIGAN_CACHE, or the cache folder of this user."""
    if given := os.environ.get("MINIGAN_CACHE"):
        return Path(given).expanduser() / "prepared"
    return places.cache() / "prepared"


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

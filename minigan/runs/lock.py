"""Lock: one process at a time works on a run.

The operating system holds the lock, and drops it when its process ends, however that comes about: no check is
needed whether a process is still alive, or whether its number belongs to another one now. The locked file names the
process that works there; what a killed process left in it is reported by the next one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "run.lock"


class Busy(RuntimeError):
    """Another process works on this run; the message states which, and since when."""


class Lock:
    """The lock of the run in `folder`, which another process cannot take before it is released, or its process ends.

    It belongs to the process: within one, a second Lock of the same folder is granted, and the first release ends both.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it, or keep it. Busy: another process has it. Warnings report a process that ended without releasing
        it, and of a file system that has no locks."""
        if self._descriptor is not None and self._has_its_name(self._descriptor):
            return
        while self._descriptor is None or not self._has_its_name(self._descriptor):
            self._close()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            if not _granted(descriptor, self.path):
                owner = _owner(descriptor)
                os.close(descriptor)
                raise Busy(f"{self.path.parent} is in use by {_words(owner)}; two processes at once would damage it")
            self._descriptor = descriptor
        before, process = _owner(self._descriptor), {"pid": os.getpid(), "host": socket.gethostname()}
        if before and not process.items() <= before.items():
            message = f"{self.path.parent} was in use by {_words(before)}, which has ended; this process takes over"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        _write(self._descriptor, json.dumps({**process, "since": time.time()}))

    def release(self) -> None:
        """Give it back; nothing happens where it is not held."""
        if self._descriptor is not None and self._has_its_name(self._descriptor):
            _write(self._descriptor, "")
            if sys.platform != "win32":  # there, an open file keeps its name
                with suppress(OSError):  # in a folder that has become read-only it stays, and names no process
                    self.path.unlink()
        self._close()

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _has_its_name(self, descriptor: int) -> bool:
        """Is the open file still the one of this name, or has its last owner removed it?"""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _granted(descriptor: int, path: Path) -> bool:
    """Ask the operating system for the lock, without waiting."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 2**30, os.SEEK_SET)  # what is locked cannot be read: this is after the text
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        message = f"{path}: locks do not work here ({error}); see to it that no other process works on this run"
        warnings.warn(message, RuntimeWarning, stacklevel=4)
    return True


def _owner(descriptor: int) -> dict[str, Any]:
    """The owner that the file names; {} where it names none."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        content = json.loads(os.read(descriptor, 1000))
        return {"pid": int(content["pid"]), "host": str(content["host"]), "since": float(content["since"])}
    except (ValueError, TypeError, KeyError):
        return {}


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _words(owner: dict[str, Any]) -> str:
    if not owner:
        return "another process"
    hours, minutes = divmod(int(max(0.0, time.time() - owner["since"])) // 60, 60)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner["since"]))
    return f"process {owner['pid']} on {owner['host']}, since {since} ({hours} h {minutes} min)"

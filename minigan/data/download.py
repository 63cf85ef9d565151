"""One file from the first mirror that has a good copy of it."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigan.atomic import replacing

CHUNK = 2**16
ATTEMPTS = 3  # of a mirror whose transfer breaks off
LARGEST = 2**28  # bytes; the largest file of MNIST has ten million


def fetch(urls: Sequence[str], target: Path, check: Callable[[Path], object]) -> None:
    """Download to `target`, trying the mirrors in turn; a bar on stderr shows how far it is.

    `check` is given the path of every copy that arrives and raises ValueError if it is not what was wanted: the copy
    is then deleted and the next mirror tried; one that breaks off in the midst is asked again first. `target` appears
    only with a checked copy, whole. Raises ConnectionError that reports for each mirror what went wrong.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for url in urls:
        if _fetched(url, target, check, failures):
            return
    raise ConnectionError("\n".join(failures))


def _fetched(url: str, target: Path, check: Callable[[Path], object], failures: list[str]) -> bool:
    """Has this mirror given a good copy? What went wrong is added to `failures`."""
    for _ in range(ATTEMPTS):
        print(f"downloading {url}", file=sys.stderr)
        # A folder of its own for every process: two that download the same file do not meet before it is whole.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
            copy = Path(folder) / target.name
            try:
                _receive(url, copy)
                check(copy)
            except (OSError, ValueError) as error:
                failures.append(f"{url}: {error}")
                if not _broke_off(error):
                    return False  # asking again would bring the same
                continue
            with replacing(target) as file:
                file.write(copy.read_bytes())
            return True
    return False


def _broke_off(error: Exception) -> bool:
    from requests.exceptions import ChunkedEncodingError

    return isinstance(error, ChunkedEncodingError)


class _Limited(io.FileIO):
    """A file that takes LARGEST bytes and no more."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > LARGEST:
            raise ValueError(f"it sends more than {LARGEST:,} bytes")
        return super().write(data)


def _receive(url: str, copy: Path) -> None:
    import pooch  # here, not above: it is slow to import and most runs download nothing

    with _Limited(copy, "w") as file:
        pooch.HTTPDownloader(progressbar=True, chunk_size=CHUNK)(url, file, None)

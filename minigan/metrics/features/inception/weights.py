"""The published file of Inception's weights: where it may lie, and whether it is the one.

It is never downloaded here. All scores that are called FID were measured with these very bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from minigan import foreign, places

FILES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")  # one file, two names
SIZE = 95_628_359  # bytes
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
NAME, UNVERIFIED = "inception-2015-12-05", "inception-unverified"
VARIABLE = "MINIGAN_INCEPTION_WEIGHTS"


def find(path: str | os.PathLike[str] | None = None) -> Path:
    """The file at `path`; for None, the one that MINIGAN_INCEPTION_WEIGHTS names, else the one in the user's cache.

    FileNotFoundError names the places that were searched, and the file that is wanted from where.
    """
    candidates = [Path(path).expanduser()] if path is not None else list(_places())
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = "\n  ".join(map(str, candidates))
    raise FileNotFoundError(
        f"the weights of Inception are not on this machine; these files were looked for:\n  {looked}\n"
        f"Fetch {FILES[0]} ({SIZE:,} bytes, SHA-256 {SHA256}) from the release page of pytorch-fid, "
        f"and put it there or set {VARIABLE} to its path."
    )


def examine(path: Path, *, allow_unverified: bool) -> tuple[str, str]:
    """The name that a network of this file's weights bears, and the file's SHA-256.

    ValueError: it is not the published file, and no other is allowed.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    genuine = (size, sha256) == (SIZE, SHA256)
    if not genuine and not allow_unverified:
        raise ValueError(
            f"{path}: must be the published weights of Inception, {SIZE:,} bytes with SHA-256 {SHA256}, got {size:,} "
            f"bytes with {sha256}{foreign.hint(path)}; allow_unverified=True reads other weights, whose scores are not "
            f"FIDs and have another name"
        )
    return NAME if genuine else UNVERIFIED, sha256


def _places() -> Iterator[Path]:
    """Every path where the file may lie, in the order in which they are tried."""
    if given := os.environ.get(VARIABLE):
        yield Path(given).expanduser()
        return
    yield from (places.cache() / file for file in FILES)

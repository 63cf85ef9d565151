"""IDX files, the format of MNIST: a header with the shape, then the bytes of one array.

    offset   bytes   meaning
    0        2       0, 0
    2        1       type of the values; 0x08 is an unsigned byte, the only type read here
    3        1       D, the number of dimensions
    4        4 D     the sizes, each a big-endian 32-bit integer
    4 + 4 D  rest    the values, last index fastest

Source: LeCun, Cortes & Burges, the MNIST database, "file formats".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np

from minigan import foreign
from minigan.atomic import replacing

UNSIGNED_BYTE = 0x08
MAX_DIMENSIONS = 4  # samples, rows, columns, channels
MAX_BYTES = 2**31  # forty times MNIST: a size beyond this is damage or malice
GZIP_MAGIC = b"\x1f\x8b"
GZIP_LEVEL = 7  # on digits within 1 % of the size of level 9, in a ninth of its time
CHUNK = 2**20
FREE, RATIO = 2**26, 20  # a file may unpack to this many bytes, or to so many times its own size; MNIST: 5 times


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The uint8 array in an IDX file, plain or gzip (recognised by the first bytes, not by the name).

    Raises FileNotFoundError where there is no file, and ValueError, with the path, what came and what was expected,
    for anything that is not one whole IDX file of unsigned bytes. Memory stays bounded whatever the file states: it
    grows only with bytes that are there, and reading stops one byte after what the header declares.
    """
    path = Path(path)
    with open(path, "rb") as raw, _plain(raw, path) as stream:
        shape = _read_header(stream, path)
        size, packed = math.prod(shape), os.fstat(raw.fileno()).st_size
        if stream is not raw and size > max(FREE, RATIO * packed):
            raise ValueError(f"{path}: its {packed:,} bytes would unpack to {size:,}; {RATIO} times as many are read")
        values = _read_up_to(stream, size)
        if len(values) < size:
            raise ValueError(f"{path}: truncated: expected {size} values for shape {shape}, got {len(values)}")
        if stream.read(1):
            raise ValueError(f"{path}: expected the end of the file after {size} values of shape {shape}, got more")
    return np.frombuffer(values, np.uint8).reshape(shape)


def write_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write a uint8 array as an IDX file, atomically; compressed if the name ends in .gz.

    The compressed file holds no name and no date, so equal arrays give equal bytes. Raises ValueError for an array
    that `read_idx` would not take back.
    """
    path = Path(path)
    content = _header(array) + array.tobytes()
    with replacing(path) as file:
        file.write(_compressed(content) if path.suffix == ".gz" else content)


def content_hash(array: np.ndarray) -> str:
    """SHA-256 of the plain IDX file of an array, in hexadecimal: the same however the file was compressed."""
    digest = hashlib.sha256(_header(array))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextmanager
def _plain(raw: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    """The decompressed stream; whatever is wrong with a gzip stream comes out as ValueError."""
    compressed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    raw.seek(0)
    if not compressed:
        yield raw
        return
    try:
        with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            yield cast(IO[bytes], stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole gzip file, got a damaged one: {error}") from error


def _read_header(stream: IO[bytes], path: Path) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        came = f"expected 4 bytes that begin with 00 00, got {magic.hex(' ')!r}"
        raise ValueError(f"{path}: not an IDX file: {came}{foreign.hint(path)}")
    kind, ndim = magic[2], magic[3]
    if kind != UNSIGNED_BYTE:
        raise ValueError(f"{path}: expected values of IDX type 0x08 (unsigned byte), got type 0x{kind:02x}")
    if not 1 <= ndim <= MAX_DIMENSIONS:
        raise ValueError(f"{path}: expected 1 to {MAX_DIMENSIONS} dimensions, got {ndim}")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"{path}: truncated: expected {4 * ndim} bytes of sizes, got {len(sizes)}")
    shape = struct.unpack(f">{ndim}I", sizes)
    if not 1 <= math.prod(shape) <= MAX_BYTES:
        raise ValueError(f"{path}: expected a shape of 1 to {MAX_BYTES} values, got {shape}")
    return shape


def _read_up_to(stream: IO[bytes], size: int) -> bytearray:
    """At most `size` bytes, asked for in pieces: a reader that is asked for 2 GiB would allocate them at once."""
    values = bytearray()
    while len(values) < size and (piece := stream.read(min(CHUNK, size - len(values)))):
        values += piece
    return values


def _header(array: np.ndarray) -> bytes:
    if array.dtype != np.uint8 or not 1 <= array.ndim <= MAX_DIMENSIONS or not 1 <= array.size <= MAX_BYTES:
        raise ValueError(
            f"an IDX file takes 1 to {MAX_BYTES} uint8 values in 1 to {MAX_DIMENSIONS} dimensions, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return struct.pack(f">2x2B{array.ndim}I", UNSIGNED_BYTE, array.ndim, *array.shape)


def _compressed(content: bytes) -> bytes:
    target = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=target, mtime=0) as stream:
        stream.write(content)
    return target.getvalue()

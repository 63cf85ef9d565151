"""Files of named arrays: .npz archives that describe themselves, written whole, and checked when read.

Such a file is a zip archive of .npy members that `numpy.load` reads. What `write` makes has one member more, "minigan":
a JSON text, the header, with what the caller states about the file, the data type and shape of every array, and a
SHA-256 digest of all that. A reader compares everything with what is really there: sizes of members with the file,
shapes with the members, contents with checksums and digest. Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from minigan import foreign
from minigan.atomic import replacing

HEADER = "minigan"
CHUNK = 2**20  # bytes read at a time; a zip archive's table of contents is read in one piece
FREE, RATIO = 2**26, 20  # compressed members may unpack to this many bytes, or to so many times the size of their file
_NAME = re.compile(r"(?!\.\.?(/|$))[^\x00-\x1f\x7f\\:/]+(/(?!\.\.?(/|$))[^\x00-\x1f\x7f\\:/]+)*")
_NPY = re.compile(
    rb"\{ *'descr': *'([<>|=]?[biufcU]\d{1,9})', *'fortran_order': *(True|False), "
    rb"*'shape': *\(((?:\d{1,18}, *)*(?:\d{1,18})?)\) *,? *\} *\n?"
)
# What reading a damaged or hostile archive may end in: zipfile, zlib, json and NumPy complain in all these ways.
_DAMAGED = (ValueError, OSError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)


def write(path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write arrays and what is to be known of them, whole or not at all, and forced to the disk.

    header  JSON values; "arrays" and "sha256" are added. TypeError: not JSON, or an array of objects; ValueError: a
            name that `read` would refuse.
    """
    wrong = [repr(name) for name in arrays if name == HEADER or not _NAME.fullmatch(name)]
    if wrong:
        raise ValueError(f"{path}: not usable as names of arrays: {', '.join(wrong)}")
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(f"{path}: arrays of objects cannot be written: {', '.join(objects)}")
    content = json.loads(json.dumps({**header, "arrays": {name: _form(array) for name, array in arrays.items()}}))
    content["sha256"] = digest(arrays, content)
    with replacing(path) as file, _new_archive(file) as archive:
        for name, array in {HEADER: np.array(json.dumps(content)), **arrays}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


@contextmanager
def _new_archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """A zip archive to write, which is finished where the block ends well."""
    archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
    try:
        yield archive
        archive.close()
    except BaseException:  # a second Ctrl-C too: to finish an archive that is thrown away would hide the error
        archive.fp = None
        raise


def digest(arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of the header (its JSON with sorted keys, without "sha256") and of the bytes of the
    arrays in the order of their names, the last axis fastest."""
    known = {name: value for name, value in header.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read(
    path: Path, what: str = "file of arrays", only: Collection[str] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of an .npz archive by name, and its header: {} for archives of other programs, which have none.

    what  words for the file in messages
    only  names; what else is in the archive stays unread, its header too

    FileNotFoundError: no such file. ValueError names the path and what is wrong: the file is damaged, made to do harm,
    or not what its header states, with every difference. It costs no more time or memory than a sound file of its size.
    """
    with _suspicion(path, what) as file, _archive(file) as archive:
        arrays = {}
        for name, member in _members(archive, _size(file)).items():
            if only is None or name in only:
                with archive.open(member) as stream:
                    arrays[name] = _array(stream, name, member.file_size)
        header = _header(arrays.pop(HEADER)) if HEADER in arrays else {}
        if "sha256" in header:
            _verify(arrays, header)
        return arrays, header


def read_one(path: Path, what: str = "file of an array") -> np.ndarray:
    """The array of an .npy file; errors as `read`."""
    with _suspicion(path, what) as file:
        return _array(file, "it", _size(file))


def map_one(path: Path, what: str = "file of an array") -> np.ndarray:
    """The array of an .npy file where it lies, to be read piece by piece; errors as `read`."""
    with _suspicion(path, what) as file:
        dtype, shape, order, start = _npy_header(file, "it")
        if start + math.prod(shape) * dtype.itemsize != _size(file):
            raise ValueError(f"it claims to be {dtype} {shape}, and has {_size(file) - start:,} bytes")
        mapped = np.memmap(path, dtype, "r", start, shape, "F" if order == b"True" else "C")
        return np.asarray(mapped)


def names(path: Path, what: str = "file of arrays") -> list[str]:
    """The names of the arrays in an .npz archive; errors as `read`."""
    with _suspicion(path, what) as file, _archive(file) as archive:
        return list(_members(archive, _size(file)))


class _Modest(io.BufferedReader):
    """A file that is never read in larger pieces than CHUNK, whatever its own contents ask for."""

    def read(self, n: int | None = -1, /) -> bytes:
        piece = super().read(CHUNK + 1 if n is None or n < 0 else min(n, CHUNK + 1))
        if len(piece) > CHUNK:
            raise ValueError(f"it asks for more than {CHUNK:,} bytes at once, such as for a table of contents")
        return piece


@contextmanager
def _suspicion(path: Path, what: str) -> Iterator[IO[bytes]]:
    """The file to read; whatever goes wrong with its contents becomes one ValueError."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file")  # opening a pipe would never return
        with _Modest(io.FileIO(path)) as file:
            yield file
    except (FileNotFoundError, PermissionError):
        raise
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error) as error:
        known = foreign.hint(path) if path.is_file() else ""
        raise ValueError(f"{path}: not a {what}, or a damaged one ({error}{known})") from error


def _archive(file: IO[bytes]) -> zipfile.ZipFile:
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not an .npz archive")
    return zipfile.ZipFile(file)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members by the names of their arrays, all of what the table of contents claims checked."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.orig_filename.removesuffix(".npy")
        shown = repr(member.orig_filename[:80])
        if name == member.orig_filename or not _NAME.fullmatch(name):
            raise ValueError(f"its member {shown} is not named like an array")
        if name in members:
            raise ValueError(f"its member {shown} is there twice")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its member {shown} is encrypted, or compressed in an unusual way")
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            raise ValueError(f"its member {shown} claims two sizes")
        members[name] = member
    packed, unpacked = (sum(getattr(m, kind) for m in members.values()) for kind in ("compress_size", "file_size"))
    if packed > size:
        raise ValueError(f"its members claim {packed:,} bytes, and it has {size:,}")
    if unpacked > max(size, FREE, RATIO * size):
        raise ValueError(
            f"it has {size:,} bytes and would unpack to {unpacked:,}, more than {RATIO} times as many; "
            "if that is meant, store it without compression"
        )
    return members


def _array(stream: IO[bytes], name: str, size: int) -> np.ndarray:
    """The array of an .npy stream of `size` bytes."""
    dtype, shape, order, start = _npy_header(stream, name)
    count = math.prod(shape)
    if start + count * dtype.itemsize != size:
        raise ValueError(f"{name} claims to be {dtype} {shape}, and has {size - start:,} bytes")
    array = np.empty(count, dtype)
    whole = array.view(np.uint8).data
    for begin in range(0, len(whole), CHUNK):
        piece = whole[begin : begin + CHUNK]
        got = stream.read(len(piece))
        if len(got) != len(piece):
            raise ValueError(f"{name} ends too soon")
        piece[:] = got
    if stream.read(1):  # at the end of a member its checksum is compared
        raise ValueError(f"{name} has more bytes than it claims")
    if dtype.kind == "U" and count and array.view(f"{dtype.str[0]}u4").max() > 0x10FFFF:
        raise ValueError(f"{name} is not a text")
    return array.reshape(shape, order="F" if order == b"True" else "C")


def _npy_header(stream: IO[bytes], name: str) -> tuple[np.dtype, tuple[int, ...], bytes, int]:
    """Data type, shape, b"True" for the first axis fastest, and where the numbers begin."""
    start = stream.read(8)
    digits = 2 if start[6:7] == b"\x01" else 4
    length = int.from_bytes(stream.read(digits), "little")
    if start[:6] != b"\x93NUMPY" or length > 10_000:
        raise ValueError(f"{name} is not an .npy array")
    text = stream.read(length)
    parsed = _NPY.fullmatch(text)
    if parsed is None or len(text) != length:
        raise ValueError(f"{name} is not a plain array of numbers or of text: {text[:100]!r}")
    shape = tuple(int(n) for n in parsed[3].split(b",") if n.strip())
    return np.dtype(parsed[1].decode()), shape, parsed[2], 8 + digits + length


def _header(array: np.ndarray) -> dict[str, Any]:
    header = json.loads(array.item()) if array.dtype.kind == "U" and array.ndim == 0 else None
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header


def _form(array: np.ndarray) -> list[Any]:
    """Data type and shape, as a header has them."""
    return [array.dtype.str, list(array.shape)]


def _verify(arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Compare the arrays with what their header states; ValueError lists all differences."""
    stated, forms = header["arrays"], {name: _form(array) for name, array in arrays.items()}
    wrong = [f"{name} is missing" for name in stated.keys() - forms.keys()]
    wrong += [f"{name} is not in the header" for name in forms.keys() - stated.keys()]
    both = stated.keys() & forms.keys()
    wrong += [f"{name} is {forms[name]}, expected {stated[name]}" for name in both if stated[name] != forms[name]]
    if wrong:
        raise ValueError("; ".join(sorted(wrong)))
    if digest(arrays, header) != header["sha256"]:
        raise ValueError("its digest is not that of its contents")

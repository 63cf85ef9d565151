"""The tensors of a PyTorch file, read without PyTorch.

Such a file is a pickle with raw numbers beside it, in one of two containers:

    zip       <root>/data.pkl is the pickle, <root>/data/<key> the numbers of one storage; nothing is compressed
    legacy    five pickles in a row: a magic number, 1001, the writer's byte order, the object, the storages' keys; then
              for every key how many numbers there are (u64), and these

The pickle refers to a storage by a persistent id ("storage", type, key, location, numel) and asks for tensors to be
rebuilt upon it by offset, size and stride, counted in numbers. `torchpickle` explains why that is safe; here all
sizes are compared with the bytes that are there before anything of that size is made.

Source      PyTorch's torch/serialization.py: _save, _legacy_save, _legacy_load.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan.metrics.features.torchpickle import Parameter, Storage, Tensor, follow

ZIP = b"PK\x03\x04"
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
PROTOCOL = 1001
LARGEST = 2**40  # of offsets, sizes and strides: what is larger is damage, and would overflow the arithmetic of strides
# What following a damaged or hostile file may end in.
_DAMAGED = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, ValueError, TypeError, LookupError, AttributeError),
    *(EOFError, ArithmeticError, RuntimeError, MemoryError),
    DeprecationWarning,  # what pickletools finds odd in a name, where warnings are errors
)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a file that holds a dict of them, by name: read-only arrays of little-endian float32 or int64.

    FileNotFoundError: no such file. ValueError names the file and what is wrong with it, or what this reader does not
    take: other types of numbers, other objects than a dict of tensors, big-endian numbers. Nothing in the file is ever
    executed.
    """
    data = Path(path).read_bytes()
    try:
        named, contents = (_read_zip if data.startswith(ZIP) else _read_legacy)(data)
        return {name: _array(tensor, contents) for name, tensor in named.items()}
    except _DAMAGED as error:
        raise ValueError(f"{path}: not a file of tensors, or a damaged one ({error})") from error


def _read_zip(data: bytes) -> tuple[dict[str, Tensor], dict[str, bytes]]:
    """The tensors by name, and the bytes of the storages by key."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if any(m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members.values()):
            raise ValueError("it has a compressed member, and PyTorch compresses none")
        if sum(member.file_size for member in members.values()) > len(data):
            raise ValueError("its members are larger than the file")
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"expected one member <root>/data.pkl, got {len(pickles)}")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are not little-endian")
        storages: dict[str, Storage] = {}
        named = _named_tensors(follow(io.BytesIO(archive.read(pickles[0])), storages))
        for key, storage in storages.items():
            size = members[f"{root}data/{key}"].file_size
            if size != storage.nbytes:
                raise ValueError(f"storage {key!r} has {size} bytes, expected {storage.nbytes}")
        return named, {key: archive.read(f"{root}data/{key}") for key in storages}


def _read_legacy(data: bytes) -> tuple[dict[str, Tensor], dict[str, bytes]]:
    """The tensors by name, and the bytes of the storages by key."""
    if not data.startswith(LEGACY):
        raise ValueError("it begins neither as a zip nor as PyTorch's older format")
    stream = io.BytesIO(data)
    storages: dict[str, Storage] = {}
    _, protocol, system = (follow(stream, {}) for _ in range(3))
    if protocol != PROTOCOL:
        raise ValueError(f"its protocol is not {PROTOCOL}")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    named = _named_tensors(follow(stream, storages))
    keys = follow(stream, {})
    if not isinstance(keys, list) or sorted(keys) != sorted(storages):
        raise ValueError("its list of storages is not what its tensors lie in")
    contents = {key: _next_storage(stream, storages[key], len(data)) for key in keys}
    if stream.tell() != len(data):
        raise ValueError(f"it has {len(data) - stream.tell()} bytes too many at its end")
    return named, contents


def _next_storage(stream: io.BytesIO, storage: Storage, length: int) -> bytes:
    """The bytes of the storage that comes next in a legacy file of this length."""
    (count,) = struct.unpack("<Q", stream.read(8))
    left = length - stream.tell()
    if count != storage.numel or storage.nbytes > left:
        raise ValueError(f"storage {storage.key!r} has {count} numbers in {left} bytes, expected {storage.numel}")
    return stream.read(storage.nbytes)


def _named_tensors(content: Any) -> dict[str, Tensor]:
    """The object, if it is a dict of tensors by name."""
    if not isinstance(content, dict):
        raise ValueError(f"expected a dict of tensors, got {type(content).__name__}")
    named = {name: value.data if isinstance(value, Parameter) else value for name, value in content.items()}
    for name, tensor in named.items():
        if type(name) is not str or not isinstance(tensor, Tensor) or not isinstance(tensor.storage, Storage):
            raise ValueError(f"expected a dict of tensors by name, its entry {str(name)[:80]!r} is none")
    return named


def _array(tensor: Tensor, contents: Mapping[str, bytes]) -> np.ndarray:
    """The tensor as a view of its storage, outside of which none of it may lie."""
    storage, offset, size, stride = tensor[:4]
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(n) is int and 0 <= n < LARGEST for n in numbers):
        raise ValueError(f"a tensor in storage {storage.key!r} has no proper offset, size and stride")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) > storage.numel or (0 not in size and last >= storage.numel):
        raise ValueError(f"a tensor lies outside of its storage {storage.key!r} of {storage.numel} numbers")
    dtype = np.dtype(storage.dtype)
    steps = [dtype.itemsize * step for step in stride]
    return np.ndarray(size, dtype, contents[storage.key], dtype.itemsize * offset, steps)

"""Files as PyTorch writes them, without PyTorch: a dict of tensors, or anything worse, in either container."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
LITTLE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class _Named:
    """Pickled as the name that it has in PyTorch."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__, self.__qualname__ = module, name

    def __reduce__(self) -> str:
        return self.__qualname__

    def __call__(self, *args: Any) -> None:
        raise NotImplementedError


FLOAT, LONG, DOUBLE = (_Named("torch", f"{kind}Storage") for kind in ("Float", "Long", "Double"))
TENSOR, PARAMETER = (_Named("torch._utils", f"_rebuild_{name}") for name in ("tensor_v2", "parameter"))
KINDS = {"<f4": FLOAT, "<i8": LONG, "<f8": DOUBLE}


@dataclass
class Storage:
    """Numbers in a row; `numel` and `pid` are what the file states, if that is not the truth."""

    key: str
    numbers: np.ndarray
    numel: int | None = None
    pid: Any = None

    def persistent_id(self, *view: Any) -> Any:
        count = len(self.numbers) if self.numel is None else self.numel
        return self.pid or ("storage", KINDS[self.numbers.dtype.str], self.key, "cpu", count, *view)


@dataclass
class Tensor:
    """A view of a storage; `state` is set after it is rebuilt, which no honest file does."""

    storage: Any
    offset: Any
    size: Any
    stride: Any
    state: Any = None

    def __reduce__(self) -> tuple:
        args = (self.storage, self.offset, self.size, self.stride, False, OrderedDict())
        return (TENSOR, args) if self.state is None else (TENSOR, args, self.state)


@dataclass
class Call:
    """As pickle's REDUCE: function(*args), and BUILD where there is a state."""

    function: Any
    args: tuple
    state: Any = None

    def __reduce__(self) -> tuple:
        return (self.function, self.args) if self.state is None else (self.function, self.args, self.state)


class _Pickler(pickle.Pickler):
    """Writes storages as persistent ids and remembers them."""

    def __init__(self, file: io.BytesIO, *view: Any) -> None:
        super().__init__(file, protocol=2)
        self.view, self.storages = view, {}

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        self.storages[obj.key] = obj
        return obj.persistent_id(*self.view)


def state_dict(arrays: Mapping[str, np.ndarray]) -> OrderedDict:
    """A module's: a contiguous tensor for every array, and the _metadata that PyTorch adds."""
    tensors = OrderedDict()
    for key, (name, a) in enumerate(arrays.items()):
        a = a.copy(order="C")
        strides = tuple(step // a.itemsize for step in a.strides)
        tensors[name] = Tensor(Storage(str(key), a.reshape(-1)), 0, a.shape, strides)
    tensors._metadata = OrderedDict({"": {"version": 1}})
    return tensors


def program(obj: Any, *view: Any) -> tuple[bytes, dict[str, Storage]]:
    """The pickle of an object, and the storages that it refers to."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for named in (FLOAT, LONG, DOUBLE, TENSOR, PARAMETER):
        setattr(utils if named.__module__ == "torch._utils" else torch, named.__qualname__, named)
    file = io.BytesIO()
    pickler = _Pickler(file, *view)
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        pickler.dump(obj)
    return file.getvalue(), pickler.storages


def legacy(obj: Any, *, protocol: int = 1001, system: Any = LITTLE, keys: Any = None) -> bytes:
    """As PyTorch wrote until 2020."""
    pickled, storages = program(obj, None)
    keys = sorted(storages) if keys is None else keys
    head = [pickle.dumps(part, protocol=2) for part in (MAGIC, protocol, system)]
    parts = [*head, pickled, pickle.dumps(keys, protocol=2)]
    for key in (key for key in keys if key in storages):
        storage = storages[key]
        count = len(storage.numbers) if storage.numel is None else storage.numel
        parts += [struct.pack("<Q", count), storage.numbers.tobytes()]
    return b"".join(parts)


def zipped(obj: Any, *, compression: int = zipfile.ZIP_STORED, **others: bytes) -> bytes:
    """As PyTorch writes since 2020; `others` are more members beside data.pkl."""
    pickled, storages = program(obj)
    return archive({"data.pkl": pickled, "version": b"3\n", **others}, storages, compression)


def archive(members: Mapping[str, bytes], storages: Mapping[str, Storage], compression: int) -> bytes:
    """A zip of these members, and of the numbers of these storages, in a folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as written:
        for name, content in members.items():
            written.writestr(f"some-name/{name}", content)
        for key, storage in storages.items():
            written.writestr(f"some-name/data/{key}", storage.numbers.tobytes())
    return file.getvalue()

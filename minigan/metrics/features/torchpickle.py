"""Following the pickle of a PyTorch file, without PyTorch and without trusting it.

No other file that this library reads is a pickle, because to load a pickle is to run its program. The published weights
are one, so there is this exception, and these are the reasons why it is safe:

    what it may say     The program is read through before it runs. It may use the instructions that a dict of tensors
                        takes, and no more than LONGEST of them.
    what it may call    Of all names, `find_class` accepts the five of NAMES. They stand for two texts and
                        three classes of this file that hold what they are given. No function is ever called.
    what it may change  Nothing: the three classes refuse or ignore whatever would set a state.

Source      PyTorch's torch/serialization.py and torch/_utils.py; Python's pickletools.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

LONGEST = 2**16  # instructions, three times what Inception's file has; far deeper nesting would overflow Python's stack
INSTRUCTIONS = frozenset(
    {
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    }
)


class Storage(NamedTuple):
    """The fields of a persistent id: the data type of the numbers of a storage, its key, and their count."""

    dtype: str
    key: str
    numel: int

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.numel * np.dtype(self.dtype).itemsize


class Tensor(NamedTuple):
    """torch._utils._rebuild_tensor_v2: what it would be given. Nothing about it is checked yet."""

    storage: Any
    offset: Any
    size: Any
    stride: Any
    requires_grad: Any
    hooks: Any
    metadata: Any = None

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of a tensor")


class Parameter(NamedTuple):
    """torch._utils._rebuild_parameter: what it would be given."""

    data: Any
    requires_grad: Any
    hooks: Any

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of a parameter")


class Items(dict[Any, Any]):
    """collections.OrderedDict: its items alone; what else PyTorch hangs onto it (_metadata) is dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


NAMES: Mapping[tuple[str, str], Any] = MappingProxyType(
    {
        ("collections", "OrderedDict"): Items,
        ("torch._utils", "_rebuild_tensor_v2"): Tensor,
        ("torch._utils", "_rebuild_parameter"): Parameter,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }
)


def follow(stream: io.BytesIO, storages: dict[str, Storage]) -> Any:
    """The object of the pickle that begins here. The stream ends after it; `storages`, by their keys, is added to.

    What it raises for a damaged or hostile pickle is any of `pickle.UnpicklingError`, ValueError, TypeError and so on.
    """
    start = stream.tell()
    for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if instruction.name not in INSTRUCTIONS:
            raise pickle.UnpicklingError(f"its pickle has an instruction {instruction.name}")
        if count == LONGEST:
            raise pickle.UnpicklingError(f"its pickle has more than {LONGEST} instructions")
        if (
            instruction.name.endswith("BINPUT") and (argument or 0) > count
        ):  # Python makes room for all places up to this one
            raise pickle.UnpicklingError(f"its pickle uses place {argument} of a memory of {count}")
    end = stream.tell()
    stream.seek(start)
    return _Unpickler(stream.read(end - start), storages).load()


class _Unpickler(pickle.Unpickler):
    """Follows a pickle, accepts the five names alone, and collects the storages that it refers to."""

    def __init__(self, program: bytes, storages: dict[str, Storage]) -> None:
        super().__init__(io.BytesIO(program))
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}; dicts of float32 and int64 tensors do not")
        return NAMES[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise pickle.UnpicklingError("it refers to something outside that is not a storage")
        dtype, key, _, numel, view = (*pid[1:], None)[:5]
        if dtype not in ("<f4", "<i8") or type(key) is not str or type(numel) is not int or numel < 0:
            raise pickle.UnpicklingError("a storage that has no type of number, key and size")
        if view is not None:
            raise pickle.UnpicklingError(f"storage {key!r} is a part of another, which this reader does not take")
        storage = Storage(dtype, key, numel)
        if self.storages.setdefault(key, storage) != storage:
            raise pickle.UnpicklingError(f"it refers to two different storages {key!r}")
        return storage

"""A stand-in for a CuPy array, backed by NumPy, that refuses what CuPy refuses: GPU mistakes show without a GPU.

NumPy hands a call such as `np.tanh(x)` to the array it is called with, and so to this one, which checks the call as
CuPy 14 would, lets NumPy compute it on the array inside, and wraps what comes back. Refused, although NumPy would do
it: a silent way to the host (`np.asarray`), host arrays and lists among the operands, names and keywords that CuPy
lacks (cupy_api.json), data types that no GPU has, and, inside `no_sync`, whatever waits for the GPU. Results are never
scalars: a sum is a 0-d array. Where CuPy leaves memory uninitialised, this one is filled with NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from support import cupy_api

SCALARS = (bool, int, float, complex, np.generic)
DTYPES = "?bhilqBHILQefdFD"
WAITING_METHODS = frozenset({"dump", "dumps", "item", "tobytes", "tofile", "tolist"})
WAITING_SEARCHES = frozenset({"argwhere", "bincount", "compress", "extract", "flatnonzero", "histogram", "nonzero"})
WAITING_SETS = frozenset({"unique", "unique_all", "unique_counts", "unique_inverse", "unique_values"})
WAITS = WAITING_METHODS | WAITING_SEARCHES | WAITING_SETS
ANSWERS = frozenset({"allclose", "array_equal", "array_equiv"})  # NumPy returns True, CuPy a 0-d array that holds True
CONTENTS = (int, tuple, np.dtype)  # what an attribute may be, besides an array

_on_sync: ContextVar[Callable[[str], None]] = ContextVar("on_sync", default=lambda what: None)


def to_device(x: np.ndarray) -> StrictArray:
    """The stand-in for a GPU copy of host array `x`."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"expected a numpy.ndarray to copy to the device, got {type(x)}")
    return StrictArray(x.copy(order="K"))


def to_host(x: StrictArray) -> np.ndarray:
    """A host copy of the stand-in `x`."""
    return x.get()


def no_sync() -> AbstractContextManager[None]:
    """Inside, whatever waits for the GPU raises RuntimeError: float(x), bool(x), x.item(), x.get(), x[mask], ..."""
    return _reporting_syncs_to(_refuse_sync)


@contextmanager
def counted_syncs() -> Iterator[list[str]]:
    """Gives a list to which every wait for the GPU inside adds its name."""
    seen: list[str] = []
    with _reporting_syncs_to(seen.append):
        yield seen


@contextmanager
def _reporting_syncs_to(report: Callable[[str], None]) -> Iterator[None]:
    token = _on_sync.set(report)
    try:
        yield
    finally:
        _on_sync.reset(token)


def _refuse_sync(what: str) -> NoReturn:
    raise RuntimeError(f"device-to-host synchronisation: {what}")


class StrictArray(NDArrayOperatorsMixin):
    """An array on a device that is not there. Operators, ufuncs, functions and methods as CuPy has them, no others."""

    __slots__ = ("_host",)

    def __init__(self, host: np.ndarray) -> None:
        if host.dtype.char not in DTYPES:
            raise TypeError(f"Unsupported dtype {host.dtype}: a GPU has none such")
        self._host = host

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if method != "__call__":
            raise TypeError(f"np.{name}.{method}: CuPy has it for a few ufuncs only; use a function such as np.sum")
        for value in inputs:
            if not isinstance(value, (StrictArray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)} in np.{name}: it is not on the device")
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = kwargs["out"][0]
        return self._call("cupy", name, ufunc, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        section = "cupy" + function.__module__.removeprefix("numpy")
        return self._call(section, function.__name__, function, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to do so explicitly.")

    def __getattr__(self, name: str) -> Any:
        if name not in cupy_api.API["cupy.ndarray"]:
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        value = getattr(self._host, name)
        if callable(value):
            return lambda *args, **kwargs: self._call("cupy.ndarray", name, value, args, kwargs)
        if isinstance(value, np.ndarray | np.generic):
            return self._wrap(value)
        if not isinstance(value, CONTENTS):
            raise AttributeError(f"the stand-in does not imitate cupy.ndarray.{name}")
        return value

    @property
    def flags(self) -> SimpleNamespace:
        flags = self._host.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata)

    def get(self) -> np.ndarray:
        """A host copy."""
        _sync("get()")
        return self._host.copy()

    def set(self, host: np.ndarray) -> None:
        """Copy a host array of the same shape and data type into this one."""
        if not isinstance(host, np.ndarray):
            raise TypeError(f"Only numpy.ndarray can be set to cupy.ndarray, not {type(host)}")
        if host.dtype != self.dtype:
            raise TypeError(f"{host.dtype} array cannot be set to {self.dtype} array")
        if host.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {host.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        self._store((...,), host)

    def __getitem__(self, key: Any) -> StrictArray:
        key = _index(key)
        picked = self._host[key]
        # one element is a view too, as in CuPy; NumPy would copy it out as a scalar
        return type(self)(self._host[(*key, ...)] if isinstance(picked, np.generic) else picked)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, (StrictArray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)} to assign: it is not on the device")
        self._store(_index(key), _inside(value))

    def __imatmul__(self, other: Any) -> NoReturn:
        raise TypeError("cupy.ndarray has no @=: Python would make a new array of it")

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[StrictArray]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._read("bool()"))

    def __int__(self) -> int:
        return int(self._read("int()"))

    def __float__(self) -> float:
        return float(self._read("float()"))

    def __complex__(self) -> complex:
        return complex(self._read("complex()"))

    def __repr__(self) -> str:
        return f"Strict{self._read('repr()')!r}"

    def __format__(self, spec: str) -> str:
        return format(self._read("format()"), spec)

    def _read(self, how: str) -> np.ndarray:
        _sync(how)
        return self._host

    def _call(self, section: str, name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Check a call as CuPy would, let NumPy compute it on the arrays inside, wrap what comes back."""
        complaint = cupy_api.complaint(section, name, kwargs)
        if complaint:
            raise TypeError(complaint)
        if name in WAITS or (name == "where" and len(args) == 1):
            _sync(f"{name}()")
        inside = {keyword: _inside(value) for keyword, value in kwargs.items()}
        result = self._compute(name, function, list(map(_inside, args)), inside)
        if name in ("empty", "empty_like") and result.dtype.kind in "fc":
            result.fill(np.nan)
        if name in ANSWERS:
            result = np.asarray(result)
        out = kwargs.get("out")
        return self._wrap(result) if out is None else out

    def _compute(self, name: str, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Let NumPy compute it: the place where a device decides when, and in whose memory."""
        return function(*args, **kwargs)

    def _store(self, key: tuple[Any, ...], value: Any) -> None:
        self._host[key] = value

    def _wrap(self, result: Any) -> Any:
        if isinstance(result, np.ndarray | np.generic):
            return type(self)(np.asarray(result))
        if isinstance(result, list | tuple):
            return [self._wrap(item) for item in result] if isinstance(result, list) else tuple(map(self._wrap, result))
        return result


def _sync(what: str) -> None:
    _on_sync.get()(what)


def _inside(value: Any) -> Any:
    """The NumPy array inside a stand-in, or inside each of a list of them; a host array is refused."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}: it is not on the device")
    if not isinstance(value, list | tuple):
        return value
    on_device = [isinstance(item, StrictArray) for item in value]
    if any(on_device) and not all(on_device):
        raise TypeError("Unsupported type: a list of arrays of which some are not on the device")
    return type(value)(map(_inside, value))


def _index(key: Any) -> tuple[Any, ...]:
    """The key as NumPy needs it. CuPy takes index arrays from the host too; a mask has to be counted: a wait."""
    parts = key if isinstance(key, tuple) else (key,)
    opened = [part._host if isinstance(part, StrictArray) else part for part in parts]
    if any(isinstance(part, list | np.ndarray) and np.asarray(part).dtype == bool for part in opened):
        _sync("boolean-mask indexing")
    return tuple(opened)

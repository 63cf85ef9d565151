"""Reading and writing the weights of a network as a PyTorch state dict in a safetensors file.

Such a file is the length of a header, the header, JSON with every tensor's name, type, shape and place, and the
numbers. Nothing in it can be executed. The names are those of a torch.nn.Sequential of the corresponding layers, which
`as_pytorch` writes down: "3.weight" is the weight of layer 3 on both sides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from minigan import foreign
from minigan.atomic import replacing
from minigan.device import like
from minigan.exchange.naming import renamed
from minigan.exchange.walk import Tensor, tensors
from minigan.layers import Layer

KINDS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64"}
TIMES, ROOM = 16, 2**24  # a file of a network has at most 16 times the network's bytes, and 16 MiB
COUNTED = "num_batches_tracked"  # what a file may lack
SHOWN = 40  # differences that an error lists


def write_safetensors(
    path: str | os.PathLike[str],
    network: Layer,
    input_shape: tuple[int, ...],
    names: Mapping[str, str] | None = None,
) -> None:
    """Write the weights and running statistics of `network` for PyTorch, to be loaded with strict=True.

    input_shape   one sample's, (features,) or (H, W, C): in PyTorch a flattened image lies in another order
    names         PyTorch's names of modules or tensors where they differ: {"0": "main.0"} makes "main.0.weight" of
                  "0.weight", {"": "main"} puts "main." before all

    num_batches_tracked of a batch norm is 0: nothing is counted here, and nothing depends on it. FloatingPointError:
    an array holds a NaN or an infinity. ValueError: PyTorch has not such a layer, or a name does not fit.
    """
    named = _named(tensors(network, input_shape), names or {})
    broken = [name for name, tensor in named.items() if not np.isfinite(tensor.outwards()).all()]
    if broken:
        raise FloatingPointError(f"{', '.join(broken)} hold NaN or infinite values; {path} is not written")
    data = save({name: tensor.outwards() for name, tensor in named.items()}, metadata={"format": "pt"})
    with replacing(path) as file:
        file.write(data)


def read_safetensors(
    path: str | os.PathLike[str],
    network: Layer,
    input_shape: tuple[int, ...],
    names: Mapping[str, str] | None = None,
) -> None:
    """Copy the weights and running statistics in the file into `network`; arguments as of `write_safetensors`.

    float16, bfloat16 and float32 are taken by a network of larger floating-point numbers, which holds each of them
    exactly. ValueError lists all names, shapes, types and values that do not fit, or reports a damaged file or
    none; the network is then as it was. FileNotFoundError: no such file.
    """
    path = Path(path)
    named = _named(tensors(network, input_shape), names or {})
    stored = _load(path, TIMES * sum(tensor.array.nbytes for tensor in named.values()) + ROOM)
    wrong = [f"{name} is missing" for name, tensor in named.items() if name not in stored and not tensor.counted]
    wrong += [f"{name[:100]!r} is unknown" for name in stored if name not in named]
    numbers = {}
    for name in named.keys() & stored.keys():
        try:
            numbers[name] = _numbers(stored[name], named[name])
        except ValueError as error:
            wrong.append(f"{name} {error}")
    if wrong:
        wrong = _with_the_way(wrong, set(named), set(stored))
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ValueError(f"{path}: does not fit this network: {'; '.join(wrong[:SHOWN])}{more}")
    for name, values in numbers.items():
        array = named[name].array
        array[...] = like(named[name].inwards(values), array)


def _with_the_way(wrong: list[str], expected: set[str], stored: set[str]) -> list[str]:
    """The differences in order; where all names differ in how they begin, only that, and the renaming that helps."""
    expected, stored = ({name for name in names if not name.endswith(COUNTED)} for names in (expected, stored))
    for a, b, way in (
        (expected, stored, "the names begin with {0}. there: add the renaming ={0}, as in --rename-G ={0}"),
        (stored, expected, "no name begins with {0}. there: leave the renaming ={0} out"),
    ):
        first = min(a, default="")
        for name in b:
            start = name.removesuffix(first)
            if start != name and start.endswith(".") and {start + one for one in a} <= b:
                return [way.format(start[:-1])]
    return sorted(wrong)


def _named(tensors: list[Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors by the names that they have in the file."""
    new = renamed([tensor.name for tensor in tensors], names)
    return {new[tensor.name]: tensor for tensor in tensors}


def _load(path: Path, most: int) -> dict[str, dict[str, Any]]:
    """The raw tensors by name: "dtype", "shape" and "data"; ValueError for a damaged or foreign file."""
    if not path.is_file():
        if path.exists():
            raise ValueError(f"{path}: not a file")
        raise FileNotFoundError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size > most:
        _refuse_foreign(path)
        raise ValueError(f"{path}: has {size:,} bytes, far more than the weights of this network")
    try:
        return dict(deserialize(path.read_bytes()))
    except (SafetensorError, UnicodeError) as error:
        _refuse_foreign(path)
        raise ValueError(f"{path}: not a safetensors file, or a damaged one ({str(error)[:200]})") from error


def _refuse_foreign(path: Path) -> None:
    """ValueError for a file that is known to be of another kind; what begins with a header is a safetensors file."""
    with open(path, "rb") as file:
        start = file.read(foreign.LONGEST)
    what = "" if start[8:9] == b"{" else foreign.described(start)
    if what:
        raise ValueError(f"{path}: not a safetensors file, or a damaged one ({what})")


def _numbers(entry: Mapping[str, Any], tensor: Tensor) -> np.ndarray:
    """The numbers of a raw tensor, of a type that fits into the array; ValueError describes what does not fit."""
    shape, kind, want = tuple(entry["shape"]), KINDS.get(entry["dtype"], entry["dtype"]), tensor.array.dtype
    if kind == "bfloat16":  # the upper half of a float32
        numbers = (np.frombuffer(entry["data"], "<u2").astype("<u4") << 16).view("<f4")
    else:
        numbers = np.frombuffer(entry["data"], np.dtype(kind).newbyteorder("<") if kind in KINDS.values() else "u1")
    if shape != tensor.places.shape or numbers.dtype.kind != want.kind or not np.can_cast(numbers.dtype, want):
        raise ValueError(f"is {kind} {shape}, expected {want} {tensor.places.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError("holds NaN or infinite values")
    return numbers

"""Frames: numbers and arrays as one message.

    uint32, little-endian     length of the head
    head                      JSON in UTF-8, padded with blanks to a multiple of 4
    arrays                    one after the other, each at a multiple of 4; float32 or uint8, C order

The head's "arrays" has of each array its place, its type and its shape, so that the page makes views and no copies.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

ALIGN = 4
TYPES = {"f4": "<f4", "u1": "|u1"}


def pack(numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The message. Numbers that are not finite become null, for JSON has no word for them; arrays may contain NaN."""
    places: dict[str, dict[str, Any]] = {}
    body = bytearray()
    for name, array in arrays.items():
        kind = "u1" if array.dtype == np.uint8 else "f4"
        places[name] = {"at": len(body), "type": kind, "shape": list(array.shape)}
        body += np.ascontiguousarray(array, dtype=TYPES[kind]).tobytes()
        body += b"\0" * (-len(body) % ALIGN)
    head = text({**numbers, "arrays": places})
    head += b" " * (-len(head) % ALIGN)
    return struct.pack("<I", len(head)) + head + bytes(body)


def unpack(frame: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Numbers and arrays of a message."""
    (length,) = struct.unpack_from("<I", frame)
    head, body = json.loads(frame[4 : 4 + length]), frame[4 + length :]
    arrays = {}
    for name, place in head.pop("arrays").items():
        n = math.prod(place["shape"])
        arrays[name] = np.frombuffer(body, TYPES[place["type"]], n, place["at"]).reshape(place["shape"])
    return head, arrays


def text(value: Any) -> bytes:
    """JSON in which numbers that are not finite are null."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value

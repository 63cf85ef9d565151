"""The functions of CuPy and their keywords, from a committed snapshot: no CuPy and no GPU are needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

SNAPSHOT = Path(__file__).with_name("cupy_api.json")  # written by cupy_snapshot.py

# section ("cupy", "cupy.linalg", "cupy.ndarray", ...) -> name -> its keywords, separated by spaces; None: not known
API: Mapping[str, Mapping[str, str | None]] = json.loads(SNAPSHOT.read_text())["api"]


def complaint(section: str, name: str, keywords: Iterable[str] = ()) -> str | None:
    """The reason why CuPy would refuse a call of `section.name` with these keywords; None: it would not."""
    names = API.get(section, {})
    if name not in names:
        return f"{section} has no {name}"
    known = names[name]
    unknown = [] if known is None else [keyword for keyword in keywords if keyword not in known.split()]
    return f"{section}.{name} has no keyword {', '.join(unknown)}" if unknown else None

"""Files of one JSON object per line that grow at their end: a crash can cut the last line short, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def read(path: Path, fits: Callable[[Entry], bool], what: str) -> list[Entry]:
    """The objects in the file, none where there is no file; a last line without its end is left out.

    fits  is this one of the objects that are written there?
    what  words for one of them

    ValueError names the path, the line and what is wrong with it.
    """
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [_entry(line, f"{path}, line {number}", fits, what) for number, line in enumerate(whole, 1)]


def _entry(line: bytes, where: str, fits: Callable[[Entry], bool], what: str) -> Entry:
    try:
        entry = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON ({error})") from error
    if not (isinstance(entry, dict) and fits(entry)):
        raise ValueError(f"{where}: not {what}: {line[:80]!r}")
    return entry


def is_number(value: Any) -> bool:
    """Is it a number that fits an array? JSON has integers of any length."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)

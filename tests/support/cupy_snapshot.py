"""Write cupy_api.json anew from the CuPy that is installed; run this file when CuPy moves. No GPU needed.

Only names that NumPy has too are of interest: a page has `np.tanh`, and NumPy's dispatch asks CuPy for `tanh`.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import cupy
import numpy as np

SHARED = {
    "cupy": (cupy, np),
    "cupy.fft": (cupy.fft, np.fft),
    "cupy.lib.stride_tricks": (cupy.lib.stride_tricks, np.lib.stride_tricks),
    "cupy.linalg": (cupy.linalg, np.linalg),
    "cupy.ndarray": (cupy.ndarray, np.ndarray),
}
ONLY_CUPY = ("get", "set")  # methods of cupy.ndarray without a counterpart in NumPy that minigan uses


def keywords(thing: Any) -> str | None:
    """The parameters of a function, separated by spaces; None for what is not a function or has no signature."""
    if isinstance(thing, cupy.ufunc):
        return "out dtype casting"
    if isinstance(thing, type) or not callable(thing):
        return None
    try:
        parameters = inspect.signature(thing).parameters.values()
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            return " ".join(p.name for p in parameters if p.name != "self")
    except ValueError:
        pass  # a compiled function: only its docstring has it
    return _from_docstring(thing.__doc__ or "")


def _from_docstring(text: str) -> str | None:
    head = re.match(r"\s*[\w.]+\((?:self,? ?)?(.*?)\)(?: ->.*)?(?:\n|$)", text)
    return " ".join(re.findall(r"(\w+)(?:=(?:\([^)]*\)|[^,]*))?(?:,|$)", head[1])) if head else None


def snapshot() -> dict[str, Any]:
    api = {}
    for section, (ours, theirs) in SHARED.items():
        names = [name for name in dir(ours) if not name.startswith("_") and hasattr(theirs, name)]
        names += ONLY_CUPY if section == "cupy.ndarray" else ()
        found = {name: getattr(ours, name) for name in names}
        api[section] = {name: keywords(thing) for name, thing in found.items() if not isinstance(thing, ModuleType)}
    return {"version": cupy.__version__, "api": api}


if __name__ == "__main__":
    text = json.dumps(snapshot(), indent=0, sort_keys=True)
    Path(__file__).with_name("cupy_api.json").write_text(text + "\n")

"""Are the numbers of NumPy arrays finite? On a GPU the answer would have to be waited for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


@np.errstate(over="ignore", invalid="ignore")
def not_finite(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The names of arrays whose sum of squares, one number each, is not finite."""
    flat = {name: array.reshape(-1) for name, array in arrays.items()}
    return [name for name, row in flat.items() if not math.isfinite(row @ row)]

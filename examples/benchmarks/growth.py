"""How the time of a step grows: with the batch, with the width of the networks, with the pixels of an image.

A table for each of the three, in microseconds per image. The exponent e is the slope in the logarithms of both: the
time per image grows like the e-th power. Proportional to the work are 0 for the batch, and 2 for width and pixels,
because products grow with the square of the width, and images with the square of their sides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from benchmarks.cases import MODELS
from benchmarks.line import OURS, PYTORCH
from benchmarks.report import Row, short, table

BATCHES, WIDTHS, SIDES = (32, 64, 128, 256, 512), (0.25, 0.5, 1.0, 2.0), (28, 32, 48, 64)
BATCH, SIDE = 64, 28  # where they do not vary
GROWING = ("infogan", "dcgan")
SHOWN = {OURS: "minigan", PYTORCH[1]: "PyTorch"}
Case = tuple[str, int]


def varied(model: str) -> dict[str, dict[float, Case]]:
    """The cases of a model by what varies in them, and by its value."""
    width = MODELS[model].width
    assert width is not None
    return {
        "batch": {batch: (f"{model}-{width:g}-{SIDE}", batch) for batch in BATCHES},
        "width": {value: (f"{model}-{value:g}-{SIDE}", BATCH) for value in WIDTHS},
        "pixels": {side: (f"{model}-{width:g}-{side}", BATCH) for side in SIDES},
    }


def jobs(models: Sequence[str]) -> list[Case]:
    """All cases of these models, each once."""
    return list(dict.fromkeys(case for model in models for cases in varied(model).values() for case in cases.values()))


def exponent(times: dict[float, float]) -> float:
    """The slope of log time over log value."""
    values = [math.log(value) for value in times]
    return statistics.linear_regression(values, [math.log(time) for time in times.values()]).slope


def markdown(rows: Sequence[Row]) -> str:
    """The three tables."""
    times = {(row["side"], row["name"], row["batch"]): 1e6 / row["images_per_second"] for row in rows}
    tables = []
    for what in ("batch", "width", "pixels"):
        lines: list[list[str]] = []
        for model in GROWING:
            cases = varied(model)[what]
            for side, library in SHOWN.items():
                line = {value: times[side, *case] for value, case in cases.items() if (side, *case) in times}
                if len(line) > 1:
                    cells = [short(line[value]) if value in line else "–" for value in cases]
                    lines.append([f"`{model}`, {library}", *cells, f"{exponent(line):.2f}"])
        tables.append(table([what, *(f"{value:g}" for value in varied(GROWING[0])[what]), "exponent"], lines))
    return "\n\n".join(tables)

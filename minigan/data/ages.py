"""Attributes of samples as conditions: measured of digits, or read from a table beside a folder's pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from minigan.data import attributes
from minigan.data.dataset import Dataset, knots
from minigan.data.finding import find

MEASURED = {"thickness": attributes.thickness, "slant": attributes.slant}
TABLE = "attributes.csv"  # in the folder of pictures: columns file, and a number for each


def hats(values: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Numbers (N,) as conditions, float32 (N, K): how near each is to the K knots `at`.

    c_k = max(0, 1 - distance to knot k in units of the gap to its neighbour), after clipping to the first and last
    knot: never negative, with sum 1, one-hot at the knots (Antipov et al.'s age groups), linear between them.
    """
    rows = [np.interp(values, at, one) for one in np.eye(len(at))]
    return np.stack(rows, axis=-1).astype(np.float32)


def with_attribute(dataset: Dataset, name: str, folder: Path | None) -> Dataset:
    """The data set with the attribute `name`: measured, or a column of attributes.csv in its folder.

    ValueError names what is missing, and an attribute that is the same for too many samples.
    """
    if name in dataset.attributes:
        values = dataset.attributes[name]
    elif folder is not None and (folder / TABLE).is_file():
        values = read_table(folder, name)
    elif name in MEASURED:
        values = measure(name, dataset.images)
    else:
        known = f"{' and '.join(MEASURED)} are measured"
        where = "another one needs a folder of pictures" if folder is None else f"{folder} has no {TABLE}"
        raise ValueError(f"{dataset.name} has no attribute {name!r}: {known}, {where} (columns file, {name})")
    if not np.isfinite(values).all():
        raise ValueError(f"{dataset.name}: sample {int(np.isnan(values).argmax())} has no {name}: nothing is drawn")
    _check_spread(dataset.name, name, values)
    return replace(dataset, attributes={**dataset.attributes, name: values})


def without_range(dataset: Dataset, name: str, low: float, high: float) -> Dataset:
    """The data set without the samples whose attribute `name` is between low and high, to be asked for afterwards.

    ValueError for a range that holds no sample, or that reaches beyond the knots of what remains.
    """
    values = dataset.attributes[name]
    kept = (values < low) | (values > high)
    if kept.all():
        raise ValueError(f"{dataset.name}: no sample has {name} between {low:g} and {high:g}")
    rest = {key: column[kept] for key, column in dataset.attributes.items()}
    first, *_, last = knots(rest[name]) if kept.any() else (np.nan, np.nan)
    if not first < low < high < last:
        raise ValueError(
            f"a range of {name} that is held out must lie between {first:.4g} and {last:.4g}, where the other samples "
            f"are; got {low:g} to {high:g}"
        )
    _check_spread(dataset.name, name, rest[name])
    labels = None if dataset.labels is None else dataset.labels[kept]
    return replace(dataset, images=dataset.images[kept], labels=labels, attributes=rest)


def range_of(text: str) -> tuple[float, float] | None:
    """Two numbers with a comma between as a range; None for no text."""
    if not text:
        return None
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not low < high:
        raise ValueError(f"a range must be two rising numbers with a comma between, such as 2.6,2.8, got {text!r}")
    return low, high


def _check_spread(of: str, name: str, values: np.ndarray) -> None:
    if min(np.diff(knots(values))) <= 0:
        raise ValueError(f"{of}: the percentiles of {name} must differ, got {knots(values)}")


def measure(name: str, images: np.ndarray) -> np.ndarray:
    """The attribute of images, uint8 (N, H, W, C), float32 (N,); NaN where nothing is drawn."""
    grey = images.mean(axis=-1) / 255
    return MEASURED[name](grey).astype(np.float32)


def read_table(folder: Path, name: str) -> np.ndarray:
    """The column `name` of the folder's table, float32 (N,), in the order of its pictures.

    ValueError names pictures without a row, rows without a picture, and what is not a number.
    """
    path, pictures = folder / TABLE, find(folder).paths
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        columns = table.fieldnames or []
        if "file" not in columns or name not in columns:
            raise ValueError(f"{path}: expected columns file and {name}, got {', '.join(columns) or 'none'}")
        ages = {row["file"]: _number(row[name], f"{path}, {row['file']}") for row in table}
    names = [picture.relative_to(folder).as_posix() for picture in pictures]
    missing, unknown = [one for one in names if one not in ages], sorted(ages.keys() - set(names))
    if missing:
        raise ValueError(f"{path}: {len(missing)} of {len(names)} pictures have no row; the first is {missing[0]}")
    if unknown:
        raise ValueError(f"{path}: {len(unknown)} rows name no picture of the folder; the first is {unknown[0]}")
    return np.array([ages[one] for one in names], np.float32)


def _number(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: expected a number, got {text!r}")
    return value

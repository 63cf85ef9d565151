"""The measurements as rows, as text, as Markdown."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import is_step, model
from benchmarks.line import ALONE, OURS, PYTORCH
from minigan import __version__

Row = dict[str, Any]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def rows_of(name: str, batch: int, measured: dict[str, Any], work: tuple[float, str], peak: float) -> list[Row]:
    """One row per side.

    Args:
        measured: what `measure` returns.
        work: how much a step does and its unit; `rate` is work per second of the median block.
        peak: operations per second of the best product, for `of_peak`.

    `ratio` is minigan's time by that side's, block by block.
    """
    rows = []
    ours = measured["seconds"][OURS]
    for side, seconds in measured["seconds"].items():
        step = spread(seconds)
        row = {"name": name, "batch": batch, "side": side, **measured["facts"][side], "seconds_per_step": step}
        row |= {"images_per_second": batch / step["median"], "memory_growth": measured["memory"][side]}
        row |= {"rate": work[0] / step["median"], "unit": f"{work[1]}/s"}
        row |= {"steps_per_block": measured["steps"][side], "block_seconds_per_step": seconds}
        if side == OURS:
            flops = measured["tally"]["flops"]
            row |= {"flops": flops, "gemm_share": measured["tally"]["share"], "of_peak": flops / step["median"] / peak}
        else:
            row["ratio"] = spread([a / b for a, b in zip(ours, seconds, strict=True)])
        rows.append(row)
    return rows


def bracketed(values: dict[str, float], scale: float = 1, digits: int = 2) -> str:
    """Median [least .. greatest]."""
    median, least, greatest = (f"{scale * values[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} [{least} .. {greatest}]"


HEADER = f"{'':23s}{'batch':>6s}  {'side':14s}{'ms/step [min .. max]':30s}"
STEPS = f"{HEADER}{'images/s':>9s}  {'memory':>8s}  minigan / side, or share in products, of peak"
KERNELS = f"{HEADER}{'rate':>14s}  minigan / side"


def line(row: Row) -> str:
    """A row as text, under STEPS or KERNELS."""
    time = bracketed(row["seconds_per_step"], scale=1e3, digits=1 if row["seconds_per_step"]["median"] > 0.1 else 3)
    text = f"{row['name']:23s}{row['batch']:6d}  {row['side']:14s}{time:30s}"
    kernel = not is_step(row["name"])
    if kernel:
        text += f"{row['rate'] / 1e9:7.1f} G{row['unit']:6s}"
    else:
        growth = "?" if row["memory_growth"] is None else f"{row['memory_growth'] / 2**20:.0f} MiB"
        text += f"{row['images_per_second']:9.0f}  {growth:>8s}"
    if "ratio" in row:
        text += f"  {bracketed(row['ratio'])}"
    elif not kernel:
        text += f"  {row['gemm_share']:.0%}, {row['of_peak']:.0%}"
    return text.rstrip()


def short(value: float) -> str:
    """About three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, ["---"] * len(columns), *lines])


def markdown(rows: Sequence[Row]) -> str:
    """The table for a README: a line per case, minigan's numbers and the ratios to PyTorch's forms."""
    kernels = not is_step(rows[0]["name"])
    head = ["kernel", "ms", "rate"] if kernels else ["model, batch", "ms/step", "images/s"]
    others = {"to the example": PYTORCH[0], "to tuned PyTorch": PYTORCH[1]}
    others = others if kernels else {"to one thread": ALONE, **others}
    cases: dict[tuple[str, int], dict[str, Row]] = {(row["name"], row["batch"]): {} for row in rows}
    for row in rows:
        cases[row["name"], row["batch"]][row["side"]] = row
    lines = []
    for (name, batch), sides in cases.items():
        ours, title = sides[OURS], f"`{name}`" if kernels else model(name).title
        rate = f"{ours['rate'] / 1e9:.1f} G{ours['unit']}" if kernels else f"{ours['images_per_second']:,.0f}"
        ratios = [bracketed(sides[side]["ratio"]) if side in sides else "–" for side in others.values()]
        lines.append([f"{title}, {batch}", short(1e3 * ours["seconds_per_step"]["median"]), rate, *ratios])
    return table([*head, *others], lines)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The machine of the measurements."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [entry.partition(":")[2].strip() for entry in lines if entry.startswith("model name")]
    cpu = names[0] if names else platform.processor() or platform.machine()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # programs that wanted to run in the last minute
    about = {"cpu": cpu, "cores": cores(), "load": load}
    return about | {"system": platform.platform(), "python": platform.python_version()}


def versions() -> dict[str, str]:
    """Versions of minigan as it is imported, and of the libraries that are installed."""
    installed = [name for name in ("numpy", "torch") if importlib.util.find_spec(name) is not None]
    return {"minigan": __version__} | {name: importlib.metadata.version(name) for name in installed}

"""The most memory that a side has resident: that of a new process, from its start, with some steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.cases import model
from benchmarks.line import OURS, SIDES, workers
from benchmarks.report import Row, table

STEPS = 5
HEADER = f"{'':23s}{'batch':>6s}  {'side':18s}peak of memory"


def rows_of(name: str, batch: int, sides: Sequence[str], threads: int, same_noise: bool) -> Iterator[Row]:
    """A row for each side, measured in a process of its own."""
    for side in sides:
        with workers([side], threads, same_noise) as (worker,):
            facts = worker.ask("use", name, batch)
            worker.ask("run", STEPS)
            yield {"name": name, "batch": batch, "side": side, **facts, "peak_memory": worker.ask("peak")}


def line(row: Row) -> str:
    """A row as text."""
    return f"{row['name']:23s}{row['batch']:6d}  {row['side']:18s}{shown(row)}"


def shown(row: Row) -> str:
    return "?" if row["peak_memory"] is None else f"{row['peak_memory'] / 2**20:,.0f} MiB"


def markdown(rows: Sequence[Row]) -> str:
    """A line for each case, with the peaks of all sides."""
    cases: dict[tuple[str, int], dict[str, str]] = {(row["name"], row["batch"]): {} for row in rows}
    for row in rows:
        cases[row["name"], row["batch"]][row["side"]] = shown(row)
    lines = [
        [f"{model(name).title}, {batch}", *(sides.get(side, "–") for side in SIDES)]
        for (name, batch), sides in cases.items()
    ]
    return table(["model, batch", OURS, "on one thread", "example", "tuned PyTorch"], lines)

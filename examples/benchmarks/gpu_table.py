"""Measurements on a GPU, as text: a line for each stage, and one table at the end."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("model, batch, precision", "eager", "tuned", "graph", "compile", "minigan", "recorded", "eager /", "graph /")
EAGER, TUNED = ("eager",), ("fused", "channels_last")
GRAPH, COMPILED = ("graph", "graph_last"), ("compile",)
Row = Mapping[str, Any]
Case = tuple[str, int, str]


def printed(name: str, part: Row) -> str:
    """A line about a stage: what it found, how long it took, why it did not come to its end."""
    lines, cut = part["found"], f"  ({part['cut']})" if part["cut"] else ""
    if name == "machine" and lines:
        about = lines[0]
        words = (
            f"{about['device']}, {about['gigabytes']:.0f} GB, copies {about['copy_bytes_per_second'] / 1e12:.2f} TB/s"
        )
        words += "".join(f", {p} {about[f'{p}_flops'] / 1e12:.0f} TFLOP/s" for p in ("float32", "tf32"))
        calls = about["call_seconds"].items()
        words += "; the host launches " + ", ".join(f"{call} in {1e6 * cost:.1f} us" for call, cost in calls)
    elif name in ("tests", "memcheck") and lines:
        words = "{passed} passed, {failed} failed, {skipped} skipped".format(**lines[0])
        words += "".join(f"\n    FAILED {test}" for test in lines[0]["names"])
    else:
        words = f"{len(lines)} case(s)"
    return f"{name:<9} {part['seconds']:5.0f} s  {words}{cut}"


def table(report: Mapping[str, Row]) -> str:
    """Microseconds per step, medians; the ratios: PyTorch's best, without and with graphs, by minigan's recorded step.

    tuned: the better of fused Adam and channels last. graph: the better layout. Numbers above 1: minigan is faster.
    """
    rows = [row for part in report.values() for row in part["found"] if "form" in row]
    if not rows:
        return "No step was timed."
    times = {(case(row), row["side"], row["form"]): 1e6 * statistics.median(row["seconds"]) for row in rows}
    machine = next(iter(report.get("machine", {}).get("found", [])), {}).get("device", "an unknown GPU")
    lines = [COLUMNS, *(_line(one, times) for one in dict.fromkeys(map(case, rows)))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    text = ["  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
    libraries = ", ".join(dict.fromkeys(row["library"] for row in rows))
    notes = [f"{machine}; {libraries}; microseconds per step, PyTorch: eager to compile"]
    notes += dict.fromkeys(f"not recorded: {row['why_not']}" for row in rows if row.get("why_not"))
    different = dict.fromkeys(case(row) for row in rows if _differ(row, rows))
    notes += [f"NOT COMPARABLE: the sides built different networks for {' '.join(map(str, one))}" for one in different]
    return "\n".join([*text, "", *notes])


def case(row: Row) -> Case:
    """Model, batch and precision."""
    return row["model"], row["batch"], row["precision"]


def _differ(row: Row, rows: Sequence[Row]) -> bool:
    return any(other["parameters"] != row["parameters"] for other in rows if case(other) == case(row))


def _line(one: Case, times: Mapping[tuple[Case, str, str], float]) -> tuple[str, ...]:
    def best(side: str, *forms: str) -> float | None:
        return min((times[one, side, form] for form in forms if (one, side, form) in times), default=None)

    torch = [best("torch", *forms) for forms in (EAGER, TUNED, GRAPH, COMPILED)]
    ours = [best("minigan", form) for form in ("eager", "graph")]
    plain, recorded = best("torch", *EAGER, *TUNED), best("torch", *GRAPH, *COMPILED)
    ratios = [_ratio(theirs, ours[1]) for theirs in (plain, recorded)]
    name = f"{one[0]}, {one[1]}, {one[2]}"
    return (name, *("-" if time is None else f"{time:,.0f}" for time in (*torch, *ours)), *ratios)


def _ratio(theirs: float | None, ours: float | None) -> str:
    return "-" if theirs is None or ours is None else f"{theirs / ours:.2f}"

"""Marks: where a gradient vanishes or explodes on its way.

A layer is judged by its neighbours: by the length (the root of the sum of squares) of the gradient that leaves it over
the length of the one that came in, and over the length with which the pass began.

    JUMP     a single layer makes it so many times longer or shorter
    TOTAL    all layers since the pass began do
    FAINT    the loss itself: the slope that a sample feels, where 1 is what a plain mean of scores gives
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from minigan.explain.events import Loss, Row, Size, Sweep

JUMP, TOTAL, FAINT = 100.0, 1000.0, 1e-3
UP, DOWN, STOP, BROKEN = "▲", "▼", "∅", "!"


@dataclass(frozen=True)
class Mark:
    """A sign for the margin of a table, and what it means here."""

    sign: str
    meaning: str


def sweep_marks(sweep: Sweep) -> list[Mark | None]:
    """One mark or none for each row; forward passes are checked for finite numbers only."""
    marks: list[Mark | None] = []
    state = ""
    for row in sweep.rows:
        mark = None if sweep.kind == "forward" or not row.place else _step(row)
        now = state if row.out is None or not row.place else _since(sweep.into, row.out)
        if sweep.kind != "forward" and now and now != state:
            mark = _total(sweep.into, row, mark, now)
        marks.append(_broken(row) or mark)
        state = now
    return marks


def _step(row: Row) -> Mark | None:
    """Of one layer against the one before it in the pass."""
    if row.gain is None or row.out is None:
        return None
    if row.gain == 0:
        return Mark(STOP, "nothing passes: the gradient is zero after it")
    if row.gain > JUMP:
        return Mark(UP, f"makes the gradient {row.gain:,.0f} times longer")
    if row.gain < 1 / JUMP:
        return Mark(DOWN, f"makes the gradient {1 / row.gain:,.0f} times shorter")
    return None


def _since(start: Size, out: Size) -> str:
    """UP or DOWN, where the gradient has grown or shrunk much since the pass began; else ""."""
    if start.length == 0 or out.length == 0 or not math.isfinite(out.length):
        return ""
    gain = out.length / start.length
    return UP if gain > TOTAL else DOWN if gain < 1 / TOTAL else ""


def _total(start: Size, row: Row, mark: Mark | None, sign: str) -> Mark:
    assert row.out is not None
    gain = row.out.length / start.length
    change = f"explodes: {gain:,.0f} times as long" if sign == UP else f"vanishes: {1 / gain:,.0f} times shorter"
    return Mark(sign, f"{'' if mark is None else mark.meaning + '; it '}{change} than where the pass began".lstrip())


def _broken(row: Row) -> Mark | None:
    sizes = [size for size in (row.out, row.extra, *row.params.values()) if size is not None]
    return None if all(math.isfinite(size.rms) for size in sizes) else Mark(BROKEN, "not finite: NaN or infinity")


def slope(gradient: Size) -> float:
    """N times the length of a sample's gradient (a loss is a mean over N samples), on average over samples."""
    return gradient.length * math.sqrt(gradient.shape[0])


def loss_marks(loss: Loss) -> list[Mark | None]:
    """One mark or none for each of the loss's gradients."""
    return [_faint(gradient) for gradient in loss.gradients.values()]


def _faint(gradient: Size) -> Mark | None:
    felt = slope(gradient)
    if not math.isfinite(felt):
        return Mark(BROKEN, "not finite: NaN or infinity")
    if felt == 0:
        return Mark(STOP, "the loss has no gradient here: nothing will be sent back")
    return Mark(DOWN, f"vanishes in the loss itself: its slope is {felt:.1e} per sample") if felt < FAINT else None

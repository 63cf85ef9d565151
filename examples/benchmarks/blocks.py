"""Blocks of steps, timed by the GPU itself: the same way on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

BLOCKS = 5
SECONDS = 0.15  # of a block, about
WARM_UP = 5  # steps: kernels are compiled, libraries choose theirs, graphs are recorded
Span = Callable[[Callable[[], object], int], float]  # (step, n): the seconds that n steps take on the device


def timed(step: Callable[[], object], span: Span, blocks: int = BLOCKS, seconds: float = SECONDS) -> dict[str, Any]:
    """{"steps": in a block, "seconds": per step, of each block}."""
    span(step, WARM_UP)
    n = 1
    while (took := span(step, n)) < seconds / 4:
        n *= 4
    n = max(1, round(n * seconds / took))
    return {"steps": n, "seconds": [span(step, n) / n for _ in range(blocks)]}


def cases(text: str) -> Iterator[tuple[str, int, str]]:
    """Model, batch and precision of "mlp,64,float32 dcgan,128,tf32"."""
    for case in text.split():
        model, batch, precision = case.split(",")
        yield model, int(batch), precision


def printed(**answer: Any) -> None:
    """One line for `stages.answers`."""
    print(json.dumps(answer), flush=True)

"""Work: one task, from its JSON to its scores. A function of the task alone, but for the times that it reports."""

from __future__ import annotations

import math
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minigan.data import Batches
from minigan.optim import NotFinite
from minigan.study import datasets, scores
from minigan.study.methods import Method, method
from minigan.study.tasks import Task

STATUS = ("ok", "nan", "diverged", "timeout", "error")
LARGEST = 1e6  # a loss beyond it has diverged
LOG_POINTS = 50
SHOWN = 64  # samples of a picture of images
POINTS = 2000


@dataclass
class Result:
    """The result of a task.

    status   `ok`; `nan`, a loss or a sample is not finite; `diverged`, a loss is beyond 1e6; `timeout`; or `error`
    scores   one dict for every checkpoint: "step" and the scores
    log      some steps with their losses
    picture  samples at the end: pixels uint8 (64, H, W, C), or points float32 (2000, 2); None where there are none
    error    the traceback
    """

    status: str = "ok"
    scores: list[dict[str, Any]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    picture: np.ndarray | None = None
    error: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    megabytes: float = 0.0


class _Ended(Exception):
    """A run ends before its last step."""


def run(task: Task) -> Result:
    """Train and score. Whatever goes wrong inside is part of the result."""
    result = Result()
    started, cpu = time.perf_counter(), time.process_time()
    try:
        with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
            _train(task, result, started)
    except _Ended as end:
        result.status = str(end)
    except Exception:
        result.status, result.error = "error", traceback.format_exc()
    result.seconds, result.cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    result.megabytes = _megabytes()
    return result


def _megabytes() -> float:
    """The most memory that this process has had; NaN on Windows, which does not report it so."""
    if sys.platform == "win32":
        return math.nan
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _train(task: Task, result: Result, started: float) -> None:
    size, data = task["size"], datasets.load(task["data"])
    batches = Batches(data.train, size["batch"], task["seed"])
    model = method(task, data.train.shape)
    steps, points = size["steps"], {size["steps"] * i // size["checkpoints"] for i in range(1, size["checkpoints"] + 1)}
    for number in range(steps):
        losses = _step(model, number, _real(data.train.images[batches.indices(number)]))
        if (number + 1) % max(1, steps // LOG_POINTS) == 0:
            result.log.append({"step": number + 1, **losses})
        if time.perf_counter() - started > size["timeout"]:
            raise _Ended("timeout")
        if number + 1 in points:
            _score(task, model, data, number + 1, result)


def _step(model: Method, number: int, real: np.ndarray) -> dict[str, float]:
    try:
        losses = model.step(number, real)
    except NotFinite as error:
        raise _Ended("nan") from error
    if not all(np.isfinite(loss) for loss in losses.values()):
        raise _Ended("nan")
    if max(abs(loss) for loss in losses.values()) > LARGEST:
        raise _Ended("diverged")
    return losses


def _score(task: Task, model: Method, data: Any, step: int, result: Result) -> None:
    last = step == task["size"]["steps"]
    try:
        result.scores.append({"step": step, **scores.of(model, task, data, last=last)})
        if last:
            made = scores.samples(model, SHOWN if len(data.train.shape) == 3 else POINTS)
            result.picture = np.rint(255 * made).astype(np.uint8) if made.ndim == 4 else made.astype(np.float32)
    except scores.NotFiniteSamples as error:
        raise _Ended("nan") from error


def _real(samples: np.ndarray) -> np.ndarray:
    """Samples as the networks of the study take them: pixels in [0, 1], points as they are."""
    x = samples.astype(np.float32)
    return x / 255 if x.ndim == 4 else x

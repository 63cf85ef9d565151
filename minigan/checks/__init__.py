"""The cases of the checks: one per layer, objective and training step, with random weights and odd sizes.

The gradient check's table and the test suite walk over the same lists, so that what the table shows is what is tested.
Everything is float64. Parameters are random: a gradient that forgets a factor weight = 1 or a term bias = 0 would pass
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan import gradcheck
from minigan.checks.layer_case import LayerCase, randomise
from minigan.checks.layers import layer_cases
from minigan.checks.objectives import objective_cases, outputs
from minigan.checks.steps import StepCase, penalty_errors, small_pair, step_cases
from minigan.checks.systems import SystemCase, system_cases, system_errors

__all__ = [
    "LayerCase",
    "StepCase",
    "SystemCase",
    "all_errors",
    "layer_cases",
    "objective_cases",
    "outputs",
    "penalty_errors",
    "randomise",
    "small_pair",
    "step_cases",
    "system_cases",
    "system_errors",
]


def all_errors() -> Iterator[tuple[str, str, dict[str, float]]]:
    """Everything that is checked: (kind, name, relative errors by derivative)."""
    for layer in layer_cases():
        yield "layer", str(layer), layer.errors()
    for i, (title, objective) in enumerate(objective_cases()):
        rng = np.random.default_rng(i)
        a, b = outputs(objective, rng)
        yield "objective", title, gradcheck.objective_errors(objective, a, b, rng)
    for step in step_cases():
        yield "step", str(step), step.errors()
    for system in system_cases():
        for turn, error in system.errors().items():
            yield "turn", f"{system}: {turn}", {"all weights": error}
    yield "penalty", "through conv + batch norm + tanh", penalty_errors()

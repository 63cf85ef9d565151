"""Objectives, whole steps of every objective, and optimizers on CuPy arrays, in the numbers of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import checks, optim
from minigan.checks import StepCase
from minigan.device import CPU, Device, to_host
from minigan.gradcheck import Recorder
from minigan.layers import Linear, Network
from minigan.objectives import Objective
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step

pytestmark = pytest.mark.gpu
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda params: optim.SGD(params, 1e-2),
    "rmsprop": lambda params: optim.RMSProp(params, 1e-2),
    "adam": lambda params: optim.Adam(params, 1e-2, betas=(0.5, 0.999)),
    "adamax": lambda params: optim.AdaMax(params, 1e-2, betas=(0.5, 0.999)),
}


@pytest.mark.parametrize(("title", "objective"), checks.objective_cases(), ids=lambda part: str(part))
def test_an_objective_answers_as_on_the_cpu(title: str, objective: Objective, gpu: Device) -> None:
    a, b = checks.outputs(objective, np.random.default_rng(0))

    def asked(on: Device) -> list[np.ndarray]:
        objective.convert(on.asarray)
        x, y = on.asarray(a), on.asarray(b)
        found = list(objective.d_loss(x, y)) if objective.trains_d else []
        found += objective.joint_g_loss(x, y) if objective.compares else objective.g_loss(y)
        return [to_host(part) for part in found]

    there, here = asked(gpu), asked(CPU)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=title)


def play(case: StepCase, on: Device, dtype: type) -> dict[str, np.ndarray]:
    """Losses and gradients of both steps, and what they leave in the buffers of the networks and the objective."""
    streams = Streams(5)
    objective = case.objective(streams)
    G, D = case.pair(streams, objective)
    if isinstance(D, Network) and isinstance(D.layers[-1], Linear):
        D.layers[-1].weight *= 0.1  # outputs of about 1, where no objective is flat or steep

    def put(array: np.ndarray) -> Any:
        return on.asarray(array.astype(dtype))

    numbers = streams.at("batch", 0)
    real, z = put(numbers.normal(size=(6, *case.sample_shape))), put(numbers.normal(size=(6 * objective.fakes, 3)))
    labels = on.asarray(numbers.permutation(6))
    for network in (G, D):
        network.convert(put)
    objective.convert(on.asarray)
    g, d = case.given(G, labels), case.given(D, labels)
    found: dict[str, Any] = {}
    seen = Recorder(), Recorder()
    if objective.trains_d:
        found["D's loss"] = discriminator_step(d, g, objective, seen[0], real, z).loss
    found["G's loss"] = generator_step(d, g, objective, seen[1], z, real).loss
    for name, part, recorder in (("D", D, seen[0]), ("G", G, seen[1])):
        found |= {f"{name} d{key}": grad for key, grad in recorder.grads.items()}
        found |= {f"{name} {key}": buffer for key, buffer in part.named_buffers()}
    found |= {f"objective {key}": number for key, number in objective.named_buffers()}
    return {name: to_host(array) for name, array in found.items()}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-3), (np.float64, 1e-9)], ids=["float32", "float64"])
@pytest.mark.parametrize("case", checks.step_cases(), ids=str)
def test_whole_steps_agree_with_the_cpu(case: StepCase, dtype: type, tolerance: float, gpu: Device) -> None:
    there, here = play(case, gpu, dtype), play(case, CPU, dtype)
    assert there.keys() == here.keys()
    for name, expected in here.items():
        size = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(there[name], expected, rtol=0, atol=tolerance * size, err_msg=name)


@pytest.mark.parametrize("average", [False, True], ids=["", "with an average"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_moves_as_on_the_cpu(name: str, average: bool, gpu: Device) -> None:
    def moved(on: Device) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        shapes = {"a": (300, 70), "b": (5,), "c": (3, 3, 7, 2)}
        params = {key: on.asarray(rng.normal(size=shape).astype(np.float32)) for key, shape in shapes.items()}
        optimizer = OPTIMIZERS[name](params.items())
        averages = {key: param.copy() for key, param in params.items()}
        if average:
            optimizer.average = optim.Average(params.items(), averages.items(), 0.9)
        for _ in range(5):
            optimizer.step({key: on.asarray(rng.normal(size=shapes[key]).astype(np.float32)) for key in shapes})
        found = params | {f"average of {key}": array for key, array in averages.items()} | optimizer.state
        return {key: to_host(array) for key, array in found.items()}

    there, here = moved(gpu), moved(CPU)
    for key, expected in here.items():
        np.testing.assert_allclose(there[key], expected, rtol=1e-4, atol=1e-5, err_msg=key)

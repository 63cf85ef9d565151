"""The steps that the reader is shown are the steps that run: on every number of threads, outside, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import capture
from support.tiny_runs import assert_same_arrays, last_arrays, tiny

from minigan import device
from minigan.training import steps
from minigan.training.trainer import Trainer

CHOICES: dict[str, Any] = {"n_critic": 2, "epochs": 4, "optimizer": "sgd"}
STEPS = 12
NAMES = ("update_discriminator", "generator_gradient")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls of the two halves of Algorithm 1, as steps.py looks them up."""
    made: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            made.append(name)
            return function(*args, **named)

        return call

    for name in NAMES:
        monkeypatch.setattr(steps, name, counted(name, getattr(steps, name)))
    return made


def per_step(calls: list[str]) -> tuple[list[list[int]], Callable[[Trainer], None]]:
    """How often each of the two was called in each step, and the hook that counts."""
    counts: list[list[int]] = []

    def hook(trainer: Trainer) -> None:
        counts.append([calls.count(name) for name in NAMES])
        calls.clear()

    return counts, hook


@pytest.mark.parametrize("same_noise", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_training_calls_the_two_halves_of_each_step_on_any_number_of_threads(
    threads: int, same_noise: bool, calls: list[str], pictures: Path, tmp_path: Path
) -> None:
    counts, hook = per_step(calls)
    config = tiny(pictures, threads=threads, same_noise=same_noise, **CHOICES)
    Trainer.start(config, tmp_path / "run", quiet=True, hooks=[hook]).train()
    assert counts == [[2, 1]] * STEPS


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loop_of_ones_own_makes_the_same_calls_and_the_same_numbers(
    threads: int, calls: list[str], pictures: Path, tmp_path: Path
) -> None:
    counts, hook = per_step(calls)
    config = tiny(pictures, threads=threads, **CHOICES)
    trainer = Trainer.start(config, tmp_path / "own", quiet=True, hooks=[hook])
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            trainer.record(turn, turn.play(draw))
    assert counts == [[2, 1]] * STEPS
    Trainer.start(config, tmp_path / "train", quiet=True).train()
    assert_same_arrays(last_arrays(tmp_path / "own"), last_arrays(tmp_path / "train"))


def test_recorded_steps_are_recordings_of_the_same_calls(
    calls: list[str], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = capture.FakeDevice("cuda")
    monkeypatch.setattr(device, "choose", lambda name=None: device.CPU if name == "cpu" else cuda)
    capture.own_kernels(monkeypatch)
    counts, hook = per_step(calls)
    with capture.gpu() as machine:
        trainer = Trainer.start(tiny(pictures, device="cuda", **CHOICES), tmp_path / "run", quiet=True, hooks=[hook])
        trainer.train()
    # Two calls of each turn warm up, the third is recorded; the last step is a log point, which is not replayed.
    assert [d for d, _ in counts] == [2, 1, *[0] * (STEPS - 3), 2]
    assert [g for _, g in counts] == [1, 1, 1, *[0] * (STEPS - 4), 1]
    assert sorted(graph.launches for graph in machine.graphs) == [STEPS - 3, 2 * (STEPS - 1) - 2]

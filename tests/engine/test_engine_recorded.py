"""Captured: what is replayed, what is refused, and what happens then, on a machine with graphs that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import capture, shim
from support.tiny_runs import tiny

from minigan import device, kernels
from minigan.engine.captured import WARM_UP, Captured
from minigan.optim import Adam, Average
from minigan.random import Counter
from minigan.runs.folder import Run
from minigan.training.trainer import Trainer

CUDA = capture.FakeDevice("cuda")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[capture.Gpu]:
    """A machine on which all of CuPy's functions are launched by themselves."""
    monkeypatch.setattr(device, "choose", lambda name=None: device.CPU if name == "cpu" else CUDA)
    capture.own_kernels(monkeypatch)
    with capture.gpu() as machine:
        yield machine


class Walk:
    """A small step: a random walk with momentum, that counts on the host as well."""

    def __init__(self, machine: capture.Gpu) -> None:
        self.x = machine.array(np.ones((3, 4), np.float32))
        self.rng = Counter((1, 2), machine.array(np.zeros(1, np.uint64)))
        self.steps = self.opened = 0

    def __call__(self) -> Any:
        self.steps += 1
        kernels.tick(self.rng.step)
        self.rng.begin()
        push = kernels.uniform(self.x, (2, 3, 4), self.rng)
        self.x *= 0.5
        self.x[:, 1:] += push[0, :, 1:] - np.tanh(self.x[:, :3])
        return (push[1] * self.x).sum()

    def open(self) -> None:
        self.opened += 1

    def read(self) -> dict[str, int]:
        return {"steps": self.steps}

    def write(self, numbers: Mapping[str, int]) -> None:
        self.steps = numbers["steps"]

    def advance(self, moves: Mapping[str, int]) -> None:
        self.steps += moves["steps"]


def test_replays_are_the_step_itself_and_count_like_it(machine: capture.Gpu) -> None:
    plain, walk = Walk(machine), Walk(machine)
    captured = Captured(walk, walk, machine)
    for i in range(20):
        expected = plain().get()
        np.testing.assert_array_equal(captured().get(), expected)
        np.testing.assert_array_equal(walk.x.get(), plain.x.get())
        assert walk.steps == i + 1
    assert captured.why_not is None
    assert [graph.launches for graph in machine.graphs] == [20 - WARM_UP]


def test_a_replay_waits_for_nothing_and_allocates_nothing(machine: capture.Gpu) -> None:
    walk = Walk(machine)
    captured = Captured(walk, walk, machine)
    for _ in range(WARM_UP + 1):
        captured()
    machine.waits.clear()
    before = machine.everybodys.handed_out
    for _ in range(5):
        captured()
    assert machine.waits == [] and machine.everybodys.handed_out == before


def test_what_others_allocate_between_replays_is_theirs_and_disturbs_nothing(machine: capture.Gpu) -> None:
    plain, walk = Walk(machine), Walk(machine)
    captured = Captured(walk, walk, machine)
    kept = []
    for i in range(10):
        expected = plain().get()
        result = captured()
        kept += [machine.array(np.full(shape, i, np.float32)) for shape in ((2, 3, 4), (3, 4), (3, 3), ())]
        np.testing.assert_array_equal(result.get(), expected)
        np.testing.assert_array_equal(walk.x.get(), plain.x.get())
    assert [float(array.reshape(-1)[0]) for array in kept] == [float(i) for i in range(10) for _ in range(4)]


REFUSED: dict[str, tuple[Callable[[Any, capture.Gpu], Any], str]] = {
    "a number for Python": (lambda x, m: float(x.sum()), "float()"),
    "a question of Python's": (lambda x, m: bool((x > 0).all()), "bool()"),
    "a copy to the host": (lambda x, m: x.get(), "get()"),
    "a copy from the host": (lambda x, m: m.array(np.ones(3)), "copies from the host"),
    "numbers set from the host": (lambda x, m: x.copy().set(np.ones((3, 4), np.float32)), "copies from the host"),
    "draws of the host": (lambda x, m: kernels.uniform(x, (3,), np.random.default_rng(0)), "copies from the host"),
    "a mask": (lambda x, m: x[x > 0], "mask"),
    "rows named by the host": (lambda x, m: x[np.array([1, 0])], "from the host"),
    "CuPy's own product": (lambda x, m: x @ x.T, "cuBLAS"),
    "einsum": (lambda x, m: np.einsum("ij->i", x), "cuBLAS"),
    "eigenvalues": (lambda x, m: np.linalg.qr(x), "cuSOLVER"),
    "sorting": (lambda x, m: np.sort(x, axis=0), "sort"),
    "a wait": (lambda x, m: m.get_current_stream().synchronize(), "synchronize"),
    "many arrays in one": (lambda x, m: np.concatenate([x] * 9), "from the host"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_step_that_cannot_be_recorded_runs_as_before_and_says_why(what: str, machine: capture.Gpu) -> None:
    act, words = REFUSED[what]
    plain, walk = Walk(machine), Walk(machine)

    def step() -> Any:
        loss = walk()
        act(walk.x, machine)
        return loss

    captured = Captured(step, walk, machine)
    for i in range(6):
        expected = plain().get()
        np.testing.assert_array_equal(captured().get(), expected)
        np.testing.assert_array_equal(walk.x.get(), plain.x.get())
        assert walk.steps == i + 1
    assert captured.why_not is not None and words in captured.why_not
    assert sum(graph.launches for graph in machine.graphs) == 0


def test_too_little_memory_for_a_graph_is_a_reason_too(machine: capture.Gpu) -> None:
    walk = Walk(machine)

    def step() -> Any:
        if machine.nodes is not None:
            raise MemoryError("out of memory allocating 512 bytes")
        return walk()

    captured = Captured(step, walk, machine)
    for _ in range(4):
        captured()
    assert (captured.why_not, walk.steps) == ("out of memory allocating 512 bytes", 4)


def test_an_error_of_the_step_itself_reaches_the_caller_and_ends_the_recording(machine: capture.Gpu) -> None:
    walk = Walk(machine)

    def step() -> Any:
        if walk.steps == WARM_UP:
            raise ValueError("a mistake in the page")
        return walk()

    captured = Captured(step, walk, machine)
    for _ in range(WARM_UP):
        captured()
    with pytest.raises(ValueError, match="a mistake in the page"):
        captured()
    assert machine.nodes is None and machine.current is machine.null


# Runs.


def run(pictures: Path, out: Path, /, **choices: Any) -> Trainer:
    trainer = Trainer.start(tiny(pictures, device="cuda", **{"optimizer": "sgd"} | choices), out, quiet=True)
    trainer.train()
    return trainer


def kept(trainer: Trainer) -> dict[str, bytes]:
    return {name: array.get().tobytes() for name, array in trainer.system.arrays().items()}


def log(trainer: Trainer) -> list[dict[str, Any]]:
    return [{name: value for name, value in point.items() if name != "seconds"} for point in trainer.run.log()]


RUNS: dict[str, dict[str, Any]] = {
    "two updates of D": {"objective": "wgan-gp", "n_critic": 2, "epochs": 4},
    "one painting": {"same_noise": True},
    "dropout": {"model": "mlp"},
    "a lazy penalty": {"objective": "r1", "hyper": {"every": 2}},
    "no D": {"objective": "gmmn", "hyper": {"weight": 1.0}},
    "spectral norm and a borrowed penalty": {
        "objective": "hinge",
        "spectral_norm": True,
        "penalty": "dragan",
        "penalty_weight": 3.0,
    },
}


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_of_replays_is_the_run_of_single_launches(
    kind: str, machine: capture.Gpu, pictures: Path, tmp_path: Path
) -> None:
    replayed = run(pictures, tmp_path / "graph", **RUNS[kind])
    launches = [graph.launches for graph in machine.graphs]
    eager = run(pictures, tmp_path / "eager", graph=False, **RUNS[kind])
    assert kept(replayed) == kept(eager)
    assert log(replayed) == log(eager)
    assert (replayed.seen, replayed.system.counts()) == (eager.seen, eager.system.counts())
    assert launches and min(launches) >= 1 and len(machine.graphs) == len(launches)


def test_a_run_that_goes_on_draws_what_it_would_have_drawn(
    machine: capture.Gpu, pictures: Path, tmp_path: Path
) -> None:
    whole = run(pictures, tmp_path / "whole", epochs=2)
    run(pictures, tmp_path / "parts", epochs=1)
    parts = Trainer.resume(tmp_path / "parts", {"epochs": 2}, quiet=True)
    parts.train()
    assert kept(parts) == kept(whole)
    assert parts.seen == whole.seen


def test_between_log_points_a_run_on_a_gpu_waits_for_nothing(
    machine: capture.Gpu, pictures: Path, tmp_path: Path
) -> None:
    trainer = Trainer.start(tiny(pictures, device="cuda", optimizer="sgd"), tmp_path / "run", quiet=True)
    waits: list[list[str]] = []

    def hook(trainer: Trainer) -> None:
        waits.append(list(machine.waits))
        machine.waits.clear()

    trainer.hooks.append(hook)
    trainer.train()
    logged = {point["step"] for point in trainer.run.log()}
    quiet = [seen for step, seen in enumerate(waits, 1) if step not in logged and step > WARM_UP + 1]
    assert quiet and all(seen == [] for seen in quiet)
    assert Run.open(tmp_path / "run").log()[-1]["step"] == 12


def test_a_loss_that_is_not_finite_is_found_at_the_next_log_point(
    machine: capture.Gpu, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(FloatingPointError, match="step 6"):
        run(pictures, tmp_path / "run", d_lr=1e30, g_lr=1e30)


class Descent:
    """Adam with an average, at rates that change from step to step."""

    def __init__(self, machine: capture.Gpu) -> None:
        self.p, self.mean = (machine.array(np.linspace(-1, 1, 7, dtype=np.float32)) for _ in range(2))
        self.optimizer = Adam({"p": self.p}.items(), 1.0)
        self.optimizer.average = Average({"p": self.p}.items(), {"p": self.mean}.items(), 0.5)

    def __call__(self) -> Any:
        self.optimizer.step({"p": np.tanh(self.p) + 0.1 * self.p})
        return self.p.sum()

    def open(self) -> None:
        self.optimizer.on_device()

    def read(self) -> dict[str, int]:
        return {"t": self.optimizer.t, "average": self.optimizer.average.t}

    def write(self, numbers: Mapping[str, int]) -> None:
        self.optimizer.t, self.optimizer.average.t = numbers["t"], numbers["average"]

    def advance(self, moves: Mapping[str, int]) -> None:
        for _ in range(moves["t"]):
            self.optimizer.count()


def test_a_changed_learning_rate_reaches_a_recorded_optimizer(shim_folder: Path) -> None:
    with capture.gpu(shim.Shim(shim_folder)) as gpu:
        plain, descent = Descent(gpu), Descent(gpu)
        captured = Captured(descent, descent, gpu)
        for rate in (0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.1, 0.01, 0.5, 1e-3):
            plain.optimizer.lr = descent.optimizer.lr = rate
            plain()
            captured()
            for a, b in ((plain.p, descent.p), (plain.mean, descent.mean)):
                np.testing.assert_array_equal(a.get(), b.get())
            for name, moment in plain.optimizer.state.items():
                np.testing.assert_array_equal(moment.get(), descent.optimizer.state[name].get())
            assert descent.read() == plain.read()
        assert [graph.launches for graph in gpu.graphs] == [10 - WARM_UP]


@pytest.mark.slow
def test_adam_an_average_and_falling_rates_are_replayed_by_the_kernels_texts(
    machine: capture.Gpu, shim_folder: Path, tmp_path: Path
) -> None:
    choices: dict[str, Any] = {"optimizer": "adam", "average": 0.9, "decay": 0.5, "model": "points", "data": "ring"}
    choices |= {"size": None, "hidden": 4, "batch_size": 5000, "epochs": 1.2}
    with capture.gpu(shim.Shim(shim_folder)) as gpu:
        replayed = run(tmp_path, tmp_path / "graph", **choices)
        assert [graph.launches for graph in gpu.graphs] == [replayed.total - WARM_UP - 1]
        eager = run(tmp_path, tmp_path / "eager", graph=False, **choices)
        assert kept(replayed) == kept(eager) and replayed.total >= 20
        assert replayed.system.counts() == eager.system.counts()

"""Recorded turns: what is replayed, what is refused, and what happens then, on a GPU that is simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import capture, shim
from support.tiny_runs import pictures as pictures
from support.tiny_runs import tiny

from minigan import device, kernels, objectives, random
from minigan.checks import StepCase, step_cases
from minigan.data import Dataset
from minigan.device import Array, to_host
from minigan.engine.recorded import WARM_UP, Captured, Recorded
from minigan.layers import Layer
from minigan.objectives import wgan
from minigan.optim import SGD, Adam, Average, flatten
from minigan.random import Streams
from minigan.runs.folder import Run
from minigan.systems import GAN
from minigan.training.draw import DeviceDraw, Draw
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Turn
from minigan.training.trainer import Trainer

CUDA = capture.FakeDevice("cuda")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[capture.Gpu]:
    """A machine on which all of CuPy's functions are launched separately."""
    monkeypatch.setattr(device, "choose", lambda name=None: device.CPU if name == "cpu" else CUDA)
    capture.own_kernels(monkeypatch)
    with capture.gpu() as machine:
        yield machine


class Walk:
    """A small step: a random walk with momentum, that counts on the host as well."""

    def __init__(self, machine: capture.Gpu) -> None:
        self.x = machine.array(np.ones((3, 4), np.float32))
        self.rng = random.Counter((1, 2), machine.array(np.zeros(1, np.uint64)))
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
def test_a_step_that_cannot_be_recorded_runs_as_before_and_states_why(what: str, machine: capture.Gpu) -> None:
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


# Whole turns of every objective.

STEPS = WARM_UP + 3  # recorded once, launched three times
RATE = 1e-7  # the weights of the small networks are random and large: a step of the usual size throws them far away
# Objectives that are not recorded, and what of them CuPy refuses while a stream captures. All others are.
EAGER = {
    "mcgan-cov, batch norm in D": "cupy.linalg.qr calls cuSOLVER, which CuPy does not record",
    "mcgan-cov, form dual, batch norm in D": "cupy.linalg.eigh calls cuSOLVER, which CuPy does not record",
    "mcgan-mean, p 1, no norm in D": "cupy.sort waits for the GPU: the current stream is capturing",
}
CASES = [*step_cases(), StepCase("r1", "layer", {"every": 3}), StepCase("mcgan-mean", None, {"p": 1})]


class Small(GAN):
    """The small networks of a case on the machine, one turn of each player a step; what is real is drawn there, too."""

    def __init__(self, case: StepCase, machine: capture.Gpu) -> None:
        streams = Streams(5)
        objective = case.objective(streams)
        del objective.after_d_update  # the page's own is under it
        networks = case.pair(streams, objective)
        for network in networks:
            network.convert(lambda array: machine.array(array.astype(np.float32)))
        objective.convert(machine.array)
        g, d = (SGD(params, RATE) if (params := [*network.named_params()]) else None for network in networks)
        super().__init__(*networks, objective, z_dim=3, g_optimizer=g, d_optimizer=d)
        self.case = case
        self.source = DeviceDraw({"real": Dataset("none", np.zeros((6, 1, 1, 1), np.uint8), None, "")}, 6, 5, CUDA)
        self.connect(self.source)

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        d, g = Turn("D", ("D",), self.d_turn, self.objective.phase), Turn("G", ("G",), self.g_turn)
        return [d, g] if self.objective.trains_d else [g]

    def d_turn(self, draw: Draw) -> Outcome:
        D, G, real, z = self._given(draw)
        return discriminator_step(D, G, self.objective, self.players["D"].optimizer, real, z)

    def g_turn(self, draw: Draw) -> Outcome:
        D, G, real, z = self._given(draw)
        return generator_step(D, G, self.objective, self.players["G"].optimizer, z, real)

    def _given(self, draw: Draw) -> tuple[Layer, Layer, Array, Array]:
        shape = self.case.sample_shape
        real, z = draw.noise(6, int(np.prod(shape))).reshape(6, *shape), draw.noise(6 * self.objective.fakes, 3)
        networks = self._D, self.players["G"].network
        if self.case.classes is not None:
            y = draw.labels(6, self.case.classes)
            networks = networks[0].given(y), networks[1].given(y)
        return *networks, real, z

    def everything(self) -> dict[str, bytes]:
        arrays = {**self.arrays(), "turn": self.source._turn, "frozen": dict(self._D.named_params()).get("0.weight", 0)}
        return {name: np.asarray(to_host(array)).tobytes() for name, array in arrays.items()}


def numbers(outcome: Outcome) -> dict[str, np.ndarray]:
    return {name: to_host(a) for name, a in {"loss": outcome.loss, **outcome.scores, **flatten(outcome.grads)}.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_replayed_turn_is_the_turn_itself_to_the_last_bit(case: StepCase, machine: capture.Gpu) -> None:
    eager, small = Small(case, machine), Small(case, machine)
    sentences: list[str] = []
    calls: Counter[tuple[str, int]] = Counter()
    recorded = Recorded(small, small.source, machine, sentences.append)
    steps = STEPS * case.options.get("every", 1)
    for step in range(steps):
        for part, (theirs, ours) in enumerate(zip(eager.turns(step, steps), small.turns(step, steps), strict=True)):
            eager.source.begin(step, part)
            calls[ours.name, ours.form()] += 1
            expected, found = numbers(theirs.play(eager.source)), numbers(recorded.play(ours, step, part))
            assert expected.keys() == found.keys()
            for name, array in expected.items():
                np.testing.assert_array_equal(found[name], array, err_msg=f"{ours.name}, step {step}: {name}")
    assert small.everything() == eager.everything()
    assert (small.counts(), small.source.seen) == (eager.counts(), eager.source.seen)
    assert recorded.why_not == EAGER.get(str(case))
    assert len(sentences) == (str(case) in EAGER)
    launches = [] if sentences else [n - WARM_UP for n in calls.values() if n > WARM_UP]
    assert sorted(graph.launches for graph in machine.graphs if graph.launches) == sorted(launches)


def test_every_objective_is_in_the_table() -> None:
    assert {case.name for case in CASES} == set(objectives.names())
    assert EAGER.keys() <= {str(case) for case in CASES}


def test_where_one_turn_cannot_be_recorded_none_is(machine: capture.Gpu) -> None:
    """D's turn was recorded before G's was tried: it is launched that once, and never again."""

    def stubborn(small: Small) -> Small:
        g_turn = small.g_turn

        def asking(draw: Draw) -> Outcome:
            outcome = g_turn(draw)
            float(outcome.loss)
            return outcome

        small.g_turn = asking  # type: ignore[method-assign]
        return small

    case = StepCase("lsgan", "batch")
    eager, small = stubborn(Small(case, machine)), stubborn(Small(case, machine))
    sentences: list[str] = []
    recorded = Recorded(small, small.source, machine, sentences.append)
    for step in range(STEPS):
        for part, (theirs, ours) in enumerate(zip(eager.turns(step, STEPS), small.turns(step, STEPS), strict=True)):
            eager.source.begin(step, part)
            theirs.play(eager.source)
            recorded.play(ours, step, part)
    assert small.everything() == eager.everything() and small.counts() == eager.counts()
    assert [graph.launches for graph in machine.graphs] == [1]
    (sentence,) = sentences
    assert sentence.startswith("steps are launched operation by operation, because they cannot be recorded: float()")


# What is drawn on a GPU.


def labelled(n: int) -> Dataset:
    """n images; the label of each is its brightness."""
    brightness = np.arange(n, dtype=np.uint8)
    return Dataset("bright", brightness[:, np.newaxis, np.newaxis, np.newaxis].repeat(2, axis=1), brightness, "")


def drawn(draw: DeviceDraw, turns: range) -> list[tuple[bytes, ...]]:
    """The samples, labels and noise of some turns."""
    found = []
    for turn in turns:
        draw.begin(turn, 0)
        arrays = (*draw.labelled(), draw.noise(3, 2), draw.labels(5, 4))
        found.append(tuple(to_host(array).tobytes() for array in arrays))
    return found


def test_on_a_gpu_every_epoch_has_each_sample_once_with_its_own_label(machine: capture.Gpu) -> None:
    draw = DeviceDraw({"real": labelled(10)}, 4, 0, CUDA)
    rows: list[int] = []
    for turn in range(5):
        draw.begin(turn, 0)
        x, y = (to_host(array) for array in draw.labelled())
        np.testing.assert_array_equal(np.rint((x[:, 0, 0, 0] + 1) * 127.5), y)
        rows += y.tolist()
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10)) and rows[:10] != rows[10:]
    assert draw.seen == {"real": 5}


def test_draws_on_a_gpu_continue_where_they_stopped(machine: capture.Gpu) -> None:
    whole = drawn(DeviceDraw({"real": labelled(10)}, 4, 0, CUDA), range(9))
    assert len(set(whole)) == 9
    later = DeviceDraw({"real": labelled(10)}, 4, 0, CUDA)
    later.seen["real"] = 5
    later.seek(5)
    assert drawn(later, range(5, 9)) == whole[5:]


def test_the_noise_of_a_step_is_the_same_array_again_until_the_step_ends(machine: capture.Gpu) -> None:
    draw = DeviceDraw({"real": labelled(10)}, 4, 0, CUDA)
    z = draw.noise(3, 2)
    draw.begin(0, 1)
    assert draw.noise(3, 2, again=True) is z
    draw.begin_step()
    assert draw.noise(3, 2, again=True) is not z


# Runs.


def run(pictures: Path, out: Path, /, **choices: Any) -> Trainer:
    trainer = Trainer.start(tiny(pictures, device="cuda", **{"optimizer": "sgd"} | choices), out, quiet=True)
    trainer.train()
    return trainer


def kept(trainer: Trainer) -> dict[str, bytes]:
    return {name: to_host(array).tobytes() for name, array in trainer.system.arrays().items()}


def log(trainer: Trainer) -> list[dict[str, Any]]:
    return [{name: value for name, value in point.items() if name != "seconds"} for point in trainer.run.log()]


RUNS: dict[str, dict[str, Any]] = {
    "two updates of D": {"objective": "wgan-gp", "n_critic": 2, "epochs": 4},
    "many updates of D at first": {"objective": "wgan", "epochs": 4},
    "same noise": {"same_noise": True},
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
    kind: str, machine: capture.Gpu, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wgan, "long_at_first", lambda step, n: 20 if step == 0 else n)  # a hundred take long
    replayed = run(pictures, tmp_path / "graph", **RUNS[kind])
    launches = [graph.launches for graph in machine.graphs]
    eager = run(pictures, tmp_path / "eager", graph=False, **RUNS[kind])
    assert kept(replayed) == kept(eager)
    assert log(replayed) == log(eager)
    assert (replayed.draw.seen, replayed.system.counts()) == (eager.draw.seen, eager.system.counts())
    assert launches and min(launches) >= 1 and len(machine.graphs) == len(launches)


def test_a_run_that_continues_draws_what_it_would_have_drawn(
    machine: capture.Gpu, pictures: Path, tmp_path: Path
) -> None:
    whole = run(pictures, tmp_path / "whole", epochs=2)
    run(pictures, tmp_path / "parts", epochs=1)
    parts = Trainer.resume(tmp_path / "parts", {"epochs": 2}, quiet=True)
    parts.train()
    assert kept(parts) == kept(whole)
    assert parts.draw.seen == whole.draw.seen


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
        assert [graph.launches for graph in gpu.graphs] == [replayed.total - WARM_UP - 1] * 2
        eager = run(tmp_path, tmp_path / "eager", graph=False, **choices)
        assert kept(replayed) == kept(eager) and replayed.total >= 20
        assert replayed.system.counts() == eager.system.counts()

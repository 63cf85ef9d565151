"""Processes compute what threads compute, to the last bit; whatever ends one of them ends all, with a clear error."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_networks import assert_same_arrays

from minigan import data, models, objectives
from minigan.engine.choose import Chosen, choose
from minigan.engine.mailboxes import Mailboxes
from minigan.engine.pair import OneGeneration
from minigan.engine.processes import Lost, Processes, possible
from minigan.layers import Conv2d, Dropout, Flatten, Layer, LeakyReLU, Linear, MinibatchStd, Network
from minigan.optim import Adam
from minigan.random import Streams
from minigan.systems import GAN
from minigan.training.steps import discriminator_step, generator_step
from minigan.training.trainer import Trainer

pytestmark = pytest.mark.skipif(not possible(), reason="forks of Linux are needed")
BATCH, STEPS, Z = 6, 3, 5


@pytest.fixture
def forked() -> Iterator[Callable[[Processes, Callable[[], None]], None]]:
    """Starts the others of some processes; they are ended after the test."""
    started = []

    def start(processes: Processes, follow: Callable[[], None]) -> None:
        started.append(processes)
        processes.start(follow)

    yield start
    for processes in started:
        processes.stop()


@pytest.mark.parametrize("size", [2, 3])
def test_values_of_any_shape_reach_all_processes_as_they_are(size: int, forked: Any) -> None:
    rng = np.random.default_rng(0)
    nested = [
        {"a": {"weight": rng.normal(size=(rank + 2, 3))}, "b": [None, "text", rank, (0.5, np.arange(rank))]}
        for rank in range(size)
    ]
    long = [rng.integers(0, 9, size=(400 + rank, 100)).astype(np.uint8) for rank in range(size)]
    processes = Processes(size, 1 << 20)

    def exchanged() -> None:
        for given in (nested, long, nested):
            came = processes.exchange.gather(processes.rank, given[processes.rank])
            np.testing.assert_equal(came, given)
            assert all(type(one) is type(other) for one, other in zip(came, given, strict=True))

    def follow() -> None:
        exchanged()
        processes.exchange.gather(processes.rank, "all is well")

    forked(processes, follow)
    exchanged()
    assert processes.exchange.gather(0, None)[1:] == ["all is well"] * (size - 1)


def test_a_message_without_room_is_refused() -> None:
    boxes = Mailboxes(2, 1000, lambda: None)
    with pytest.raises(MemoryError, match="use threads"):
        boxes.gather(0, np.zeros(1000))


def _networks(name: str, streams: Streams) -> tuple[dict[str, Layer], Any]:
    """D and G, and their objective. In "draws", D draws and couples the rows of a batch."""
    if name == "penalty":
        model = models.get("dcgan", streams, width=0.05, critic_norm=None, z_dim=Z)
        return {"D": model.D, "G": model.G}, objectives.get("wgan-gp", rng=streams("penalty"))
    model, D = models.get("infogan", streams, width=0.05, hidden=12, z_dim=Z), None
    if name == "draws":
        rng = streams("D")
        layers = Conv2d(1, 3, 4, 2, 1, rng=rng), LeakyReLU(0.2), Dropout(0.4, rng=rng), MinibatchStd(), Flatten()
        D = Network(*layers, Linear(14 * 14 * 4, 1, rng=rng))
    return {"D": D or model.D, "G": model.G}, objectives.get("nonsaturating")


def trained(name: str, size: int, processes: bool, forked: Any) -> Mapping[str, np.ndarray]:
    """The arrays of D and G after a few steps."""
    streams = Streams(0)
    networks, objective = _networks(name, streams)
    optimizers = {role: Adam(network.named_params(), 1e-2) for role, network in networks.items()}
    chosen: Chosen = choose(networks, threads=size, batch_size=BATCH, on_cpu=True, processes=processes)
    D, G = chosen.networks["D"], OneGeneration(chosen.networks["G"])
    real = streams("data").normal(size=(BATCH, 28, 28, 1)).astype(np.float32)

    def play() -> None:
        for _ in range(STEPS):
            z = streams("noise").standard_normal((BATCH, Z), np.float32)
            for turn in (
                lambda z=z: discriminator_step(D, G, objective, optimizers["D"], real, z),
                lambda z=z: generator_step(D, G, objective, optimizers["G"], z),
            ):
                if chosen.processes is not None:
                    chosen.processes.begin("turn", np.array([next(networks["D"].named_params())[1].sum()]))
                turn()
                if chosen.processes is not None:
                    chosen.processes.active = False

    if processes:
        assert chosen.processes is not None
        forked(chosen.processes, play)
    play()
    return {f"{role}/{key}": array.copy() for role, one in networks.items() for key, array in one.named_arrays()}


@pytest.mark.parametrize(("name", "size"), [("norms", 2), ("norms", 3), ("penalty", 2), ("draws", 2), ("draws", 3)])
def test_processes_give_the_bits_of_as_many_threads(name: str, size: int, forked: Any) -> None:
    assert_same_arrays(trained(name, size, True, forked), trained(name, size, False, forked))


def _system() -> GAN:
    model = models.get("infogan", Streams(1), width=0.05, hidden=12)
    return GAN(model.G, model.D, objectives.get("nonsaturating"), z_dim=model.z_dim, sample_shape=model.sample_shape)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    images = np.random.default_rng(0).integers(0, 256, (48, 28, 28, 1)).astype(np.uint8)
    return data.Dataset("noise", images, None, "drawn for this test")


def trainer_of(digits: data.Dataset, out: Path, **options: Any) -> Trainer:
    return Trainer(_system(), digits, out, epochs=1, batch_size=8, threads=2, quiet=True, **options)


def test_a_run_of_processes_is_the_run_of_threads_and_continues_as_one(digits: data.Dataset, tmp_path: Path) -> None:
    ends = []
    for fork in (True, False):
        trainer = trainer_of(digits, tmp_path / str(fork), fork=fork)
        for step in trainer.steps():
            for turn, draw in trainer.turns(step):
                trainer.record(turn, turn.play(draw))
            if step == 2:
                break
        trainer.train()
        ends.append(trainer.system.arrays())
    assert_same_arrays(*ends)


def test_outside_of_its_turns_a_network_is_computed_by_the_first_process(digits: data.Dataset, tmp_path: Path) -> None:
    trainer = trainer_of(digits, tmp_path / "run")
    form, network = trainer.system.players["D"].network, trainer.networks["D"]
    x = digits.batch(np.arange(4))
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            trainer.record(turn, turn.play(draw))
        np.testing.assert_array_equal(form.forward(x, train=False)[0], network.forward(x, train=False)[0])


def _changed(trainer: Trainer, step: int) -> None:
    trainer.networks["G"].layers[0].weight *= 1.5


def _skipped(trainer: Trainer, step: int) -> None:
    next(iter(trainer.turns(step)))


def _killed(trainer: Trainer, step: int) -> None:
    assert trainer._processes is not None
    os.kill(trainer._processes._others[1], signal.SIGKILL)


@pytest.mark.parametrize(
    ("disturb", "named"),
    [
        (_changed, "weight or learning rate was changed"),
        (_skipped, "a turn was left out"),
        (_killed, "killed by SIGKILL"),
    ],
)
def test_what_would_make_processes_differ_ends_the_run_with_the_reason(
    disturb: Callable[[Trainer, int], None], named: str, digits: data.Dataset, tmp_path: Path
) -> None:
    trainer = trainer_of(digits, tmp_path / "run")

    def play() -> None:
        for step in trainer.steps():
            if step == 3:
                disturb(trainer, step)
            for turn, draw in trainer.turns(step):
                trainer.record(turn, turn.play(draw))

    with pytest.raises(Lost, match=named):
        play()
    assert trainer._processes is not None
    assert not trainer._processes._others


def test_an_error_of_another_process_reaches_the_first_by_its_message(forked: Any) -> None:
    processes = Processes(2, 1 << 16)

    def fail() -> None:
        raise ValueError("no such row")

    forked(processes, fail)
    with pytest.raises(Lost, match=r"process 1 of the 2 .* ValueError: no such row"):
        processes.exchange.gather(0, None)


def test_too_little_memory_in_another_process_is_a_memory_error(forked: Any) -> None:
    processes = Processes(2, 1 << 16)

    def fail() -> None:
        raise MemoryError("8 GiB")

    forked(processes, fail)
    with pytest.raises(MemoryError, match="8 GiB"):
        processes.exchange.gather(0, None)


def test_without_semaphores_and_in_a_notebook_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ipykernel", sys)
        assert not possible()
    monkeypatch.setattr(multiprocessing.get_context("fork"), "Semaphore", _refused, raising=False)
    assert not possible()


def _refused(value: int) -> None:
    raise OSError(38, "Function not implemented")


ORPHANS = """
import sys, time
from minigan.engine.processes import Processes
processes = Processes(3, 1 << 16)
processes.start(lambda: processes.exchange.gather(processes.rank, None))
print(*processes._others.values(), flush=True)
time.sleep(60)
"""


def test_when_the_first_process_is_killed_the_others_end() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        others = [int(number) for number in first.stdout.readline().split()]
        first.kill()
    end = time.monotonic() + 20
    while any(_alive(number) for number in others):
        assert time.monotonic() < end, "a process is still there"
        time.sleep(0.05)
    assert len(others) == 2


def _alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and not yet collected by whoever adopted it

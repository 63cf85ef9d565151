"""A run that was interrupted or terminated, and continues, is the run that was never stopped: to the last bit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import (
    KINDS,
    assert_same_arrays,
    assert_same_run,
    last_arrays,
    resumed,
    timeless_log,
    tiny,
    trained,
)

from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted, stop_on_signals
from minigan.training.trainer import Trainer


def at(step: int, act: Callable[[], None]) -> Callable[[Trainer], None]:
    """A hook that acts after one step."""

    def hook(trainer: Trainer) -> None:
        if trainer.step == step:
            act()

    return hook


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_continues_as_if_it_had_never_stopped(pictures: Path, tmp_path: Path, kind: str) -> None:
    config = tiny(pictures, **KINDS[kind])
    trained(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(config, tmp_path / "halves", hooks=[at(5, lambda: send(signal.SIGINT))])
    trainer = Trainer.resume(tmp_path / "halves", quiet=True)
    assert trainer.step == 5
    trainer.train()
    assert_same_run(tmp_path / "whole", tmp_path / "halves")


def test_a_run_interrupted_at_every_step_is_still_the_same_run(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures), tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(tiny(pictures), tmp_path / "parts", hooks=[at(1, lambda: send(signal.SIGINT))])
    for step in range(2, 12):
        with pytest.raises(Interrupted):
            resumed(tmp_path / "parts", hooks=[at(step, lambda: send(signal.SIGINT))])
    resumed(tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_with_a_checkpoint_and_the_way_to_continue(
    pictures: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(Interrupted, match=f"stopped after step 3; continue with --resume {tmp_path / 'run'}"):
        trained(tiny(pictures), tmp_path / "run", hooks=[at(3, lambda: send(number))])
    assert [path.name for path in Run.open(tmp_path / "run").checkpoints()] == ["step-000003.npz"]
    assert {s: signal.getsignal(s) for s in before} == before


def test_a_second_signal_stops_at_once(pictures: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    reached: list[str] = []

    def twice() -> None:
        send(signal.SIGINT)
        reached.append("after the first")
        send(signal.SIGINT)
        time.sleep(10)  # a signal that has not been handled yet would end the sleep
        reached.append("after the second")

    with pytest.raises(KeyboardInterrupt) as caught:
        trained(tiny(pictures), tmp_path / "run", hooks=[at(3, twice)])
    assert isinstance(caught.value, Interrupted)
    assert str(caught.value) == f"stopped at once; --resume {tmp_path}/run continues from its last checkpoint"
    assert reached == ["after the first"]
    assert signal.getsignal(signal.SIGINT) == before
    assert Run.open(tmp_path / "run").checkpoints() == []


def test_a_signal_at_the_last_step_lets_the_run_end(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures), tmp_path / "run", hooks=[at(12, lambda: send(signal.SIGINT))])
    assert trainer.step == 12


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before, inside = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with stop_on_signals() as stop:
            inside.append((signal.getsignal(signal.SIGINT), stop.requested))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [(before, False)]


def test_a_loop_that_is_left_gives_the_signals_back(pictures: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    for _ in Trainer.start(tiny(pictures), tmp_path / "run", quiet=True).steps():
        assert signal.getsignal(signal.SIGINT) != before
        break
    assert signal.getsignal(signal.SIGINT) == before


def test_a_finished_run_is_left_as_it_is(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures), tmp_path / "run")
    log, arrays = timeless_log(tmp_path / "run"), last_arrays(tmp_path / "run")
    assert resumed(tmp_path / "run").step == 12
    assert timeless_log(tmp_path / "run") == log
    assert_same_arrays(last_arrays(tmp_path / "run"), arrays)


def test_a_finished_run_may_go_further(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures, epochs=2), tmp_path / "whole")
    trained(tiny(pictures, epochs=1), tmp_path / "longer")
    trainer = Trainer.resume(tmp_path / "longer", {"epochs": 2}, quiet=True)
    trainer.train()
    assert_same_arrays(last_arrays(tmp_path / "longer"), last_arrays(tmp_path / "whole"))
    assert Run.open(tmp_path / "longer").config == tiny(pictures, epochs=2)


def test_a_change_that_is_refused_is_not_written(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures, epochs=0.5), tmp_path / "run")
    wrong: list[dict[str, Any]] = [{"epochs": -1}, {"device": "nonsense"}, {"seed": 1, "epochs": 3}]
    for changes in wrong:
        with pytest.raises(ValueError, match=r"positive|unknown device|not seed"):
            Trainer.resume(tmp_path / "run", changes)
        assert Run.open(tmp_path / "run").config == tiny(pictures, epochs=0.5)


def test_a_damaged_newest_checkpoint_costs_an_epoch_and_nothing_else(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, epochs=3)
    trained(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(config, tmp_path / "run", hooks=[at(13, lambda: send(signal.SIGINT))])
    newest = Run.open(tmp_path / "run").checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:-1000])
    with pytest.warns(RuntimeWarning, match=r"step-000013\.npz: .*falling back"):
        trainer = Trainer.resume(tmp_path / "run", quiet=True)
    assert trainer.step == 12
    trainer.train()
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_a_checkpoint_written_before_damaged_ones_survives_and_is_the_next_to_be_resumed(
    pictures: Path, tmp_path: Path
) -> None:
    config = tiny(pictures, epochs=3)
    trained(config, tmp_path / "whole")
    trained(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    spare = trained(tiny(pictures, epochs=1), tmp_path / "spare").run.checkpoints()[-1]
    for path in run.checkpoints():
        path.write_bytes(b"damaged")
    spare.replace(run.folder / "checkpoints" / spare.name)
    with pytest.warns(RuntimeWarning, match="falling back"), pytest.raises(Interrupted):
        resumed(tmp_path / "run", hooks=[at(8, lambda: send(signal.SIGINT))])
    assert resumed(tmp_path / "run").step == 18
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_a_checkpoint_of_another_network_is_refused(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures, epochs=0.5), tmp_path / "run")
    other = trained(tiny(pictures, epochs=0.5, width=0.1), tmp_path / "other").run.checkpoints()[-1]
    other.replace(tmp_path / "run" / "checkpoints" / other.name)
    with pytest.raises(ValueError, match=r"step-000003\.npz: does not fit this run: D/0\.bias is float32 \(6,\)"):
        Trainer.resume(tmp_path / "run")


def test_the_seconds_of_training_continue_where_they_stopped(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(tiny(pictures), tmp_path / "run", hooks=[at(5, lambda: send(signal.SIGINT))])
    before = checkpoint.load(Run.open(tmp_path / "run").checkpoints()[-1])[1]["seconds"]
    trainer = Trainer.resume(tmp_path / "run", quiet=True)
    assert trainer.seconds == before > 0
    trainer.train()
    assert np.all(np.diff([before] + [entry["seconds"] for entry in trainer.run.log()]) >= 0)

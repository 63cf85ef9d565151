"""Long runs: what they hold in memory and write on the disk stays bounded, and a pause is not an end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from support.tiny_runs import PER_EPOCH, assert_same_run, plain, resumed, spawn, tiny, trained

from minigan.cli import main
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training import schedule
from minigan.training.config import Config
from minigan.training.trainer import Trainer

RING = plain(model="points", data="ring", hidden=8, batch_size=1000, epochs=4)  # 100 steps an epoch
DIGITS = plain(model="dcgan", objective="nonsaturating", width=0.05, batch_size=20, threads=2)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_thinned_log_is_that_of_a_run_that_never_stopped_and_is_drawn(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "DENSE", 2)
    config = tiny(pictures, epochs=22)  # 132 steps
    whole = trained(config, tmp_path / "whole")
    steps = [point["step"] for point in whole.run.log()]
    assert steps == [6, 10, 12, 20, 60, 100, 120, 132]  # the epochs 1, 2, 10, 20, 22 and the log points 1, 2, 10
    assert [path.stem for path in whole.run.pictures()] == [f"step-{n:06d}" for n in (0, 6, 12, 60, 120, 132)]

    def stop(trainer: Trainer) -> None:
        if trainer.step == 70:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        trained(config, tmp_path / "stopped", hooks=[stop])
    resumed(tmp_path / "stopped")
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    whole.finish()
    assert (tmp_path / "whole" / "losses.png").stat().st_size > 0


def test_nothing_is_collected_from_step_to_step(tmp_path: Path) -> None:
    held: dict[int, int] = {}

    def weigh(trainer: Trainer) -> None:
        if trainer.step in (150, 350):
            gc.collect()
            held[trainer.step] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        trained(RING, tmp_path / "run", hooks=[weigh])
    finally:
        tracemalloc.stop()
    assert held[350] - held[150] < 20_000  # an array of the steps between, or a line of the log, would be more


def resident() -> int:
    """Bytes of memory that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["points", "a team of two"])
def test_memory_does_not_grow_over_ten_thousand_steps(tmp_path: Path, kind: str) -> None:
    chosen: dict[str, Any] = {"points": vars(RING) | {"epochs": 100}, "a team of two": vars(DIGITS) | {"epochs": 20}}
    seen: dict[int, int] = {}

    def weigh(trainer: Trainer) -> None:
        if trainer.step % 1000 == 0:
            gc.collect()
            seen[trainer.step] = resident()

    trainer = trained(Config(**chosen[kind]), tmp_path / "run", hooks=[weigh])
    assert trainer.step == 10_000
    log = (trainer.run.folder / "log.jsonl").stat().st_size
    grown = {step: (bytes_ - seen[2000]) // 1024 for step, bytes_ in seen.items()}
    print(f"\n{kind}: KiB more than after 2,000 of 10,000 steps: {grown}; log {log:,} bytes")
    assert seen[10_000] - seen[2000] < 4 * 2**20


SLOW = """
import sys, time
from pathlib import Path
from minigan.training.config import Config
from minigan.training.trainer import Trainer

config = Config.load(Path(sys.argv[1]).read_text(), Path(sys.argv[1]))
trainer = Trainer.start(config, Path(sys.argv[2]))
turns = trainer.turns

def slow(step):
    if step == 8:
        Path(sys.argv[3]).touch()
        time.sleep(1)  # in the midst of a step
    return turns(step)

trainer.turns = slow
trainer.train()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_a_run_that_was_suspended_continues_and_nobody_takes_its_place(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = tiny(pictures, epochs=3), tmp_path / "run"
    (tmp_path / "config.json").write_text(config.dump())
    process = spawn("-c", SLOW, str(tmp_path / "config.json"), str(run), str(tmp_path / "here"))
    while not (tmp_path / "here").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    stopped = time.monotonic()
    with pytest.raises(SystemExit):
        main(["train", "--resume", str(run)])
    assert f"in use by process {process.pid} on" in capsys.readouterr().err
    time.sleep(max(0.0, 2.0 - (time.monotonic() - stopped)))
    process.send_signal(signal.SIGCONT)
    _, bar = process.communicate()
    assert process.returncode == 0, bar
    assert f"{3 * PER_EPOCH}/{3 * PER_EPOCH}" in bar and "Traceback" not in bar
    assert Run.open(run).log()[-1]["seconds"] >= 2.0  # by the clock on the wall, with the pause
    trained(config, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", run)

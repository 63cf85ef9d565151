"""Errors from outside a run, provoked for real: the message, and that the run continues from there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from support import gpu_machine
from support.tiny_runs import PER_EPOCH, assert_same_run, resumed, spawn, tiny, trained

from minigan.cli import main
from minigan.device import CPU, Device
from minigan.runs import errors
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import Config
from minigan.training.trainer import Trainer

Hook = Callable[[Trainer], None]
TEAM: dict[str, Any] = {"threads": 2, "epochs": 4}
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full, /proc or tmpfs")


def at(step: int, act: Callable[[Trainer], object]) -> Hook:
    """A hook that acts after this step."""
    return lambda trainer: act(trainer) if trainer.step == step else None


def mount(*words: str | Path) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if not (
        sys.platform == "linux" and shutil.which("mount") and mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", place)
    ):
        pytest.skip("nobody but root can mount a small disk")
    try:
        yield place
    finally:
        while place.is_mount():  # a test that fails may have mounted it twice
            subprocess.run(["umount", "-l", place], check=True)


def continues_as_if_nothing_had_happened(pictures: Path, folder: Path, whole: Path, **choices: Any) -> None:
    resumed(folder)
    trained(tiny(pictures, **choices), whole)
    assert_same_run(whole, folder)
    assert list(folder.rglob(".*")) == [] and not (folder / "run.lock").exists()


@pytest.mark.parametrize("step", [2, 8])
def test_a_full_disk_is_reported_with_the_way_back_and_no_file_is_half_written(
    pictures: Path, tmp_path: Path, disk: Path, step: int
) -> None:
    def fill(trainer: Trainer) -> None:
        with open(disk / "rest", "wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    with pytest.raises(OSError, match=rf"cannot write to {disk}/run: .*No space left on device") as caught:
        trained(tiny(pictures), disk / "run", hooks=[at(step, fill)])
    rest = "the last good checkpoint is .*step-000006.npz" if step == 8 else "there is no checkpoint yet"
    caught.match(rf"^step \d+: .*; {rest}\. When that is repaired, continue with --resume {disk}/run$")
    assert list((disk / "run").rglob("*.part")) == []
    (disk / "rest").unlink()
    continues_as_if_nothing_had_happened(pictures, disk / "run", tmp_path / "whole")


@needs_linux
def test_a_log_that_finds_the_disk_full_is_reported_with_the_way_back(pictures: Path, tmp_path: Path) -> None:
    log, kept = tmp_path / "run" / "log.jsonl", tmp_path / "kept"

    def fill(trainer: Trainer) -> None:
        log.rename(kept)
        log.symlink_to("/dev/full")

    with pytest.raises(OSError, match=r"step 10: .*No space left on device.*step-000006\.npz.*--resume"):
        trained(tiny(pictures), tmp_path / "run", hooks=[at(7, fill)])
    kept.replace(log)
    continues_as_if_nothing_had_happened(pictures, tmp_path / "run", tmp_path / "whole")


LIMITED = """
import resource, sys
from minigan.cli import main
from minigan.device import CPU, Device
from minigan.runs import errors

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


def command(pictures: Path, out: Path) -> list[str]:
    thin = [
        "--model",
        "dcgan",
        "--width",
        "0.05",
        "--size",
        "8",
        "--batch-size",
        "8",
        "--epochs",
        "2",
        "--threads",
        "1",
    ]
    return ["train", "--data", str(pictures), *thin, "--objective", "nonsaturating", "--out", str(out)]


@needs_linux
def test_a_checkpoint_larger_than_files_may_be_is_one_line_of_error(pictures: Path, tmp_path: Path) -> None:
    process = spawn("-c", LIMITED, "20000", *command(pictures, tmp_path / "run"))
    _, err = process.communicate()
    assert process.returncode == 2 and "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith(f"minigan train: error: step 6: the run cannot write to {tmp_path}/run: ")
    assert "File too large" in last and "there is no checkpoint yet" in last and f"--resume {tmp_path}/run" in last
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []
    resumed(tmp_path / "run")


def test_a_folder_that_becomes_read_only_is_reported_and_the_run_continues_when_it_no_longer_is(
    pictures: Path, tmp_path: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OSError, match=r"step 10: .*Read-only file system.*step-000006\.npz.*--resume"):
        trained(tiny(pictures), disk / "run", hooks=[at(8, lambda _: mount("--bind", "-o", "ro", disk, disk))])
    for words in (["train", "--resume", str(disk / "run")], command(pictures, disk / "new")):
        with pytest.raises(SystemExit):
            main(words)
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith(f"minigan train: error: {disk}/") and line.endswith(": read-only file system")
    assert main(["sample", str(disk / "run"), "-n", "4", "--out", str(tmp_path / "grid.png")]) == 0
    subprocess.run(["umount", disk], check=True)
    continues_as_if_nothing_had_happened(pictures, disk / "run", tmp_path / "whole")


def test_data_that_vanish_hurt_no_run_until_it_is_resumed_and_then_are_named(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = shutil.copytree(pictures, tmp_path / "gone")
    vanish = at(PER_EPOCH + 1, lambda _: gone.rename(tmp_path / "elsewhere"))
    assert trained(tiny(gone), tmp_path / "run", hooks=[vanish]).step == 2 * PER_EPOCH
    with pytest.raises(SystemExit):
        main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3"])
    assert f"error: {gone}: no such folder; expected a folder of" in capsys.readouterr().err
    assert Run.open(tmp_path / "run").config.epochs == 2
    (tmp_path / "elsewhere").rename(gone)
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3"]) == 0


def interrupt_twice(pictures: Path, place: Path, whole: Path, seed: int) -> str:
    """Two signals at random moments of a team's run; what the run reports."""
    rng = random.Random(seed)
    trainer = Trainer.start(tiny(pictures, **TEAM), place, quiet=True)
    waits = [rng.uniform(0.005, 0.15), rng.uniform(0.0005, 0.02)]
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, *waits)
    try:
        trainer.train()
        message = "finished"
    except Interrupted as stopped:
        signal.setitimer(signal.ITIMER_REAL, 0)
        message = str(stopped)
    except KeyboardInterrupt:  # one that came before or after the loop
        message = "stopped"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    del trainer
    resumed(place)
    assert_same_run(whole, place)
    assert list(place.rglob(".*")) == []
    return message


def interruptions(pictures: Path, tmp_path: Path, trials: int) -> list[str]:
    trained(tiny(pictures, **TEAM), tmp_path / "whole")
    return [interrupt_twice(pictures, tmp_path / str(n), tmp_path / "whole", n) for n in range(trials)]


def test_ctrl_c_twice_at_any_moment_leaves_a_run_that_continues(pictures: Path, tmp_path: Path) -> None:
    assert len(interruptions(pictures, tmp_path, 4)) == 4


@pytest.mark.slow
def test_ctrl_c_twice_at_many_moments_leaves_runs_that_continue(pictures: Path, tmp_path: Path) -> None:
    message = interruptions(pictures, tmp_path, 100)
    kinds = {words: sum(words in one for one in message) for words in ("at once", "after step", "finished")}
    print(f"\ntwo signals: {len(message)} runs, {kinds}")
    assert kinds["at once"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_saves_and_reports_how_to_continue(
    pictures: Path, tmp_path: Path, number: int
) -> None:
    process = spawn("-m", "minigan", *command(pictures, tmp_path / "run"), "--epochs", "2000")
    while not (tmp_path / "run" / "log.jsonl").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130 and "Traceback" not in err
    (step,) = (path.stem[5:] for path in Run.open(tmp_path / "run").checkpoints()[-1:])
    message = f"minigan train: stopped after step {int(step)}; continue with --resume {tmp_path}/run"
    assert err.splitlines()[-1] == message


SCARCE = """
import resource
import sys
from pathlib import Path
import numpy as np
from minigan.cli import main
from minigan.device import CPU, Device
from minigan.runs import errors
from minigan.training.trainer import Trainer

np.ones((500, 500), np.float32) @ np.ones((500, 500), np.float32)  # BLAS takes its memory at its first product

def limited(run, *rest, **more):
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**20 * int(sys.argv[1]), before[1]))
    try:
        return train(run, *rest, **more)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

train, Trainer.train = Trainer.train, limited
main(sys.argv[2:])
"""


@needs_linux
@pytest.mark.parametrize("threads", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_memory_that_runs_out_is_reported_with_the_batch_size_and_one_that_fits(tmp_path: Path, threads: str) -> None:
    words = ["train", "--model", "dcgan", "--width", "0.25", "--batch-size", "2000", "--out", str(tmp_path / "run")]
    words += ["--data", "mnist-10k", "--objective", "nonsaturating", "--threads", threads]
    process = spawn("-c", SCARCE, {"1": "120", "2": "240"}[threads], *words)
    _, err = process.communicate()
    last = err.splitlines()[-1]
    assert process.returncode == 2 and "Traceback" not in err, err
    assert last.startswith("minigan train: error: step 0: out of memory with batches of 2000 (Unable to allocate "), err
    found = int(last.partition("a new run with --batch-size ")[2].split()[0])
    assert found in (2000 // 2**n for n in range(1, 12))
    assert "there is no checkpoint yet" in last and f"--resume {tmp_path}/run" in last
    words[words.index("2000")] = str(found)
    words[words.index(str(tmp_path / "run"))] = str(tmp_path / "smaller")
    room = {"1": "200", "2": "320"}[threads]  # of BLAS for the threads that generate samples, too
    process = spawn("-c", SCARCE, room, *words, "--epochs", str(2 * found / 10_000))
    _, err = process.communicate()
    assert process.returncode == 0, err


def test_numbers_that_are_not_finite_name_layer_step_and_checkpoint_in_one_line(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command(pictures, tmp_path / "run"), "--lr", "1e30"])
    last = capsys.readouterr().err.splitlines()[-1]
    for words in ("minigan train: error: step ", "not finite: ", "D's ", "Conv2d(", "no checkpoint yet"):
        assert words in last


@pytest.mark.parametrize("error", [RuntimeError("the worker died"), MemoryError("none left")])
def test_a_thread_of_the_team_that_dies_is_heard_of_and_the_run_continues(
    pictures: Path, tmp_path: Path, error: Exception
) -> None:
    def die(*arguments: Any) -> Any:
        raise error

    def break_worker(trainer: Trainer) -> None:
        trainer.system.players["D"].network.replicas[1].forward = die  # type: ignore[attr-defined]

    with pytest.raises(type(error), match=str(error)):
        trained(tiny(pictures, **TEAM), tmp_path / "run", hooks=[at(8, break_worker)])
    continues_as_if_nothing_had_happened(pictures, tmp_path / "run", tmp_path / "whole", **TEAM)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> gpu_machine.Machine:
    return gpu_machine.install(monkeypatch)


def explained(device: Device, batch_size: int, attempt: Callable[[int], object]) -> AbstractContextManager[None]:
    """`errors.of_the_memory` for a run that is at step 7 and has no checkpoint."""
    return errors.of_the_memory(Run(Path("nowhere"), Config()), device, batch_size, lambda: 7, attempt)


class SmallGpu:
    """Steps of a GPU whose memory ends beyond so many samples."""

    def __init__(self, fits: int) -> None:
        self.fits, self.tried = fits, []

    def __call__(self, n: int) -> None:
        self.tried.append(n)
        if n > self.fits:
            raise MemoryError(f"Out of memory allocating {n} bytes")


@pytest.mark.parametrize(
    ("batch_size", "fits", "tried", "advice"),
    [
        (512, 100, [256, 128, 64], "A step of 64 samples fits: --batch-size 64"),
        (500, 300, [256], "A step of 256 samples fits: --batch-size 256"),
        (512, 2, [256, 128, 64, 32, 16, 8, 4, 2], "--batch-size 2"),
        (16, 1, [8, 4, 2], "Not even 2 samples fit: take a smaller --width, or --device cpu"),
        (2, 1, [], "Not even 2 samples fit"),
    ],
)
def test_where_the_memory_ends_the_largest_power_of_two_that_fits_is_named(
    machine: gpu_machine.Machine, batch_size: int, fits: int, tried: list[int], advice: str
) -> None:
    step = SmallGpu(fits)
    with pytest.raises(MemoryError) as reported, explained(Device("cuda", 1), batch_size, step):
        raise MemoryError("Out of memory allocating 7 bytes")
    assert str(reported.value).startswith(
        f"cuda:1 has too little memory for a step of --batch-size {batch_size}: 3.0 of 80.0 GiB are free"
    )
    assert advice in str(reported.value) and step.tried == tried
    assert machine.released == 1 + sum(n > fits for n in tried)


def test_memory_is_handed_back_before_anything_is_tried(machine: gpu_machine.Machine) -> None:
    held: list[weakref.ref[Device]] = []

    def step() -> None:
        large = Device("an array of the step that failed")
        held.append(weakref.ref(large))
        raise MemoryError("Out of memory")

    def attempt(n: int) -> None:
        assert held[0]() is None and machine.released == 1

    with pytest.raises(MemoryError, match="--batch-size 4"), explained(Device("cuda"), 8, attempt):
        step()


def test_other_errors_are_left_as_they_are() -> None:
    error = ValueError("another")
    with pytest.raises(ValueError) as reported, explained(Device("cuda"), 8, SmallGpu(1)):
        raise error
    assert reported.value is error


@pytest.mark.parametrize(
    ("fits", "advice"), [(3, "a new run with --batch-size 2 would fit"), (1, "a smaller one needs")]
)
def test_the_memory_of_the_host_is_explained_likewise(fits: int, advice: str) -> None:
    step = SmallGpu(fits)
    with pytest.raises(MemoryError) as reported, explained(CPU, 16, step):
        raise MemoryError
    assert str(reported.value).startswith("step 7: out of memory with batches of 16 (no more to be had): ")
    assert (
        advice in str(reported.value)
        and step.tried == [8, 4, 2]
        and "there is no checkpoint yet" in str(reported.value)
    )


def test_a_step_that_cannot_be_made_with_so_few_samples_ends_the_search() -> None:
    def attempt(n: int) -> None:
        if n < 4:
            raise ValueError("rank 3 needs 3 samples")
        raise MemoryError

    assert errors.fitting(8, attempt) is None

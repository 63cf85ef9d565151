"""One process at a time works on a run; one that was killed stands in nobody's way."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.tiny_runs import resumed, spawn, tiny, trained

from minigan.cli import main
from minigan.runs.folder import Run
from minigan.runs.lock import NAME, Busy, Lock
from minigan.training.trainer import Trainer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks of POSIX")

HOLDING = """
import sys, time
from pathlib import Path
from minigan.runs.lock import Lock

Lock(Path(sys.argv[1])).take()
print("taken", flush=True)
time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that has the lock of a folder."""
    process = spawn("-c", HOLDING, str(folder))
    assert process.stdout is not None and process.stdout.readline() == "taken\n", process.communicate()
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_lock_leaves_no_file(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with lock:
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
        lock.take()
    assert list(tmp_path.iterdir()) == []
    lock.release()


def test_another_process_is_refused_with_who_and_since_when_until_it_is_gone(tmp_path: Path) -> None:
    process = holder(tmp_path)
    words = rf"is in use by process {process.pid} on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \(0 h 0 min\)"
    for _ in range(2):
        with pytest.raises(Busy, match=words):
            Lock(tmp_path).take()
    end(process)
    lock = Lock(tmp_path)
    with pytest.warns(RuntimeWarning, match=rf"in use by process {process.pid} .*ended; this process takes over"):
        lock.take()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_stale_lock_of_a_process_whose_number_another_has_now_is_taken_over(tmp_path: Path) -> None:
    """The number in it is that of a process that lives, and has nothing to do with the run."""
    (tmp_path / NAME).write_text(json.dumps({"pid": os.getppid(), "host": "elsewhere", "since": time.time() - 7300}))
    with pytest.warns(RuntimeWarning, match=rf"process {os.getppid()} on elsewhere.*\(2 h 1 min\), which has ended"):
        Lock(tmp_path).take()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "host": "a", "since": 0}'])
def test_a_lock_that_states_nothing_useful_is_simply_taken(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with Lock(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.take()
    (tmp_path / NAME).unlink()
    lock.take()
    assert (tmp_path / NAME).is_file()
    lock.release()


def test_a_file_system_without_locks_is_worth_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def none(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", none)
    with pytest.warns(RuntimeWarning, match="locks do not work here .*No locks available.*no other process works"):
        Lock(tmp_path).take()


def test_a_run_that_somebody_trains_is_not_resumed_and_not_touched(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tiny(pictures, epochs=1), tmp_path / "run")
    process = holder(tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as caught:
        main(["train", "--resume", str(tmp_path / "run"), "--epochs", "2"])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert re.search(rf"error: .*run is in use by process {process.pid} on .*at once would damage it\n$", message)
    assert {path: path.read_bytes() for path in before} == before
    assert main(["sample", str(tmp_path / "run"), "-n", "1", "--out", str(tmp_path / "a.png")]) == 0  # looking is free
    end(process)
    with pytest.warns(RuntimeWarning, match="takes over"):
        resumed(tmp_path / "run")


def test_a_run_is_locked_from_its_start_to_its_last_step(pictures: Path, tmp_path: Path) -> None:
    held = []
    trainer = Trainer.start(
        tiny(pictures, epochs=1),
        tmp_path / "run",
        quiet=True,
        hooks=[lambda t: held.append((tmp_path / "run" / NAME).exists())],
    )
    assert (tmp_path / "run" / NAME).exists()
    trainer.train()
    assert held == [True] * 6
    assert not (tmp_path / "run" / NAME).exists()


def test_a_run_that_breaks_or_is_not_resumed_is_released(pictures: Path, tmp_path: Path) -> None:
    def trip(trainer: Trainer) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        trained(tiny(pictures, epochs=1), tmp_path / "run", hooks=[trip])
    assert not (tmp_path / "run" / NAME).exists()
    with pytest.raises(ValueError, match="not seed"):
        Trainer.resume(tmp_path / "run", {"seed": 9})
    assert not (tmp_path / "run" / NAME).exists()
    assert Run.open(tmp_path / "run").config.seed == 0

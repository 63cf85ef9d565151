"""The folder of a study: processes, kills, errors, repeats."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_studies import results, small
from support.waiting import until

from minigan.study import tasks, work, workers
from minigan.study.store import Store
from minigan.study.work import Result

SCRIPT = """
import sys; from pathlib import Path; from minigan.study.workers import run
if __name__ == "__main__": run(Path(sys.argv[1]), int(sys.argv[2]), quiet=True)
"""


def test_a_result_has_its_files_and_its_end_last(serial: Path) -> None:
    store = Store(serial)
    for key, task in store.tasks().items():
        files = {path.name for path in store.run(key).iterdir()}
        assert files == {"task.json", "log.csv", "scores.jsonl", "samples.png", "done.json"}
        assert tasks.key(json.loads((store.run(key) / "task.json").read_text())) == key == tasks.key(task)
        scores, end = store.read(key)
        assert end["status"] == "ok" and end["cpu_seconds"] > 0 and end["numpy"]
        assert [point["step"] for point in scores] == [20, 40]


def test_the_repeats_are_further_seeds_of_the_best_configuration(serial: Path) -> None:
    made = list(Store(serial).tasks().values())
    searches, repeats = [task for task in made if task["role"] == "wide"], [t for t in made if t["role"] == "repeat"]
    assert len(searches) == 4 and {(task["model"], task["seed"]) for task in repeats} == {("ns", 1), ("vae", 1)}
    for task in repeats:
        own = [other for other in searches if other["model"] == task["model"] and other["sample"] == task["sample"]]
        assert [other["params"] for other in own] == [task["params"]]


def test_two_processes_give_the_same_scores_as_one(serial: Path, tmp_path: Path) -> None:
    Store.create(tmp_path / "two", small())
    workers.run(tmp_path / "two", 2, quiet=True)
    assert results(tmp_path / "two") == results(serial) != {}


def test_killed_and_run_again_the_scores_are_the_same(serial: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    Store.create(folder, small())
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), "1"])
    until(lambda: list(folder.glob("runs/*/done.json")), 60, "a result")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/done.json")}
    workers.run(folder, quiet=True)
    assert results(folder) == results(serial)
    assert kept and {path: path.stat().st_mtime_ns for path in kept} == kept  # what was done was not done again


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "orphans", small(steps=10**7, repeats=0))

    def taken() -> int:
        return sum(not free(store, key) for key in store.tasks())

    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(store.folder), "2"])
    try:
        until(lambda: taken() == 2, 60, "two workers at work")
    finally:
        process.kill()
        process.wait()
    until(lambda: taken() == 0, 60, "no worker left")


def free(store: Store, key: str) -> bool:
    with store.taking(key) as mine:
        return bool(mine)


def test_a_task_that_another_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shared", small(repeats=0))
    key = next(iter(store.tasks()))
    script = "import sys, time; from pathlib import Path; from minigan.study.store import Store\n"
    script += "with Store(Path(sys.argv[1])).taking(sys.argv[2]) as mine: print(mine, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, str(store.folder), key], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"True\n"
        with store.taking(key) as mine:
            assert not mine
        assert workers.run(store.folder, quiet=True) == 1
        assert not store.tried(key) and sum(store.done(k) for k in store.tasks()) == 3
        other.kill()
    assert workers.run(store.folder, quiet=True) == 0
    assert store.done(key)


def test_errors_are_gaps_that_the_next_run_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, right = Store.create(tmp_path / "broken", small(repeats=0)), work.run
    first = next(iter(store.tasks()))
    broken = lambda task: Result("error", error="no memory") if tasks.key(task) == first else right(task)  # noqa: E731
    monkeypatch.setattr(work, "run", broken)
    with pytest.raises(RuntimeError, match=r"1 runs ended by an error, the first: .*error\.json"):
        workers.run(store.folder, quiet=True)
    assert "no memory" in (store.run(first) / "error.json").read_text() and not store.done(first)
    monkeypatch.setattr(work, "run", right)
    workers.run(store.folder, quiet=True)
    assert store.done(first) and not (store.run(first) / "error.json").exists()


def test_a_folder_with_another_study_is_refused(serial: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="has another study"):
        Store.create(serial, small(steps=7))
    with pytest.raises(FileNotFoundError, match=r"there is no tasks\.jsonl; minigan study generate writes one"):
        Store(tmp_path)

"""The same tasks on Dask clusters: two processes, one of them killed, workers on ports of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_studies import results, small

from minigan.study import cluster, workers
from minigan.study.store import Store

distributed = pytest.importorskip("distributed", reason='pip install "minigan[cluster]" brings Dask')
# Dask closes its sockets and loops in its own time, and warns about it.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_local_cluster_gives_the_same_scores_also_when_a_worker_is_killed(serial: Path, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "dask", small())
    with cluster.connected(None, 2) as client:
        pids = client.run(os.getpid)

        def kill() -> None:
            deadline = time.monotonic() + 60
            while not list(store.folder.glob("runs/*/done.json")) and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(next(iter(pids.values())), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        workers.run(store.folder, runner=cluster.runner(client), quiet=True)
        killer.join()
    assert results(store.folder) == results(serial) != {}


class ByHand:
    """A scheduler and workers as commands, each with ports of its own on the loopback address."""

    def __init__(self, folder: Path) -> None:
        self.file, self.folder = folder / "scheduler.json", folder
        self.processes = [self._start("scheduler", "--port", "0", "--dashboard-address", ":0")]
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text().endswith("}")) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self) -> None:
        options = ("--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder))
        self.processes.append(self._start("worker", *options))

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        where = ["--host", "127.0.0.1", "--scheduler-file", str(self.file)]
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *where, *options]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_workers_started_by_hand_may_come_late(serial: Path, tmp_path: Path) -> None:
    store, cluster_by_hand = Store.create(tmp_path / "hand", small()), ByHand(tmp_path)
    late = threading.Timer(1.0, cluster_by_hand.add_worker)
    try:
        cluster_by_hand.add_worker()
        late.start()
        with cluster.connected(cluster_by_hand.address, 0) as client:
            workers.run(store.folder, runner=cluster.runner(client), quiet=True)
    finally:
        late.join()
        cluster_by_hand.end()
    assert results(store.folder) == results(serial)


@pytest.mark.slow
def test_where_the_scheduler_is_lost_the_results_stay_and_the_next_run_continues(serial: Path, tmp_path: Path) -> None:
    store, lost = Store.create(tmp_path / "lost", small()), ByHand(tmp_path)
    lost.add_worker()

    def end() -> None:
        deadline = time.monotonic() + 60
        while not list(store.folder.glob("runs/*/done.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        lost.end()

    ender = threading.Thread(target=end)
    ender.start()
    try:
        with pytest.raises((OSError, RuntimeError)), cluster.connected(lost.address, 0) as client:
            workers.run(store.folder, runner=cluster.runner(client), quiet=True)
    finally:
        ender.join()
    kept = {path: path.stat().st_mtime_ns for path in store.folder.glob("runs/*/done.json")}
    workers.run(store.folder, quiet=True)
    assert results(store.folder) == results(serial)
    assert kept and {path: path.stat().st_mtime_ns for path in kept} == kept


def test_data_sets_are_loaded_before_the_first_task() -> None:
    from minigan.study import datasets

    datasets.load.cache_clear()
    cluster.Data(["ring8"]).setup(None)
    assert datasets.load.cache_info().currsize == 1

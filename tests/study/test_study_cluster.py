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


@pytest.mark.slow
def test_workers_started_by_hand_may_come_late(serial: Path, tmp_path: Path) -> None:
    """A scheduler and two workers as commands, each with ports of its own on the loopback address."""
    store, python = Store.create(tmp_path / "hand", small()), [sys.executable, "-m"]
    address, file = "127.0.0.1", tmp_path / "scheduler.json"
    where = ["--host", address, "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file)]
    scheduler = subprocess.Popen([*python, "distributed.cli.dask_scheduler", *where], stderr=subprocess.DEVNULL)
    started = [scheduler]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        options = ["--scheduler-file", str(file), "--nthreads", "1", "--host", address, "--no-dashboard"]
        command = [*python, "distributed.cli.dask_worker", *options, "--local-directory", str(tmp_path)]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        found = json.loads(file.read_text())["address"]
        late = threading.Timer(1.0, lambda: started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL)))
        late.start()
        with cluster.connected(found, 0) as client:
            workers.run(store.folder, runner=cluster.runner(client), quiet=True)
        late.join()
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
    assert results(store.folder) == results(serial)


def test_data_sets_are_loaded_before_the_first_task() -> None:
    from minigan.study import datasets

    datasets.load.cache_clear()
    cluster.Data(["ring8"]).setup(None)
    assert datasets.load.cache_info().currsize == 1

"""Workers: the tasks of a folder by one process or several, which find their work in the folder itself.

A worker takes a task that has no result and that nobody works on, runs it, writes the result, and continues. So workers
need no master: any number of `minigan study run` share a folder, and to kill one loses what it was working on.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from minigan.study import work
from minigan.study.analysis import best, table
from minigan.study.store import Store
from minigan.study.tasks import repeats

LOOK = 0.5  # seconds between two looks at the folder
DEATHS = 3  # of each worker, until something must be wrong with more than a worker


def run(folder: Path, workers: int = 1, *, quiet: bool = False, runner: Callable[..., None] | None = None) -> int:
    """Run all tasks of a study that have no result; then the repeats of the best configurations.

    runner: what runs the open tasks; by default, processes of this machine
    returns how many tasks have no result yet, because other processes work on them
    RuntimeError: runs ended by an error of the program
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    store = Store(folder)
    store.forget_errors()
    with tqdm(total=len(store.tasks()), unit="run", disable=quiet, smoothing=0.05) as bar:
        while True:
            if runner is not None:
                runner(store, lambda: show(bar, store))
            elif workers == 1:
                work_on(store, lambda: show(bar, store))
            else:
                _processes(store, workers, lambda: show(bar, store))
            if not extended(store):
                break
    failed = [key for key in store.tasks() if store.tried(key) and not store.done(key)]
    if failed:
        raise RuntimeError(f"{len(failed)} runs ended by an error, the first: {store.run(failed[0]) / 'error.json'}")
    return sum(not store.done(key) for key in store.tasks())


def work_on(store: Store, after: Callable[[], object] = lambda: None) -> None:
    """Work on the open tasks of a study, one after the other, until there is none."""
    for key, task in store.tasks().items():
        if store.tried(key):
            continue
        with store.taking(key) as mine:
            if mine:
                store.write(key, task, work.run(task))
        after()


def show(bar: tqdm, store: Store) -> None:
    """Bring a progress bar to the number of tasks that were run, here or by others."""
    keys = list(store.tasks())
    bar.total, bar.n = len(keys), sum(store.tried(key) for key in keys)
    bar.refresh()


def extended(store: Store) -> bool:
    """Add the repeats, once all searches have results; False where there is nothing new."""
    keys, spec = store.tasks(), store.spec()
    searches = [key for key, task in keys.items() if task["role"] != "repeat"]
    if spec.repeats == 0 or len(searches) < len(keys) or not all(store.done(key) for key in searches):
        return False
    store.add(repeats(spec, best(table(store))))
    return True


def _processes(store: Store, workers: int, after: Callable[[], object]) -> None:
    """Processes that work on the folder; one that dies is replaced."""
    context, deaths = multiprocessing.get_context("spawn"), 0
    with _one_thread_each():
        running = [_started(context, store.folder) for _ in range(workers)]
        try:
            while running:
                time.sleep(LOOK)
                after()
                ended = [process for process in running if not process.is_alive()]
                running = [process for process in running if process.is_alive()]
                for process in ended:
                    if process.exitcode == 0:
                        continue
                    deaths += 1
                    if deaths > DEATHS * workers:
                        raise RuntimeError(f"{deaths} workers died, the last with exit code {process.exitcode}")
                    running.append(_started(context, store.folder))
        finally:
            for process in running:
                process.terminate()
    after()


def _started(context: multiprocessing.context.SpawnContext, folder: Path) -> multiprocessing.process.BaseProcess:
    process = context.Process(target=_work, args=(folder,), daemon=True)
    process.start()
    return process


def _work(folder: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work_on(Store(folder))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot end its workers itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _one_thread_each:
    """Processes that start inside use one BLAS thread each."""

    NAMES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.NAMES}
        os.environ.update(dict.fromkeys(self.NAMES, "1"))

    def __exit__(self, *error: object) -> None:
        for name, value in self.before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

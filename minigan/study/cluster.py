"""Cluster: the tasks of a study on the workers of a Dask cluster.

A task is a pure function of its JSON, so a cluster may run it anywhere, and again: one future per task, its key in
Dask that of the task. The client writes the results, as they come; workers need the package and the data sets, and may
come and go. Where the scheduler is lost, `minigan study run` continues from the results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from minigan.study import datasets, work
from minigan.study.store import Store
from minigan.study.tasks import Task
from minigan.study.work import Result

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3  # tasks in flight for each thread of the cluster: enough that no worker waits
RETRIES = 1
WAIT = 60.0  # seconds for the first worker
MISSING = 'Dask is not installed: pip install "minigan[cluster]" brings dask and distributed'


@contextmanager
def connected(scheduler: str | None, local: int) -> Iterator[Client]:
    """A client of the scheduler at this address, or of a cluster of `local` processes on this machine.

    RuntimeError without Dask; OSError or TimeoutError where there is no scheduler or no worker.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise RuntimeError(MISSING) from error
    with ExitStack() as stack:
        if scheduler is None:
            options: dict[str, Any] = {"n_workers": local, "threads_per_worker": 1, "dashboard_address": None}
            scheduler = stack.enter_context(LocalCluster(processes=True, **options))
        client = stack.enter_context(Client(scheduler, timeout=WAIT))
        client.wait_for_workers(1, timeout=WAIT)
        yield client


class Data:
    """A plugin of Dask's workers: each loads the data sets once, before its first task."""

    idempotent = True

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def setup(self, worker: Any) -> None:
        """Called by Dask when a worker starts, also one that comes later."""
        for name in self.names:
            datasets.load(name)

    def teardown(self, worker: Any) -> None:
        """Called by Dask when a worker ends."""


def runner(client: Client) -> Callable[[Store, Callable[[], object]], None]:
    """A function for `workers.run`: runs the open tasks of a study on the cluster."""

    def run(store: Store, after: Callable[[], object]) -> None:
        open_tasks = {key: task for key, task in store.tasks().items() if not store.tried(key)}
        if open_tasks:
            names = sorted({task["data"] for task in open_tasks.values()})
            client.register_plugin(_plugin(names), name="minigan data")
            _submit(client, store, open_tasks, after)

    return run


def _submit(client: Client, store: Store, open_tasks: dict[str, Task], after: Callable[[], object]) -> None:
    """Keep the cluster busy with tasks, and write every result when it comes."""
    from distributed import as_completed

    queue, completed = iter(open_tasks.items()), as_completed()
    flying: dict[str, tuple[str, Task, ExitStack]] = {}  # by the key in Dask, with the lock of the task

    def fill() -> None:
        while len(flying) < AHEAD * max(1, sum(client.nthreads().values())):
            key, task = next(queue, (None, None))
            if key is None or task is None:
                return
            lock = ExitStack()
            if not lock.enter_context(store.taking(key)):  # another `minigan study run` works on it
                lock.close()
                continue
            future = client.submit(work.run, task, key=f"minigan-{key}", retries=RETRIES, pure=True)
            flying[str(future.key)] = key, task, lock
            completed.add(future)

    try:
        fill()
        for future in completed:
            key, task, lock = flying.pop(str(future.key))
            with lock:
                store.write(key, task, _result(future))
            future.release()
            after()
            fill()
    finally:
        for _, _, lock in flying.values():
            lock.close()


def _result(future: Future) -> Result:
    """The result of a task; an error of the cluster (a task whose workers died every time) is a result too."""
    if future.status == "finished":
        result: Result = future.result()
        return result
    return Result("error", error=f"{future.status}: {future.exception() if future.status == 'error' else ''}")


def _plugin(names: list[str]) -> Any:
    from distributed import WorkerPlugin

    return type("MiniganData", (Data, WorkerPlugin), {})(names)


def overhead(client: Client, n: int = 200) -> float:
    """Seconds that Dask itself takes for a task, measured with n tasks that do nothing."""
    client.submit(_nothing, -1, pure=False).result()
    started = time.perf_counter()
    client.gather(client.map(_nothing, range(n), pure=False))
    return (time.perf_counter() - started) / n


def _nothing(number: int) -> int:
    return number

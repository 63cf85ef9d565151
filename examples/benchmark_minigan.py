"""minigan's side of `benchmark.py`: the steps of its systems and its kernels. `benchmark.py` starts it."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable

import numpy as np
import threadpoolctl
from benchmarks.cases import Kernel, Shape, is_step, model
from benchmarks.line import Case, serve

from minigan import device, kernels, models
from minigan.data import Dataset
from minigan.device import Array
from minigan.engine.choose import choose
from minigan.engine.memory import keep_freed_memory
from minigan.engine.pair import OneGeneration
from minigan.engine.processes import possible
from minigan.optim import Adam
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Draw

TOTAL = 1000  # steps of the run that the measured step belongs to
CLASSES = 10
Step = Callable[[], object]


class SameBatch(Draw):
    """The draws of a run, but always the first batch of each data set: no side reads data."""

    def labelled(self, name: str = "real") -> tuple[Array, Array]:
        return self.first[name]

    def batch(self, name: str = "real") -> Array:
        return self.first[name][0]

    def take(self) -> None:
        """Read the batches."""
        self.first = {name: self._next(name) for name in self.datasets}


class Played:
    """The steps of a system, played as a run plays them: by the engine's forms of its networks, and its processes.

    same_noise: a GAN generates once for both updates of a step, as the PyTorch sides do.
    """

    def __init__(self, name: str, batch: int, threads: int, same_noise: bool = False) -> None:
        keep_freed_memory()
        threadpoolctl.threadpool_limits(1)
        row = model(name)
        choices = {"width": row.width, "batch_size": batch, **row.choices}
        if same_noise and "system" not in choices:
            choices["same_noise"] = True
        datasets = {part: noise(part, shape, batch) for part, shape in row.shapes.items()}
        self.system = build.system(Config(**choices), {part: data.about() for part, data in datasets.items()})
        self.draw = SameBatch(datasets, batch, 0, device.choose("cpu"))
        self.draw.take()
        self.system.connect(self.draw)
        self.at, self.steps = round(row.at * TOTAL), 0
        for _ in self.system.before(self.draw):
            pass
        self._use(threads, batch)

    def _use(self, threads: int, batch: int) -> None:
        """The networks in the forms that use the threads, as `Trainer` does it."""
        players = self.system.players
        networks = {name: player.network for name, player in players.items()}
        self.parameters = {name: models.count(network) for name, network in networks.items()}
        chosen = choose(networks, threads=threads, batch_size=batch, on_cpu=True, processes=possible())
        for name, player in players.items():
            form = chosen.networks[name]
            player.network = OneGeneration(form) if name in self.system.reuses else form
            if chosen.team is not None:
                player.optimizer.workers = chosen.team
        self.others = chosen.processes
        if self.others is not None:
            self.others.start(self._follow)
            atexit.register(self.others.stop)

    def step(self) -> dict[str, Array]:
        """One step; returns the losses of its turns."""
        losses = {}
        self.system.begin_step(self.at, TOTAL)
        self.draw.begin_step()
        for part, turn in enumerate(self.system.turns(self.at, TOTAL)):
            self.draw.begin(self.steps, part)
            if self.others is not None:
                self.others.begin(turn.name, np.zeros(0))
            losses[turn.name] = turn.play(self.draw).loss
            if self.others is not None:
                self.others.active = False
        self.steps += 1
        return losses

    def _follow(self) -> None:
        while True:  # until this process ends
            self.step()


def noise(name: str, shape: Shape, n: int) -> Dataset:
    """At least n images of random pixels, in classes."""
    n, rng = max(n, 2 * CLASSES), np.random.default_rng(0)
    return Dataset(name, rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n) % CLASSES, "drawn at random")


def kernel(name: str, batch: int, threads: int) -> Step:
    """One call of one kernel."""
    threadpoolctl.threadpool_limits(threads)
    case, rng = Kernel.named(name), np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    calls: dict[str, Step]
    if case.operation in ("correlate", "spread", "match"):
        H, C, O = case.shape
        x, y, w = normal(batch, H, H, C), normal(batch, H // 2, H // 2, O), normal(4, 4, C, O)
        calls = {
            "correlate": lambda: kernels.correlate(x, w, (2, 2), (1, 1)),
            "spread": lambda: kernels.spread(y, w, (H, H), (2, 2), (1, 1)),
            "match": lambda: kernels.match(x, y, (4, 4), (2, 2), (1, 1)),
        }
    elif case.operation in ("matmul", "matmul_dx", "matmul_dw"):
        I, O = case.shape
        x, y, w = normal(batch, I), normal(batch, O), normal(I, O)
        calls = {
            "matmul": lambda: kernels.matmul(x, w),
            "matmul_dx": lambda: kernels.matmul(y, w.T),
            "matmul_dw": lambda: kernels.matmul(x.T, y),
        }
    elif case.operation == "adam":
        p, grads = normal(*case.shape), {"p": normal(*case.shape)}
        optimizer = Adam([("p", p)], 2e-4, betas=(0.5, 0.999))
        calls = {"adam": lambda: optimizer.step(grads)}
    else:
        H, C = case.shape
        calls = _maps(normal(batch, H, H, C), normal(batch, H, H, C), normal(C), normal(C))
    return calls[case.operation]


def _maps(x: np.ndarray, dy: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> dict[str, Step]:
    """The kernels on maps x (N, H, W, C) with gradients dy."""
    m = np.float32(x.size // len(weight))
    mean, var = kernels.moments(x)
    rstd = 1 / np.sqrt(var + np.float32(1e-5))

    def batchnorm() -> np.ndarray:
        mean, var = kernels.moments(x)
        return kernels.batchnorm(x, mean, 1 / np.sqrt(var + np.float32(1e-5)), weight, bias)

    def batchnorm_grad() -> np.ndarray:
        a, b = kernels.batchnorm_sums(dy, x, mean, rstd)
        return kernels.batchnorm_grad(dy, x, mean, rstd, weight, a / m, b / m)

    return {
        "batchnorm": batchnorm,
        "batchnorm_grad": batchnorm_grad,
        "leaky_relu": lambda: kernels.leaky_relu(x, 0.2),
        "leaky_relu_grad": lambda: kernels.leaky_relu_grad(dy, x, 0.2),
    }


def served(name: str, batch: int, threads: int, same_noise: bool) -> Case:
    """The case of that name, ready to run."""
    step: Step
    parameters, processes = {}, 1
    if is_step(name):
        played = Played(name, batch, threads, same_noise)
        step, parameters = played.step, played.parameters
        processes = 1 if played.others is None else played.others.size
    else:
        step = kernel(name, batch, threads)
    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    names = [f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in blas]
    facts = {"parameters": parameters, "library": f"NumPy {np.__version__}, {' and '.join(names)}", "threads": threads}
    facts |= {"processes": processes, "blas_threads": max((b["num_threads"] for b in blas), default=1)}
    return Case(step, facts)


if __name__ == "__main__":
    serve(lambda name, batch: served(name, batch, int(sys.argv[2]), "same-noise" in sys.argv[3:]))

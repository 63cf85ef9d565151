"""minigan's side of `benchmark.py`: its training steps and its kernels. `benchmark.py` starts it."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import threadpoolctl
from benchmarks.cases import MODELS, Kernel
from benchmarks.line import Case, serve

from minigan import Layer, discriminator_step, generator_step, kernels, models
from minigan.engine.choose import choose
from minigan.engine.memory import keep_freed_memory
from minigan.engine.pair import OneGeneration
from minigan.engine.processes import Processes, possible
from minigan.objectives import WGANGP, NonSaturating, Objective
from minigan.optim import Adam
from minigan.random import Streams

Step = Callable[[], object]


def ours(name: str, batch: int, threads: int, same_noise: bool = False) -> tuple[Layer, Layer, Step, Processes | None]:
    """D, G, their step, one update of each on so many threads as a run uses them, and the processes that play it.

    same_noise: generate once for both updates, as the PyTorch sides do.
    """
    keep_freed_memory()
    streams, betas = Streams(0), (0.5, 0.999)
    objective: Objective = NonSaturating()
    if name == "wgan-gp-dcgan":
        model = models.get("dcgan", streams, critic_norm=None)
        objective, betas = WGANGP(weight=10, rng=streams("objective")), (0.5, 0.9)
    else:
        model = models.get(name, streams, **MODELS[name].options)
    d_optimizer, g_optimizer = (Adam(network.named_params(), 2e-4, betas=betas) for network in (model.D, model.G))
    networks = {"D": model.D, "G": model.G}
    chosen = choose(networks, threads=threads, batch_size=batch, on_cpu=True, processes=possible())
    d_optimizer.workers = g_optimizer.workers = chosen.team
    D, G = chosen.networks["D"], chosen.networks["G"]
    if same_noise:
        G = OneGeneration(G)
    threadpoolctl.threadpool_limits(1)
    real = streams("data").uniform(-1, 1, (batch, *model.sample_shape)).astype(np.float32)

    def noise() -> np.ndarray:
        return streams("noise").standard_normal((batch, model.z_dim), np.float32)

    @contextmanager
    def turn() -> Iterator[None]:
        if others is not None:
            others.begin("turn", real[:0])
        yield
        if others is not None:
            others.active = False

    def step() -> None:
        z = noise()
        with turn():
            discriminator_step(D, G, objective, d_optimizer, real, z)
        z = z if same_noise else noise()
        with turn():
            generator_step(D, G, objective, g_optimizer, z)

    def follow() -> None:
        while True:  # until this process ends
            step()

    others = chosen.processes
    if others is not None:
        others.start(follow)
        atexit.register(others.stop)
    return D, G, step, others


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


def build(name: str, batch: int, threads: int, same_noise: bool) -> Case:
    """The training step of a model, or a kernel."""
    parameters, others = [], None
    if name in MODELS:
        D, G, step, others = ours(name, batch, threads, same_noise)
        parameters = [models.count(network) for network in (G, D)]
    else:
        step = kernel(name, batch, threads)
    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    names = [f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in blas]
    facts = {"parameters": parameters, "library": f"NumPy {np.__version__}, {' and '.join(names)}", "threads": threads}
    facts |= {"processes": 1 if others is None else others.size}
    return Case(step, facts | {"blas_threads": max((b["num_threads"] for b in blas), default=1)})


if __name__ == "__main__":
    serve(lambda name, batch: build(name, batch, int(sys.argv[2]), "same-noise" in sys.argv[3:]))

"""minigan's side of `benchmark.py --device cuda`: whole steps as a run makes them, plain and recorded.

    python examples/benchmark_minigan_gpu.py graph "mlp,64,float32 dcgan,128,tf32"
    python examples/benchmark_minigan_gpu.py machine ""

eager     every operation launched by itself
graph     the step recorded into a CUDA graph, and replayed

The data set lies on the GPU as bytes, batches and noise are drawn there, and one painting serves both updates of a
step, as on PyTorch's side. `machine` tells what this is, how fast it copies and multiplies, and what a call costs.
It prints a line of JSON for each case; `benchmark.py` starts it and reads them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.blocks import Span, cases, timed, told

from minigan import __version__, device, kernels, models
from minigan.data import Dataset
from minigan.device import Array, Device
from minigan.engine.choose import Players
from minigan.engine.recorded import Replays, RunBooks
from minigan.kernels.cuda.precision import using
from minigan.training.config import Config
from minigan.training.draw import OnDevice
from minigan.training.observed import Observed
from minigan.training.state import State
from minigan.training.steps import generator_step

FORMS = ("eager", "graph")
IMAGES = 10_000  # in the data set
SHAPES = {"mlp": (28, 28, 1), "dcgan": (28, 28, 1), "dcgan64": (64, 64, 3)}


class Game:
    """The players of a run, and its step in one form, without log, bar and files; `why_not` of a recording."""

    def __init__(self, form: str, model: str, batch: int, on: Device, precision: str = "float32") -> None:
        config = Config(model, batch_size=batch, device=str(on), same_noise=True, precision=precision)
        shape = SHAPES[model]
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
        self.state = State(config, shape)
        self.source = OnDevice(self.state, Dataset("noise", images, None, "random bytes"), batch)
        self.players, self.objective = Players(config, self.state), Observed(self.state.objective)
        self.batch, self._z = batch, None
        self.source.seek(0)
        books, cuda = RunBooks(self.state, self.source), on.cuda()
        self._replays = Replays(self.d_turn, self.g_turn, self.objective, books, cuda, lambda words: None)
        self.step = self.plain if form == "eager" else lambda: self._replays.step(1)

    @property
    def why_not(self) -> str | None:
        return self._replays.why_not

    def parameters(self) -> list[int]:
        """Trained numbers of G and of D."""
        return [models.count(network) for network in (self.state.G, self.state.D)]

    def plain(self) -> tuple[Array, Array]:
        return self.d_turn(), self.g_turn()

    def d_turn(self) -> Array:
        self.source.begin(0, 1)
        real, self._z = self.source.real(), self.source.noise(self.batch)
        D, G = self.players.D, self.players.G
        return self.players.d_step(D, G, self.objective, self.state.d_optimizer, real, self._z)

    def g_turn(self) -> Array:
        self.source.begin(0, 0)
        return generator_step(self.players.D, self.players.G, self.objective, self.state.g_optimizer, self._z)


def span_on(on: Device) -> Span:
    """Seconds of n calls, between two events on the GPU."""
    cuda = on.cuda()

    def span(step: Callable[[], object], n: int) -> float:
        first, last = cuda.Event(), cuda.Event()
        cuda.runtime.deviceSynchronize()
        first.record()
        for _ in range(n):
            step()
        last.record()
        last.synchronize()
        return cuda.get_elapsed_time(first, last) / 1e3

    return span


def machine(on: Device) -> dict[str, Any]:
    """The device's name, its rates, and what the host pays for a call."""
    cuda, span = on.cuda(), span_on(on)
    properties = cuda.runtime.getDeviceProperties(on.index)
    free, total = on.release()
    x, y = (on.asarray(np.ones((4096, 4096), np.float32)) for _ in range(2))
    about: dict[str, Any] = {"device": properties["name"].decode(), "gigabytes": round(total / 1e9, 1)}
    about |= {"runtime": cuda.runtime.runtimeGetVersion(), "driver": cuda.runtime.driverGetVersion()}
    about["copy_bytes_per_second"] = 2 * x.nbytes / _best(span, lambda: np.copyto(y, x))
    for precision in ("float32", "tf32"):
        with using(precision):
            about[f"{precision}_flops"] = 2 * 4096**3 / _best(span, lambda: kernels.matmul(x, y))
    small = x[:64, :64].copy()
    calls = {"a ufunc": lambda: small + small, "a kernel": lambda: kernels.leaky_relu(small, 0.2)}
    calls["a product"] = lambda: kernels.matmul(small, small)
    about["call_seconds"] = {name: host_cost(call, cuda.runtime.deviceSynchronize) for name, call in calls.items()}
    return about


def host_cost(call: Callable[[], object], wait: Callable[[], object], n: int = 200) -> float:
    """Seconds that the host needs to launch a call, while the GPU is still at the ones before."""
    call()
    wait()
    started = time.perf_counter()
    for _ in range(n):
        call()
    took = time.perf_counter() - started
    wait()
    return took / n


def _best(span: Span, call: Callable[[], object]) -> float:
    return min(timed(call, span, seconds=0.05)["seconds"])


def main() -> None:
    """Measure the cases, and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=(*FORMS, "machine"))
    parser.add_argument("cases", help="model,batch,precision, separated by spaces")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    on = device.choose(options.device)
    on.use()
    if options.form == "machine":
        told(**machine(on))
    for model, batch, precision in cases(options.cases):
        with using(precision):
            game = Game(options.form, model, batch, on, precision)
            found = timed(game.step, span_on(on))
        about = {"model": model, "batch": batch, "precision": precision, "parameters": game.parameters()}
        told(
            side="minigan", form=options.form, library=f"minigan {__version__}", why_not=game.why_not, **about, **found
        )
        del game
        on.release()


if __name__ == "__main__":
    main()

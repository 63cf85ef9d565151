"""minigan's side of `benchmark.py --device cuda`: whole steps as a run makes them, plain and recorded.

    python examples/benchmark_minigan_gpu.py graph "mlp,64,float32 dcgan,128,tf32"
    python examples/benchmark_minigan_gpu.py machine ""

eager     every operation launched separately
graph     the step recorded into a CUDA graph, and replayed

The data set lies on the GPU as bytes, batches and noise are drawn there, and the same fakes serve both updates of a
step, as on PyTorch's side. `machine` reports what this is, how fast it copies and multiplies, and the cost of a
call. It prints a line of JSON for each case; `benchmark.py` starts it and reads them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.blocks import Span, cases, printed, timed

from minigan import __version__, device, kernels, models
from minigan.data import Dataset
from minigan.device import Device
from minigan.engine.choose import choose
from minigan.engine.pair import OneGeneration
from minigan.engine.recorded import Recorded
from minigan.kernels.cuda.precision import using
from minigan.objectives import NonSaturating
from minigan.random import Streams
from minigan.systems import GAN
from minigan.training.draw import DeviceDraw
from minigan.training.steps import Outcome
from minigan.training.system import Turn

FORMS = ("eager", "graph")
IMAGES = 10_000  # in the data set
SHAPES = {"mlp": (28, 28, 1), "dcgan": (28, 28, 1), "dcgan64": (64, 64, 3)}


class Steps:
    """The steps of a run in one form, without log, bar and files."""

    def __init__(self, form: str, name: str, batch: int, on: Device) -> None:
        shape, model = SHAPES[name], models.get(name, Streams(0), sample_shape=SHAPES[name])
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
        for network in (model.D, model.G):
            network.convert(on.asarray)
        self.system = GAN(model.G, model.D, NonSaturating(), z_dim=model.z_dim, same_noise=True)
        self.draw = DeviceDraw({"real": Dataset("noise", images, None, "random bytes")}, batch, 0, on)
        self.system.connect(self.draw)
        chosen = choose({"D": model.D, "G": model.G}, threads=1, batch_size=batch, on_cpu=False)
        self.system.players["D"].network = chosen.networks["D"]
        self.system.players["G"].network = OneGeneration(chosen.networks["G"])
        self.draw.seek(0)
        recorded = Recorded(self.system, self.draw, on.cuda(), lambda sentence: None)
        self._recorded = recorded if form == "graph" else None

    def __call__(self) -> Outcome:
        """One update of D and one of G; what the last one found."""
        self.draw.begin_step()
        d_turn, g_turn = self.system.turns(0, 1)
        self._play(d_turn, 1)
        return self._play(g_turn, 0)

    @property
    def why_not(self) -> str | None:
        """Why the step cannot be recorded; None where it can, or is not to be."""
        return None if self._recorded is None else self._recorded.why_not

    def parameters(self) -> list[int]:
        """Trained numbers of G and of D."""
        return [models.count(self.system.players[name].network) for name in ("G", "D")]

    def _play(self, turn: Turn, part: int) -> Outcome:
        if self._recorded is not None:
            return self._recorded.play(turn, 0, part)
        self.draw.begin(0, part)
        return turn.play(self.draw)


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
        printed(**machine(on))
    for model, batch, precision in cases(options.cases):
        with using(precision):
            step = Steps(options.form, model, batch, on)
            times = timed(step, span_on(on))
        about = {"model": model, "batch": batch, "precision": precision, "parameters": step.parameters()}
        about |= {"side": "minigan", "form": options.form, "library": f"minigan {__version__}"}
        printed(why_not=step.why_not, **about, **times)
        del step
        on.release()


if __name__ == "__main__":
    main()

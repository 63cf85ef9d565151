"""Optimizers on a GPU: one kernel for all arrays, the numbers of the CPU, and a clock that replays go by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import capture, strict
from support import fake_cuda as fake
from support.shim import Shim

from minigan import kernels
from minigan.optim import SGD, Adam, AdaMax, Average, NotFinite, Optimizer, RMSProp

SHAPES = {"0.weight": (7, 5), "0.bias": (5,), "big": (700, 3), "block": (256,), "one": (), "none": (0, 3)}
RULES: list[tuple[type[Optimizer], dict[str, Any], str]] = [
    (SGD, {"lr": 0.1}, "sgd"),
    (SGD, {"lr": 0.1, "momentum": 0.9}, "sgd"),
    (RMSProp, {"lr": 0.01, "alpha": 0.9}, "rmsprop"),
    (Adam, {"lr": 0.01}, "adam"),
    (Adam, {"lr": 0.01, "betas": (0.0, 0.9), "eps": 1e-2}, "adam"),
    (Adam, {"lr": 0.01, "betas": (0.5, 0.0)}, "adam"),
    (AdaMax, {"lr": 0.01, "betas": (0.5, 0.8), "eps": 0.3}, "adamax"),
]
each = pytest.mark.parametrize(("make", "options", "kernel"), RULES)


def arrays(seed: int, shapes: dict[str, tuple[int, ...]] = SHAPES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def moved(host: dict[str, np.ndarray]) -> dict[str, fake.FakeArray]:
    return {name: fake.to_device(x) for name, x in host.items()}


def assert_close(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, x in found.items():
        np.testing.assert_allclose(x.get(), expected[name], rtol=2e-6, atol=2e-6, err_msg=name)


class Pair:
    """One optimizer twice, on the host and on the GPU, with averages of the parameters and of a buffer."""

    def __init__(self, make: type[Optimizer] = Adam, **options: Any) -> None:
        self.host, self.gpu = arrays(0), moved(arrays(0))
        buffer = np.ones(33, np.float32)
        self.host_all, self.gpu_all = {**self.host, "buffer": buffer}, {**self.gpu, "buffer": fake.to_device(buffer)}
        self.on_host, self.on_gpu = make(self.host.items(), **options), make(self.gpu.items(), **options)
        copies = {name: x.copy() for name, x in self.host_all.items()}
        self.on_host.average = Average(self.host_all.items(), copies.items(), 0.9)
        self.on_gpu.average = Average(self.gpu_all.items(), moved(copies).items(), 0.9)

    def step(self, seed: int) -> None:
        self.host_all["buffer"] *= 1.5
        self.gpu_all["buffer"] *= 1.5
        self.on_host.step(arrays(seed))
        self.on_gpu.step(moved(arrays(seed)))

    def check(self) -> None:
        assert_close(self.gpu, self.host)
        assert_close(self.on_gpu.state, self.on_host.state)
        assert_close(self.on_gpu.average.target, self.on_host.average.target)
        assert (self.on_gpu.t, self.on_gpu.average.t) == (self.on_host.t, self.on_host.average.t)


@each
def test_steps_are_those_of_the_cpu_in_one_launch_each(
    fake_cuda: Shim, make: type[Optimizer], options: dict[str, Any], kernel: str
) -> None:
    pair = Pair(make, **options)
    for step in range(10):
        pair.step(step + 1)
    pair.check()
    assert fake_cuda.ran == [kernel, "follow"] * 10


def test_steps_wait_for_nothing_and_copy_nothing_once_the_clock_is_set(
    fake_cuda: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair()
    pair.step(1)
    grads = moved(arrays(2))
    monkeypatch.setattr(fake.FakeArray, "set", None)
    with strict.no_sync():
        pair.on_gpu.step(grads)


def test_a_new_learning_rate_and_a_count_set_back_reach_the_gpu(fake_cuda: Shim) -> None:
    pair = Pair()
    for seed, t, lr in ((1, 0, 0.1), (2, 500, 0.1), (3, 501, 0.01), (4, 2, 0.01)):
        for optimizer in (pair.on_host, pair.on_gpu):
            optimizer.t, optimizer.lr = t, lr
            optimizer.average.t = t // 2
        pair.step(seed)
        pair.check()


def test_replays_of_a_recorded_step_are_steps(fake_cuda: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, recorded = Pair(), []
    pair.step(1)
    grads, run = moved(arrays(2)), fake_cuda.run
    monkeypatch.setattr(fake_cuda, "run", lambda *args: recorded.append(args))
    t, averaged, clock = pair.on_gpu.t, pair.on_gpu.average.t, pair.on_gpu._clock
    held = clock.array.get()
    pair.on_gpu.step(grads)  # recorded, not made
    clock.array.set(held)
    pair.on_gpu.t, pair.on_gpu.average.t = t, averaged
    for lr in (0.001, 0.001, 0.1, 0.1):
        pair.on_host.lr = pair.on_gpu.lr = lr
        pair.on_host.step(arrays(2))
        pair.on_gpu.on_device()
        clock.tick()  # what follows is the graph's replay
        for args in recorded:
            run(*args)
        pair.on_gpu.count()
    assert len(recorded) == 2
    pair.check()


def test_the_correction_of_a_late_and_of_a_first_step_is_exact(fake_cuda: Shim) -> None:
    for t in (0, 1, 10, 10_000, 10_000_000):
        host, gpu = {"w": np.zeros(3, np.float32)}, {"w": fake.to_device(np.zeros(3, np.float32))}
        optimizers = Adam(host.items(), 1.0, betas=(0.5, 0.9999)), Adam(gpu.items(), 1.0, betas=(0.5, 0.9999))
        for optimizer, w in zip(optimizers, (host["w"], gpu["w"]), strict=True):
            optimizer.t = t
            optimizer.step({"w": w + 2})
        np.testing.assert_allclose(gpu["w"].get(), host["w"], rtol=2e-6)


def test_any_number_of_arrays_is_updated(fake_cuda: Shim) -> None:
    shapes = {str(i): (1 + i,) for i in range(49)}
    host, gpu = arrays(0, shapes), moved(arrays(0, shapes))
    on_host, on_gpu = Adam(host.items()), Adam(gpu.items())
    on_host.step(arrays(1, shapes))
    on_gpu.step(moved(arrays(1, shapes)))
    assert_close(gpu, host)
    assert fake_cuda.ran == ["adam"] * 3


def test_gradients_may_lie_any_way_in_memory(fake_cuda: Shim) -> None:
    host, gpu = arrays(0, {"w": (5, 7)}), moved(arrays(0, {"w": (5, 7)}))
    Adam(host.items()).step({"w": arrays(1, {"w": (7, 5)})["w"].T})
    Adam(gpu.items()).step({"w": fake.to_device(arrays(1, {"w": (7, 5)})["w"]).T})
    assert_close(gpu, host)
    assert fake_cuda.ran == ["adam"]


class Decayed(Adam):
    """A rule with a kernel's update inside it."""

    def update(self, moves: kernels.Moves) -> None:
        super().update(moves)
        for p, *_ in moves:
            p *= 0.5


class Sign(Optimizer):
    """A rule in plain NumPy that a recorded step can replay: it reads the learning rate where the GPU has it."""

    moments = ("m",)

    def update(self, moves: kernels.Moves) -> None:
        lr = self.lr if moves.clock is None else moves.clock[2]
        for p, g, m in moves:
            m[...] = 0.5 * m + g
            p -= lr * np.sign(m)


def test_the_formula_of_a_subclass_is_kept_and_its_average_is_that_of_what_it_left(fake_cuda: Shim) -> None:
    pair = Pair(Decayed, lr=0.1)
    for step in range(3):
        pair.step(step + 1)
    pair.check()
    assert fake_cuda.ran == ["adam", "follow"] * 3


def test_a_rule_in_plain_numpy_moves_arrays_on_a_gpu(fake_cuda: Shim) -> None:
    pair = Pair(Sign, lr=0.1)
    with strict.no_sync():
        pair.on_gpu.step(moved(arrays(1)))
    pair.on_host.step(arrays(1))
    pair.check()
    assert fake_cuda.ran == ["follow"]


def test_a_recorded_rule_in_plain_numpy_goes_by_the_clock(shim_folder: Path) -> None:
    with capture.gpu(Shim(shim_folder)) as gpu:
        here, there = np.zeros(5, np.float32), gpu.array(np.zeros(5, np.float32))
        grad = gpu.array(np.ones(5, np.float32))
        on_host, on_gpu = Sign([("p", here)], 1.0), Sign([("p", there)], 1.0)
        on_gpu.step({"p": grad})
        on_host.step({"p": grad.get()})
        with gpu.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            on_gpu.step({"p": grad})
            graph = stream.end_capture()
        on_gpu.t = 1
        for lr in (1.0, 0.25, 0.25, 0.125):
            on_host.lr = on_gpu.lr = lr
            on_host.step({"p": grad.get()})
            on_gpu.on_device()
            graph.launch()
            on_gpu.count()
        np.testing.assert_array_equal(there.get(), here)
        assert on_gpu.t == on_host.t == 5


def test_float64_takes_the_readable_formula(fake_cuda: Shim) -> None:
    w = fake.to_device(np.zeros(3))
    Adam([("w", w)], 0.1).step({"w": w + 1})
    np.testing.assert_allclose(w.get(), [-0.1] * 3, rtol=1e-6)
    assert fake_cuda.ran == []


def test_steps_after_a_reset_are_those_of_a_new_optimizer(fake_cuda: Shim) -> None:
    used, new = moved(arrays(0)), moved(arrays(0))
    optimizer = Adam(used.items(), 0.1)
    optimizer.step(moved(arrays(1)))
    with strict.no_sync():
        optimizer.reset()
    for name, p in used.items():
        p.set(arrays(0)[name])
    optimizer.step(moved(arrays(2)))
    Adam(new.items(), 0.1).step(moved(arrays(2)))
    for name, p in used.items():
        np.testing.assert_array_equal(p.get(), new[name].get())


def test_gradients_that_are_not_finite_are_not_looked_at(fake_cuda: Shim) -> None:
    w = fake.to_device(np.zeros(3, np.float32))
    optimizer = Adam([("w", w)])
    with strict.no_sync():
        optimizer.step({"w": w + np.float32(np.nan)})
    assert optimizer.t == 1 and np.isnan(w.get()).all()


def test_who_has_looked_at_gradients_on_a_gpu_can_raise_the_same_error(fake_cuda: Shim) -> None:
    grads = moved({"a": np.ones(3, np.float32), "b": np.full(3, np.nan, np.float32)})
    assert str(NotFinite(grads)) == "the gradients of b are not finite; no parameter has moved"


def test_a_wrong_gradient_is_refused_before_anything_moves(fake_cuda: Shim) -> None:
    w = fake.to_device(np.zeros(3, np.float32))
    optimizer = Adam([("w", w)])
    with pytest.raises(ValueError, match="w: the gradient has shape"):
        optimizer.step({"w": fake.to_device(np.zeros(4, np.float32))})
    assert optimizer.t == 0
    assert fake_cuda.ran == []

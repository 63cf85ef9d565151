"""Replays of whole steps, for every game: which are recorded, and that they are the steps themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from support import capture

from minigan import kernels, objectives
from minigan.checks import StepCase, small_pair, step_cases
from minigan.device import Array
from minigan.engine.recorded import Replays
from minigan.optim import SGD, Idle
from minigan.random import Streams
from minigan.training.observed import Observed
from minigan.training.steps import discriminator_step, generator_step

STEPS = 8
RATE = 1e-6  # the weights of small_pair are random and large: a step of the usual size throws them far away
# Games that are not recorded, and what of them CuPy refuses while a stream captures. All others are.
EAGER = {
    "mcgan-cov, batch norm in D": "cupy.linalg.qr calls cuSOLVER, which CuPy does not record",
    "mcgan-cov, form dual, batch norm in D": "cupy.linalg.eigh calls cuSOLVER, which CuPy does not record",
}
CASES = [*step_cases(), StepCase("r1", "layer", {"every": 3}), StepCase("mcgan-mean", None, {"p": 1})]
EAGER["mcgan-mean, p 1, no norm in D"] = "cupy.sort waits for the GPU: the current stream is capturing"


class Small:
    """A small game on the machine, with the books of a run; random numbers are drawn there."""

    def __init__(self, case: StepCase, machine: capture.Gpu) -> None:
        def move(x: np.ndarray) -> Array:
            return machine.array(x.astype(np.float32))

        streams = Streams(5)
        self.turn = machine.array(np.zeros(1, np.uint64))
        self.draws = streams.counter("draws", self.turn)
        objective = case.objective(streams)
        del objective.after_d_update  # the page's own is under it
        self.G, self.D = small_pair(streams("weights"), case.critic_norm, objective, case.spectral_norm)
        self.G.convert(move)
        self.D.convert(move)
        objective.convert(machine.array)
        if hasattr(objective, "rng"):
            objective.rng = self.draws
        self.objective, self.machine = Observed(objective), machine
        self.sizes = (6, 6, 6, 1), (6 * objective.fakes, 3)
        params = list(self.D.named_params())
        self.optimizers = [SGD(params, RATE) if objective.trains_d else Idle(), SGD(self.G.named_params(), RATE)]

    def draw(self, shape: tuple[int, ...]) -> Array:
        x = np.empty_like(self.turn, shape=shape, dtype=np.float32)
        kernels.draw_normal(x, self.draws.key, self.draws.step, self.draws.part())
        return x

    def begin(self) -> None:
        kernels.tick(self.turn)
        self.draws.begin()

    def d_turn(self) -> Array:
        self.begin()
        real, z = map(self.draw, self.sizes)
        return discriminator_step(self.D, self.G, self.objective, self.optimizers[0], real, z)

    def g_turn(self) -> Array:
        self.begin()
        if self.objective.inner.compares:
            self.objective.face(self.D, self.draw(self.sizes[0]))
        return generator_step(self.D, self.G, self.objective, self.optimizers[1], self.draw(self.sizes[1]))

    def open(self) -> None:
        pass

    def read(self) -> dict[str, int]:
        return {"d": self.optimizers[0].t, "g": self.optimizers[1].t, **self.objective.inner.counts()}

    def write(self, numbers: Mapping[str, int]) -> None:
        self.optimizers[0].t, self.optimizers[1].t = numbers["d"], numbers["g"]
        if self.objective.inner.counts():
            self.objective.inner.set_counts({name: n for name, n in numbers.items() if name not in "dg"})

    def advance(self, moves: Mapping[str, int]) -> None:
        self.write({name: n + moves[name] for name, n in self.read().items()})

    def everything(self) -> dict[str, bytes]:
        found = {f"{i} {name}": a for i, o in enumerate(self.optimizers) for name, a in o.state.items()}
        for i, part in enumerate((self.D, self.G, self.objective.inner)):
            found |= {f"{i} buffer {name}": a for name, a in part.named_buffers()}
        found |= {f"{i} {name}": a for i, n in enumerate((self.D, self.G)) for name, a in n.named_params()}
        return {name: a.get().tobytes() for name, a in (found | {"turn": self.turn}).items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_replayed_step_is_the_step_itself_to_the_last_bit(case: StepCase, monkeypatch: pytest.MonkeyPatch) -> None:
    capture.own_kernels(monkeypatch)
    with capture.gpu() as machine:
        plain, small = Small(case, machine), Small(case, machine)
        critic_steps = int(small.objective.inner.trains_d)
        told: list[str] = []
        replays = Replays(small.d_turn, small.g_turn, small.objective, small, machine, told.append)
        for _ in range(STEPS):
            d_loss, g_loss = plain.d_turn() if critic_steps else None, plain.g_turn()
            expected = [None if x is None else x.get() for x in (d_loss, g_loss, plain.objective.a, plain.objective.b)]
            losses = replays.step(critic_steps)
            got = [None if x is None else x.get() for x in (*losses, small.objective.a, small.objective.b)]
            for x, y in zip(got, expected, strict=True):
                np.testing.assert_array_equal(x, y)
        assert small.everything() == plain.everything()
        assert small.read() == plain.read()
    assert replays.why_not == EAGER.get(str(case))
    assert len(told) == (str(case) in EAGER)
    forms = 2 if case.options.get("every") else 1
    assert sum(graph.launches > 0 for graph in machine.graphs) == (0 if told else forms)
    assert sum(graph.launches for graph in machine.graphs) == (0 if told else STEPS - 2 * forms)


def test_every_objective_is_in_the_table() -> None:
    assert {case.name for case in CASES} == set(objectives.names())
    assert EAGER.keys() <= {str(case) for case in CASES}
